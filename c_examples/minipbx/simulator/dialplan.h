/*
 * The dialplan: contexts, extensions, steps; variables, of a channel and global ones.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef MINIPBX_DIALPLAN_H
#define MINIPBX_DIALPLAN_H

#include "text.h"

#include <stdio.h>

struct pbx;
struct channel;

struct step {
    struct step *next;
    char *extension;
    int priority;
    char *application;
    char *data;
};

struct context {
    struct context *next;
    char *name;
    /* Made by context_create; only such a context is destroyed by context_destroy. */
    bool from_library;
    struct step *first;
    struct step *last;
};

struct dialplan {
    struct context *first;
};

struct context *dialplan_context(const struct dialplan *dialplan, const char *name);
/* A new context; NULL if there is one of that name. */
struct context *dialplan_add_context(struct dialplan *dialplan, const char *name, bool from_library);
void dialplan_add_step(struct context *context, const char *extension, int priority, const char *application,
                       const char *data);
bool dialplan_remove_context(struct dialplan *dialplan, const char *name);
/* The step that a channel takes there: the extension itself, else the first pattern that fits. NULL if none. */
const struct step *dialplan_find(const struct dialplan *dialplan, const char *context, const char *extension,
                                 int priority);
/* Whether `pattern` ("_X.", "_.") fits the extension. */
bool dialplan_matches(const char *pattern, const char *extension);
/* What `show dialplan` prints. */
void dialplan_write(const struct context *context, struct text *text);
void dialplan_free(struct dialplan *dialplan);

/* dialplan_file.c; not under the lock, faults are in the log. */
bool dialplan_load(struct dialplan *dialplan, const char *path);

/* dialplan_run.c: runs the dialplan from where the channel is to its end; returns when it has nothing left to do. */
void dialplan_run(struct channel *channel);
/* Replaces each ${name} by the variable's value; to be freed. */
char *dialplan_expand(const struct channel *channel, const char *data);

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
