/*
 * Text and memory: a string that grows, and copies of strings.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * minipbx ends itself when memory runs out, which keeps the example readable. A real PBX would refuse the call
 * instead; the library never ends its host.
 */
#ifndef MINIPBX_TEXT_H
#define MINIPBX_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* A string that grows. `{0}` is the empty one; `data` is NUL-terminated once something was added. */
struct text {
    char *data;
    size_t length;
    size_t capacity;
};

void text_append(struct text *text, const char *data, size_t length);
void text_add(struct text *text, const char *string);
void text_format(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Never NULL. */
const char *text_string(const struct text *text);
void text_free(struct text *text);

/* Zeroed memory. */
void *memory_get(size_t count, size_t size);
void *memory_resize(void *memory, size_t count, size_t size);
/* A copy; NULL for NULL. */
char *copy_string(const char *string);
char *copy_bytes(const char *data, size_t length);
/* Frees what `where` holds and puts a copy of `string` there. */
void replace_string(char **where, const char *string);

bool equal_ignoring_case(const char *a, const char *b);
bool starts_ignoring_case(const char *string, const char *prefix);
/* Cuts white space off both ends, in place. */
char *trim(char *string);
/* Cuts `line` into words at white space; double quotes keep a word together. Returns how many. */
size_t split_words(char *line, char **words, size_t maximum);
/* A decimal number in the range; false for anything else. */
bool parse_number(const char *string, long minimum, long maximum, long *number);

#endif
