/*
 * JSON: a writer, and a parser for the bodies of requests.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef MINIPBX_JSON_H
#define MINIPBX_JSON_H

#include "text.h"

/* Writes JSON, `{0}` is empty; commas and quotes take care of themselves. `key` is NULL in an array and at the top. */
struct json {
    struct text text;
    bool comma;
};

/* `bracket` is '{' or '['; json_close takes its partner. */
void json_open(struct json *json, const char *key, char bracket);
void json_close(struct json *json, char bracket);
/* Bytes that are not UTF-8 become U+FFFD, so that what is written can always be sent. NULL counts as "". */
void json_string(struct json *json, const char *key, const char *value);
void json_integer(struct json *json, const char *key, long value);
void json_boolean(struct json *json, const char *key, bool value);
void json_free(struct json *json);

enum json_kind {
    JSON_NULL,
    JSON_BOOLEAN,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

/* A parsed value. Objects and arrays hold their members as a list. */
struct json_value {
    enum json_kind kind;
    /* The name, if it is a member of an object. */
    char *key;
    /* A string's content (cut at a NUL), or a number, true, false or null as it was written. */
    char *text;
    struct json_value *first;
    struct json_value *last;
    struct json_value *next;
};

/* NULL for whatever is not exactly one JSON value, and for nesting beyond JSON_MAXIMUM_DEPTH. */
#define JSON_MAXIMUM_DEPTH 64
struct json_value *json_parse(const char *data, size_t length);
void json_value_free(struct json_value *value);
/* The last member of that name; NULL if there is none or `object` is no object. */
struct json_value *json_member(const struct json_value *object, const char *name);
void json_value_write(struct json *json, const char *key, const struct json_value *value);

#endif
