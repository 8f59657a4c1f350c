/*
 * Text and memory.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "text.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *checked(void *memory)
{
    if (memory == NULL) {
        fputs("minipbx: out of memory\n", stderr);
        abort();
    }
    return memory;
}

void *memory_get(size_t count, size_t size)
{
    return checked(calloc(count > 0 ? count : 1, size));
}

void *memory_resize(void *memory, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size) {
        return checked(NULL);
    }
    return checked(realloc(memory, count * size));
}

char *copy_string(const char *string)
{
    return string == NULL ? NULL : copy_bytes(string, strlen(string));
}

char *copy_bytes(const char *data, size_t length)
{
    char *copy = memory_get(length + 1, 1);
    if (length > 0) {
        memcpy(copy, data, length);
    }
    return copy;
}

void replace_string(char **where, const char *string)
{
    /* Copied first: `string` may be, or be part of, what is there now. */
    char *copy = copy_string(string);
    free(*where);
    *where = copy;
}

void text_append(struct text *text, const char *data, size_t length)
{
    if (text->capacity - text->length <= length) {
        size_t capacity = text->capacity == 0 ? 64 : text->capacity;
        while (capacity - text->length <= length) {
            capacity *= 2;
        }
        text->data = memory_resize(text->data, capacity, 1);
        text->capacity = capacity;
    }
    if (length > 0) {
        memcpy(text->data + text->length, data, length);
        text->length += length;
    }
    text->data[text->length] = '\0';
}

void text_add(struct text *text, const char *string)
{
    text_append(text, string, strlen(string));
}

void text_format(struct text *text, const char *format, ...)
{
    char buffer[256];
    va_list arguments;
    va_start(arguments, format);
    int needed = vsnprintf(buffer, sizeof buffer, format, arguments);
    va_end(arguments);
    if (needed < 0) {
        return;
    }
    if ((size_t)needed < sizeof buffer) {
        text_append(text, buffer, (size_t)needed);
        return;
    }
    char *large = memory_get((size_t)needed + 1, 1);
    va_start(arguments, format);
    vsnprintf(large, (size_t)needed + 1, format, arguments);
    va_end(arguments);
    text_append(text, large, (size_t)needed);
    free(large);
}

const char *text_string(const struct text *text)
{
    return text->data == NULL ? "" : text->data;
}

void text_free(struct text *text)
{
    free(text->data);
    text->data = NULL;
    text->length = 0;
    text->capacity = 0;
}

/* The C library's tolower follows the locale; words of commands and configuration are ASCII. */
static int lower(int byte)
{
    return byte >= 'A' && byte <= 'Z' ? byte - 'A' + 'a' : byte;
}

bool equal_ignoring_case(const char *a, const char *b)
{
    return strlen(a) == strlen(b) && starts_ignoring_case(a, b);
}

bool starts_ignoring_case(const char *string, const char *prefix)
{
    for (; *prefix != '\0'; string++, prefix++) {
        if (lower((unsigned char)*string) != lower((unsigned char)*prefix)) {
            return false;
        }
    }
    return true;
}

char *trim(char *string)
{
    while (isspace((unsigned char)*string)) {
        string++;
    }
    size_t length = strlen(string);
    while (length > 0 && isspace((unsigned char)string[length - 1])) {
        string[--length] = '\0';
    }
    return string;
}

size_t split_words(char *line, char **words, size_t maximum)
{
    size_t count = 0;
    char *from = line;
    while (count < maximum) {
        while (isspace((unsigned char)*from)) {
            from++;
        }
        if (*from == '\0') {
            break;
        }
        /* Quotes vanish, so the word is written over itself, never behind where it is read. */
        char *to = from;
        words[count++] = to;
        bool quoted = false;
        while (*from != '\0' && (quoted || !isspace((unsigned char)*from))) {
            if (*from == '"') {
                quoted = !quoted;
            } else {
                *to++ = *from;
            }
            from++;
        }
        bool last = *from == '\0';
        *to = '\0';
        if (last) {
            break;
        }
        from++;
    }
    return count;
}

bool parse_number(const char *string, long minimum, long maximum, long *number)
{
    char *end = NULL;
    errno = 0;
    long value = strtol(string, &end, 10);
    if (errno != 0 || end == string || *end != '\0' || value < minimum || value > maximum) {
        return false;
    }
    *number = value;
    return true;
}
