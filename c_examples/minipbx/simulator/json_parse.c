/*
 * Parsing JSON (RFC 8259). What an application sends is not to be trusted: every read is checked against the end,
 * and nesting is limited because the parser calls itself.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "json.h"

#include <stdlib.h>
#include <string.h>

struct parser {
    const char *at;
    const char *end;
    int depth;
};

static struct json_value *parse_value(struct parser *parser);

static void skip_blanks(struct parser *parser)
{
    while (parser->at < parser->end && memchr(" \t\r\n", *parser->at, 4) != NULL) {
        parser->at++;
    }
}

static bool take(struct parser *parser, char expected)
{
    if (parser->at < parser->end && *parser->at == expected) {
        parser->at++;
        return true;
    }
    return false;
}

static bool parse_hex(struct parser *parser, unsigned long *unit)
{
    if (parser->end - parser->at < 4) {
        return false;
    }
    *unit = 0;
    for (int i = 0; i < 4; i++) {
        char digit = *parser->at++;
        *unit <<= 4;
        if (digit >= '0' && digit <= '9') {
            *unit |= (unsigned long)(digit - '0');
        } else if (digit >= 'a' && digit <= 'f') {
            *unit |= (unsigned long)(digit - 'a' + 10);
        } else if (digit >= 'A' && digit <= 'F') {
            *unit |= (unsigned long)(digit - 'A' + 10);
        } else {
            return false;
        }
    }
    return true;
}

static void append_utf8(struct text *text, unsigned long point)
{
    char bytes[4];
    size_t length;
    if (point < 0x80) {
        bytes[0] = (char)point;
        length = 1;
    } else if (point < 0x800) {
        bytes[0] = (char)(0xc0 | (point >> 6));
        bytes[1] = (char)(0x80 | (point & 0x3f));
        length = 2;
    } else if (point < 0x10000) {
        bytes[0] = (char)(0xe0 | (point >> 12));
        bytes[1] = (char)(0x80 | ((point >> 6) & 0x3f));
        bytes[2] = (char)(0x80 | (point & 0x3f));
        length = 3;
    } else {
        bytes[0] = (char)(0xf0 | (point >> 18));
        bytes[1] = (char)(0x80 | ((point >> 12) & 0x3f));
        bytes[2] = (char)(0x80 | ((point >> 6) & 0x3f));
        bytes[3] = (char)(0x80 | (point & 0x3f));
        length = 4;
    }
    text_append(text, bytes, length);
}

static bool parse_unicode(struct parser *parser, struct text *text)
{
    unsigned long unit;
    unsigned long low;
    if (!parse_hex(parser, &unit)) {
        return false;
    }
    if (unit >= 0xdc00 && unit < 0xe000) {
        return false;
    }
    if (unit >= 0xd800 && unit < 0xdc00) {
        if (!take(parser, '\\') || !take(parser, 'u') || !parse_hex(parser, &low) || low < 0xdc00 || low > 0xdfff) {
            return false;
        }
        unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
    }
    append_utf8(text, unit);
    return true;
}

/* The content of a string, after its opening quote. */
static bool parse_string(struct parser *parser, struct text *text)
{
    text_add(text, "");
    while (parser->at < parser->end) {
        char byte = *parser->at++;
        if (byte == '"') {
            return true;
        }
        if ((unsigned char)byte < 0x20) {
            return false;
        }
        if (byte != '\\') {
            text_append(text, &byte, 1);
            continue;
        }
        if (parser->at == parser->end) {
            return false;
        }
        char escape = *parser->at++;
        const char *names = "\"\\/bfnrt";
        const char *found = memchr(names, escape, 8);
        if (escape == 'u') {
            if (!parse_unicode(parser, text)) {
                return false;
            }
        } else if (found != NULL) {
            text_append(text, "\"\\/\b\f\n\r\t" + (found - names), 1);
        } else {
            return false;
        }
    }
    return false;
}

static bool skip_digits(struct parser *parser)
{
    const char *start = parser->at;
    while (parser->at < parser->end && *parser->at >= '0' && *parser->at <= '9') {
        parser->at++;
    }
    return parser->at > start;
}

static bool skip_number(struct parser *parser)
{
    take(parser, '-');
    if (!take(parser, '0') && !skip_digits(parser)) {
        return false;
    }
    if (take(parser, '.') && !skip_digits(parser)) {
        return false;
    }
    if (take(parser, 'e') || take(parser, 'E')) {
        if (!take(parser, '+')) {
            take(parser, '-');
        }
        return skip_digits(parser);
    }
    return true;
}

static bool parse_members(struct parser *parser, struct json_value *value)
{
    bool object = value->kind == JSON_OBJECT;
    char close = object ? '}' : ']';
    skip_blanks(parser);
    if (take(parser, close)) {
        return true;
    }
    do {
        struct text key = {0};
        skip_blanks(parser);
        if (object) {
            bool good = take(parser, '"') && parse_string(parser, &key);
            skip_blanks(parser);
            if (!good || !take(parser, ':')) {
                text_free(&key);
                return false;
            }
        }
        struct json_value *member = parse_value(parser);
        if (member == NULL) {
            text_free(&key);
            return false;
        }
        member->key = key.data;
        if (value->last == NULL) {
            value->first = member;
        } else {
            value->last->next = member;
        }
        value->last = member;
        skip_blanks(parser);
    } while (take(parser, ','));
    return take(parser, close);
}

static bool parse_word(struct parser *parser, struct json_value *value)
{
    static const struct {
        const char *word;
        enum json_kind kind;
    } words[] = {{"null", JSON_NULL}, {"true", JSON_BOOLEAN}, {"false", JSON_BOOLEAN}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t length = strlen(words[i].word);
        if ((size_t)(parser->end - parser->at) >= length && memcmp(parser->at, words[i].word, length) == 0) {
            parser->at += length;
            value->kind = words[i].kind;
            value->text = copy_string(words[i].word);
            return true;
        }
    }
    const char *start = parser->at;
    if (!skip_number(parser)) {
        return false;
    }
    value->kind = JSON_NUMBER;
    value->text = copy_bytes(start, (size_t)(parser->at - start));
    return true;
}

static struct json_value *parse_value(struct parser *parser)
{
    struct json_value *value = memory_get(1, sizeof *value);
    struct text text = {0};
    bool good;
    skip_blanks(parser);
    parser->depth++;
    if (parser->depth > JSON_MAXIMUM_DEPTH) {
        good = false;
    } else if (take(parser, '{')) {
        value->kind = JSON_OBJECT;
        good = parse_members(parser, value);
    } else if (take(parser, '[')) {
        value->kind = JSON_ARRAY;
        good = parse_members(parser, value);
    } else if (take(parser, '"')) {
        value->kind = JSON_STRING;
        good = parse_string(parser, &text);
        value->text = text.data;
    } else {
        good = parse_word(parser, value);
    }
    parser->depth--;
    if (!good) {
        json_value_free(value);
        return NULL;
    }
    return value;
}

struct json_value *json_parse(const char *data, size_t length)
{
    struct parser parser = {data, data + length, 0};
    struct json_value *value = parse_value(&parser);
    skip_blanks(&parser);
    if (value != NULL && parser.at != parser.end) {
        json_value_free(value);
        return NULL;
    }
    return value;
}

void json_value_free(struct json_value *value)
{
    if (value == NULL) {
        return;
    }
    struct json_value *member = value->first;
    while (member != NULL) {
        struct json_value *next = member->next;
        json_value_free(member);
        member = next;
    }
    free(value->key);
    free(value->text);
    free(value);
}

struct json_value *json_member(const struct json_value *object, const char *name)
{
    struct json_value *found = NULL;
    if (object == NULL || object->kind != JSON_OBJECT) {
        return NULL;
    }
    for (struct json_value *member = object->first; member != NULL; member = member->next) {
        if (strcmp(member->key, name) == 0) {
            found = member;
        }
    }
    return found;
}
