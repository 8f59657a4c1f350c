/*
 * JSON as text: what ast_json_dump_string_format makes with AST_JSON_COMPACT, byte for byte. That takes most of the
 * time for which an event keeps its sender: it decodes each character, and notes in a table which arrays and objects
 * it is in. Asterisk's texts were checked to be UTF-8 when they were put in, and what it sends has no loops.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "parts.h"

struct text {
    char *bytes;
    size_t length;
    size_t size;
    int failed;
};

#define TEXT_SIZE 1024

static void text_put(struct text *text, const char *bytes, size_t length)
{
    if (length > text->size - text->length) {
        size_t size = MAX(text->size * 2, text->length + length + TEXT_SIZE);
        char *larger = text->failed ? NULL : ast_realloc(text->bytes, size);

        if (!larger) {
            text->failed = 1;
            return;
        }
        text->bytes = larger;
        text->size = size;
    }
    memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
}

/* How the characters are written that cannot stand in a string as they are: by a letter, or by their number. */
#define BY_NUMBER 1

static const char escapes[UCHAR_MAX + 1] = {
    [0 ... 7] = BY_NUMBER, ['\b'] = 'b',  ['\t'] = 't', ['\n'] = 'n',
    [0x0b] = BY_NUMBER,    ['\f'] = 'f',  ['\r'] = 'r', [0x0e ... 0x1f] = BY_NUMBER,
    ['"'] = '"',           ['\\'] = '\\',
};

static void text_put_string(struct text *text, const char *string)
{
    text_put(text, "\"", 1);
    for (;;) {
        const char *next = string;
        char escape[sizeof("\\u0000")];
        int length;

        while (!escapes[(unsigned char)*next]) {
            next++;
        }
        text_put(text, string, next - string);
        if (!*next) {
            break;
        }
        length = escapes[(unsigned char)*next] == BY_NUMBER
                     ? sprintf(escape, "\\u%04X", *next)                       /* Safe */
                     : sprintf(escape, "\\%c", escapes[(unsigned char)*next]); /* Safe */
        text_put(text, escape, length);
        string = next + 1;
    }
    text_put(text, "\"", 1);
}

/* Asterisk writes numbers only within something. */
static void text_put_real(struct text *text, struct ast_json *real)
{
    struct ast_json *array = ast_json_array_create();
    char *written = NULL;

    if (array && !ast_json_array_append(array, ast_json_ref(real))) {
        written = ast_json_dump_string_format(array, AST_JSON_COMPACT);
    }
    if (written) {
        text_put(text, written + 1, strlen(written) - 2);
    } else {
        text->failed = 1;
    }
    ast_json_free(written);
    ast_json_unref(array);
}

static void text_put_json(struct text *text, struct ast_json *json)
{
    struct ast_json_iter *member;
    char number[32];
    size_t count;
    size_t index;

    switch (ast_json_typeof(json)) {
    case AST_JSON_OBJECT:
        text_put(text, "{", 1);
        for (member = ast_json_object_iter(json); member;) {
            text_put_string(text, ast_json_object_iter_key(member));
            text_put(text, ":", 1);
            text_put_json(text, ast_json_object_iter_value(member));
            member = ast_json_object_iter_next(json, member);
            if (member) {
                text_put(text, ",", 1);
            }
        }
        text_put(text, "}", 1);
        break;
    case AST_JSON_ARRAY:
        count = ast_json_array_size(json);
        text_put(text, "[", 1);
        for (index = 0; index < count; index++) {
            if (index) {
                text_put(text, ",", 1);
            }
            text_put_json(text, ast_json_array_get(json, index));
        }
        text_put(text, "]", 1);
        break;
    case AST_JSON_STRING:
        text_put_string(text, ast_json_string_get(json));
        break;
    case AST_JSON_INTEGER:
        text_put(text, number, snprintf(number, sizeof(number), "%jd", ast_json_integer_get(json)));
        break;
    case AST_JSON_REAL:
        text_put_real(text, json);
        break;
    case AST_JSON_TRUE:
        text_put(text, "true", 4);
        break;
    case AST_JSON_FALSE:
        text_put(text, "false", 5);
        break;
    case AST_JSON_NULL:
        text_put(text, "null", 4);
        break;
    }
}

char *json_text(struct ast_json *json, size_t *length)
{
    struct text text = {0};

    if (ast_json_typeof(json) != AST_JSON_OBJECT && ast_json_typeof(json) != AST_JSON_ARRAY) {
        return NULL;
    }
    text_put_json(&text, json);
    text_put(&text, "", 1);
    if (text.failed) {
        ast_free(text.bytes);
        return NULL;
    }
    *length = text.length - 1;
    return text.bytes;
}
