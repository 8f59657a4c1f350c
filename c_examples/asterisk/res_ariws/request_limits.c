/*
 * Which requests Asterisk is spared: it would not survive them, or run functions without regard to rights.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "parts.h"

/* What a request may hold. Asterisk copies texts to stacks without a look at their length, and the smallest stack is
   that of a channel's thread, AST_STACKSIZE: 496 KiB, 240 KiB with pointers of 32 bits. When CALLERID(...) is set
   there, its name is copied by pbx_builtin_setvar_helper, ast_func_write and the function, and the value by the
   function; two more copies are for functions that nobody has read. The rest of the stack is for the dialplan that the
   channel is in. That gives 64 KiB, as much as a whole message of Asterisk's own websockets may have, and 21 KiB. */
#define STACK_COPIES 6
#define STACK_RESERVE (112 << 10)
#define MAX_TEXT ((size_t)(AST_STACKSIZE - STACK_RESERVE) / STACK_COPIES)
/* Functions in functions are copied at every level: 3 KB of MASTER_CHANNEL(MASTER_CHANNEL(...)) would be enough. So
   the length of a name counts as often as it has functions and expressions, whose number is bounded for their own
   frames. */
#define MAX_CALLS 64
/* Asterisk writes and copies JSON, and makes events of its manager of it, by recursion. */
#define MAX_DEPTH 100
/* Parameters, members and elements: each new variable of a channel is compared with all it has. Asterisk's HTTP server
   takes no body that has room for more variables. */
#define MAX_PARTS 10000

enum extent {
    EXTENT_FITS,
    EXTENT_LONG,
    EXTENT_CALLS,
    EXTENT_DEEP,
    EXTENT_MANY,
};

static enum extent text_extent(size_t length)
{
    return length > MAX_TEXT ? EXTENT_LONG : EXTENT_FITS;
}

/* Of what Asterisk may take for the name of a variable, which may be a function. */
static enum extent name_extent(const char *name)
{
    size_t length = strlen(name);
    size_t count = 0;
    const char *next;

    for (next = strpbrk(name, "($"); next; next = strpbrk(next + 1, "($")) {
        count++;
    }
    if (length <= MAX_TEXT && (count > MAX_CALLS || (count && length > MAX_TEXT / count))) {
        return EXTENT_CALLS;
    }
    return text_extent(length);
}

/* Whether the parameter of this name, or the member of a body, has names of variables. */
static int has_names(const char *name)
{
    return !strcmp(name, "variable") || !strcmp(name, "variables");
}

static enum extent json_extent(struct ast_json *json, int named, int depth, size_t *parts)
{
    enum extent extent = EXTENT_FITS;
    struct ast_json_iter *member;
    size_t index;

    switch (ast_json_typeof(json)) {
    case AST_JSON_STRING:
        return named ? name_extent(ast_json_string_get(json)) : text_extent(strlen(ast_json_string_get(json)));
    case AST_JSON_OBJECT:
    case AST_JSON_ARRAY:
        break;
    default:
        return EXTENT_FITS;
    }
    *parts += ast_json_object_size(json) + ast_json_array_size(json);
    if (depth > MAX_DEPTH) {
        return EXTENT_DEEP;
    }
    if (*parts > MAX_PARTS) {
        return EXTENT_MANY;
    }
    for (index = 0; !extent && index < ast_json_array_size(json); index++) {
        extent = json_extent(ast_json_array_get(json, index), named, depth + 1, parts);
    }
    for (member = ast_json_object_iter(json); !extent && member; member = ast_json_object_iter_next(json, member)) {
        const char *name = ast_json_object_iter_key(member);

        extent = name_extent(name);
        if (!extent) {
            extent = json_extent(ast_json_object_iter_value(member), depth == 1 && has_names(name), depth + 1, parts);
        }
    }
    return extent;
}

static enum extent request_extent(const ariws_request *request, struct ast_json *body)
{
    enum extent extent = text_extent(strlen(request->path));
    size_t parts = request->parameters_count;
    size_t index;

    if (parts > MAX_PARTS) {
        return EXTENT_MANY;
    }
    for (index = 0; !extent && index < request->parameters_count; index++) {
        const ariws_parameter *parameter = &request->parameters[index];

        extent = text_extent(MAX(parameter->name_length, parameter->value_length));
        if (!extent && has_names(parameter->name)) {
            extent = name_extent(parameter->value);
        }
    }
    return extent ? extent : json_extent(body, 0, 1, &parts);
}

/* Newer versions put variables that are to be reported into each event of their channel: a function among them is read
   again and again on the channel's own thread, which has every right, so that Asterisk would run SHELL(...) for a
   guest. */
static int request_reports_function(const ariws_request *request, struct ast_json *body)
{
    const char *variable = S_OR(ast_json_string_get(ast_json_object_get(body, "variable")), "");
    struct ast_json *member = ast_json_object_get(body, "report_events");
    int function = strchr(variable, '(') != NULL;
    int reported = member && !ast_json_is_false(member);
    struct ast_json *variables = ast_json_object_get(body, "variables");
    struct ast_json_iter *iter;
    size_t index;

    for (index = 0; index < request->parameters_count; index++) {
        const ariws_parameter *parameter = &request->parameters[index];

        function |= !strcmp(parameter->name, "variable") && strchr(parameter->value, '(');
        reported |= !strcmp(parameter->name, "report_events") && !ast_false(parameter->value);
    }
    for (iter = ast_json_object_iter(variables); iter; iter = ast_json_object_iter_next(variables, iter)) {
        if (strchr(ast_json_object_iter_key(iter), '(')) {
            member = ast_json_object_get(ast_json_object_iter_value(iter), "report_events");
            if (member && !ast_json_is_false(member)) {
                return 1;
            }
        }
    }
    return function && reported;
}

int request_refuse(const ariws_request *request, struct ast_json *body, struct ast_ari_response *response)
{
    static const char title[] = "Request Entity Too Large";

    switch (request_extent(request, body)) {
    case EXTENT_FITS:
        if (!request_reports_function(request, body)) {
            return 0;
        }
        ast_ari_response_error(response, 403, "Forbidden", "Functions cannot be reported in events");
        break;
    case EXTENT_LONG:
        ast_ari_response_error(response, 413, title, "A text is longer than %zu bytes", MAX_TEXT);
        break;
    case EXTENT_CALLS:
        ast_ari_response_error(response, 413, title, "The name of a variable has too many functions, or too long ones");
        break;
    case EXTENT_DEEP:
        ast_ari_response_error(response, 400, "Bad request", "'message_body' has more than %d levels", MAX_DEPTH);
        break;
    case EXTENT_MANY:
        ast_ari_response_error(response, 413, title, "More than %d parameters, members and elements", MAX_PARTS);
        break;
    }
    return -1;
}
