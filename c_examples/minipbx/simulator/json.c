/*
 * Writing JSON.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "json.h"

#include <string.h>

/* How many bytes of valid UTF-8 begin here: 1 to 4, or 0 if there are none (RFC 3629). */
static size_t utf8_length(const unsigned char *at, size_t left)
{
    if (at[0] < 0x80) {
        return 1;
    }
    size_t length = at[0] >= 0xc2 && at[0] < 0xe0   ? 2
                    : at[0] >= 0xe0 && at[0] < 0xf0 ? 3
                    : at[0] >= 0xf0 && at[0] < 0xf5 ? 4
                                                    : 0;
    if (length == 0 || length > left) {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    /* Overlong forms, surrogates, and what lies beyond U+10FFFF. */
    if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) || (at[0] == 0xf0 && at[1] < 0x90) ||
        (at[0] == 0xf4 && at[1] > 0x8f)) {
        return 0;
    }
    return length;
}

static void quote(struct text *text, const char *value)
{
    const unsigned char *at = (const unsigned char *)value;
    size_t left = strlen(value);
    text_add(text, "\"");
    while (left > 0) {
        size_t length = utf8_length(at, left);
        if (length == 0) {
            text_add(text, "\xef\xbf\xbd");
            length = 1;
        } else if (*at == '"' || *at == '\\') {
            text_add(text, "\\");
            text_append(text, (const char *)at, 1);
        } else if (*at < 0x20) {
            const char *names = "\b\f\n\r\t";
            const char *found = strchr(names, *at);
            if (found != NULL) {
                text_add(text, "\\");
                text_append(text, "bfnrt" + (found - names), 1);
            } else {
                text_format(text, "\\u%04x", (unsigned int)*at);
            }
        } else {
            text_append(text, (const char *)at, length);
        }
        at += length;
        left -= length;
    }
    text_add(text, "\"");
}

static void begin(struct json *json, const char *key)
{
    if (json->comma) {
        text_add(&json->text, ",");
    }
    if (key != NULL) {
        quote(&json->text, key);
        text_add(&json->text, ":");
    }
    json->comma = true;
}

void json_open(struct json *json, const char *key, char bracket)
{
    begin(json, key);
    text_append(&json->text, &bracket, 1);
    json->comma = false;
}

void json_close(struct json *json, char bracket)
{
    text_append(&json->text, &bracket, 1);
    json->comma = true;
}

void json_string(struct json *json, const char *key, const char *value)
{
    begin(json, key);
    quote(&json->text, value == NULL ? "" : value);
}

void json_integer(struct json *json, const char *key, long value)
{
    begin(json, key);
    text_format(&json->text, "%ld", value);
}

void json_boolean(struct json *json, const char *key, bool value)
{
    begin(json, key);
    text_add(&json->text, value ? "true" : "false");
}

void json_free(struct json *json)
{
    text_free(&json->text);
    json->comma = false;
}

void json_value_write(struct json *json, const char *key, const struct json_value *value)
{
    switch (value->kind) {
    case JSON_STRING:
        json_string(json, key, value->text);
        break;
    case JSON_ARRAY:
    case JSON_OBJECT:
        json_open(json, key, value->kind == JSON_ARRAY ? '[' : '{');
        for (const struct json_value *member = value->first; member != NULL; member = member->next) {
            json_value_write(json, member->key, member);
        }
        json_close(json, value->kind == JSON_ARRAY ? ']' : '}');
        break;
    case JSON_NULL:
    case JSON_BOOLEAN:
    case JSON_NUMBER:
        /* As it was written: the parser has checked it. */
        begin(json, key);
        text_add(&json->text, value->text);
        break;
    }
}
