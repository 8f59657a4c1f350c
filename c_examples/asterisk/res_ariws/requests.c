/*
 * Requests of applications: run by Asterisk, on the library's threads.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "parts.h"

#include <signal.h>

#include "asterisk/config.h"
#include "asterisk/http.h"
#include "asterisk/pbx.h"
#include "asterisk/tcptls.h"

static enum ast_http_method request_method(const char *name)
{
    enum ast_http_method method;

    for (method = AST_HTTP_GET; method < AST_HTTP_MAX_METHOD; method++) {
        if (!strcmp(name, ast_get_http_method(method))) {
            return method;
        }
    }
    return AST_HTTP_UNKNOWN;
}

static int request_parameters(const ariws_request *request, struct ast_variable **list)
{
    struct ast_variable *last = NULL;
    size_t index;

    for (index = 0; index < request->parameters_count; index++) {
        const ariws_parameter *parameter = &request->parameters[index];
        struct ast_variable *variable = ast_variable_new(parameter->name, parameter->value, "");

        if (!variable) {
            return -1;
        }
        last = ast_variable_list_append_hint(list, last, variable);
    }
    return 0;
}

#ifdef HAVE_ARI_INVOKE_SOURCE

/* Here Asterisk checks name and password itself, for every request. Some versions look at the peer's address as
   well. */
static struct ast_tcptls_session_instance nobody;

static void request_invoke(const ariws_request *request, struct ast_variable *parameters, struct ast_json *body,
                           struct ast_ari_response *response)
{
    size_t size = strlen(request->user) + strlen(request->password) + 2;
    char *credentials = ast_malloc(size);
    char *header = ast_malloc(sizeof("Basic ") + size * 4 / 3 + 4);
    struct ast_variable *headers = NULL;

    if (credentials && header) {
        sprintf(credentials, "%s:%s", request->user, request->password);
        strcpy(header, "Basic "); /* Safe */
        ast_base64encode(header + strlen(header), (unsigned char *)credentials, size - 1, size * 4 / 3 + 4);
        headers = ast_variable_new("Authorization", header, "");
    }
    if (headers) {
        ast_ari_invoke(&nobody, ARI_INVOKE_SOURCE_WEBSOCKET, NULL, request->path, request_method(request->method),
                       parameters, headers, body, response);
    } else {
        ast_ari_response_alloc_failed(response);
    }
    ast_variables_destroy(headers);
    ast_free(header);
    ast_free(credentials);
}

#else

/* A websocket over a websocket. These versions take the path up to an empty segment and would serve a client that is
   not there. */
static int is_events(const char *path)
{
    size_t length = strcspn(path, "/");
    char *segment = ast_alloca(length + 1);

    ast_copy_string(segment, path, length + 1);
    ast_uri_decode(segment, ast_uri_http_legacy);
    return !strcmp(segment, "events") && (!path[length] || path[length + 1] == '/' || !path[length + 1]);
}

/* Here the function does less by itself: what Asterisk's HTTP server does before it is done here. The library has seen
   to read-only users, and there is nothing to authenticate. */
static void request_invoke(const ariws_request *request, struct ast_variable *parameters, struct ast_json *body,
                           struct ast_ari_response *response)
{
    enum ast_http_method method = request_method(request->method);
    const char *path = request->path;

    if (!ast_fully_booted) {
        ast_ari_response_error(response, 503, "Service Unavailable", "Asterisk not booted");
    } else if (ast_ends_with(path, "/")) {
        ast_ari_response_error(response, 404, "Not Found", "ARI URLs do not end with a slash. Try /ari/%.*s",
                               (int)strlen(path) - 1, path);
    } else if (ast_begins_with(path, "api-docs/")) {
        if (method == AST_HTTP_GET) {
            ast_ari_get_docs(path + strlen("api-docs/"), metrics_prefix(), NULL, response);
        } else {
            ast_ari_response_error(response, 405, "Method Not Allowed", "Unsupported method");
        }
    } else if (method == AST_HTTP_GET && is_events(path)) {
        ast_ari_response_error(response, 400, "Bad request", "Can't upgrade to websocket from a websocket");
    } else {
        ast_ari_invoke(NULL, path, method, parameters, NULL, body, response);
    }
}

#endif

static void debug_request(const ariws_request *request)
{
    struct ast_str *text = ast_str_create(512);
    size_t index;

    if (!text) {
        return;
    }
    ast_str_set(&text, 0, "<--- ARI request received from: %s --->\n%s %s\n", request->session_id, request->method,
                request->path);
    for (index = 0; index < request->parameters_count; index++) {
        ast_str_append(&text, 0, "%s: %s\n", request->parameters[index].name, request->parameters[index].value);
    }
    ast_verbose("%sbody:\n%s\n\n", ast_str_buffer(text), S_OR(request->body, ""));
    ast_free(text);
}

/* Gives the answer to the library, and frees what it is made of. */
static void request_answer(const ariws_request *request, struct ast_ari_response *response, int debug)
{
    size_t length = 0;
    char *text = NULL;
    int32_t result;

    if (response->fd >= 0) {
        /* A file: websocket messages carry JSON only. */
        close(response->fd);
        response->response_code = 406;
        response->response_text = "Not Acceptable.  Use HTTP GET";
    } else if (response->message && !ast_json_is_null(response->message)) {
        text = json_text(response->message, &length);
    }
    if (debug) {
        ast_verbose("<--- Sending ARI response to %s --->\n%d %s\n%s\n\n", request->session_id, response->response_code,
                    S_OR(response->response_text, ""), S_OR(text, ""));
    }
    result =
        library.request_complete(instance, request->id, response->response_code, response->response_text, text, length);
    if (result != ARIWS_OK && result != ARIWS_ERROR_NOT_FOUND && result != ARIWS_ERROR_UNLOADED) {
        ast_log(LOG_ERROR, "Asterisk's answer to %s %s, with status %d, cannot be sent: %s\n", request->method,
                request->path, response->response_code, library.result_text(result));
        library.request_complete(instance, request->id, 500, NULL, NULL, 0);
    }
    ast_free(text);
    ast_json_unref(response->message);
    ast_free(response->headers);
}

static void request_run(const ariws_request *request, struct ast_ari_response *response)
{
    struct ast_json *body =
        request->body ? ast_json_load_buf(request->body, request->body_length, NULL) : ast_json_null();
    struct ast_variable *parameters = NULL;

    if (ast_shutdown_final()) {
        /* As Asterisk's HTTP server does: modules are being unloaded. */
        ast_ari_response_error(response, 503, "Service Unavailable", "Shutdown in progress");
    } else if (!body) {
        ast_ari_response_error(response, 400, "Bad request", "Unable to parse 'message_body' as 'application/json'.");
    } else if (request_refuse(request, body, response)) {
        /* It is answered. */
    } else if (!response->headers || request_parameters(request, &parameters)) {
        ast_ari_response_alloc_failed(response);
    } else {
        request_invoke(request, parameters, body, response);
    }
    ast_variables_destroy(parameters);
    ast_json_unref(body);
}

/* What the thread of a request is set to while that runs, and was before. */
struct thread_state {
    int inhibited;
    int interface;
    sigset_t signals;
};

/* Makes this thread what Asterisk makes each of those that serve HTTP connections: one that is refused the dialplan
   functions which reach beyond the PBX (SHELL, FILE, ...) unless live_dangerously is set, and that never reads a
   channel's media. Requests come on threads of the library's only, so a channel's own is never changed. -1: nothing may
   be run. */
static int thread_restrict(struct thread_state *before)
{
    sigset_t urgent;

    before->interface = ast_thread_is_user_interface();
    before->inhibited = ast_thread_inhibit_escalations_swap(1);
    if (before->inhibited < 0) {
        return -1;
    }
    if (ast_thread_user_interface_set(1)) {
        ast_thread_inhibit_escalations_swap(before->inhibited);
        return -1;
    }
    /* Threads that Asterisk starts from here inherit the mask, and it wakes them with this signal. */
    sigemptyset(&urgent);
    sigaddset(&urgent, SIGURG);
    pthread_sigmask(SIG_UNBLOCK, &urgent, &before->signals);
    return 0;
}

static void thread_restore(const struct thread_state *before)
{
    pthread_sigmask(SIG_SETMASK, &before->signals, NULL);
    ast_thread_user_interface_set(before->interface);
    ast_thread_inhibit_escalations_swap(before->inhibited);
}

void on_ari_request(void *userdata, const ariws_request *request)
{
    struct ast_ari_response response = {.fd = -1, .headers = ast_str_create(80)};
    int debug = stasis_app_get_debug_by_name(request->application);
    struct thread_state before;

    if (debug) {
        debug_request(request);
    }
    if (gate_enter()) {
        ast_ari_response_error(&response, 503, "Service Unavailable", "The module is being unloaded");
        request_answer(request, &response, debug);
        return;
    }
    if (thread_restrict(&before)) {
        ast_ari_response_alloc_failed(&response);
    } else {
        request_run(request, &response);
        thread_restore(&before);
    }
    request_answer(request, &response, debug);
    gate_leave();
}
