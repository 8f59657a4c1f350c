/*
 * Variables: of a channel, and global ones.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef MINIPBX_VARIABLES_H
#define MINIPBX_VARIABLES_H

struct variable {
    struct variable *next;
    char *name;
    char *value;
};

struct variables {
    struct variable *first;
};

/* NULL if there is none of that name. */
const char *variables_get(const struct variables *variables, const char *name);
void variables_set(struct variables *variables, const char *name, const char *value);
void variables_free(struct variables *variables);

#endif
