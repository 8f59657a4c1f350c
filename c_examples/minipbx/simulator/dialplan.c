/*
 * The dialplan: what is where; variables.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "dialplan.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

struct context *dialplan_context(const struct dialplan *dialplan, const char *name)
{
    struct context *context = dialplan->first;
    while (context != NULL && strcmp(context->name, name) != 0) {
        context = context->next;
    }
    return context;
}

struct context *dialplan_add_context(struct dialplan *dialplan, const char *name, bool from_library)
{
    if (dialplan_context(dialplan, name) != NULL) {
        return NULL;
    }
    struct context *context = memory_get(1, sizeof *context);
    context->name = copy_string(name);
    context->from_library = from_library;
    struct context **at = &dialplan->first;
    while (*at != NULL) {
        at = &(*at)->next;
    }
    *at = context;
    return context;
}

void dialplan_add_step(struct context *context, const char *extension, int priority, const char *application,
                       const char *data)
{
    struct step *step = memory_get(1, sizeof *step);
    step->extension = copy_string(extension);
    step->priority = priority;
    step->application = copy_string(application);
    step->data = copy_string(data);
    if (context->last == NULL) {
        context->first = step;
    } else {
        context->last->next = step;
    }
    context->last = step;
}

static void context_free(struct context *context)
{
    while (context->first != NULL) {
        struct step *step = context->first;
        context->first = step->next;
        free(step->extension);
        free(step->application);
        free(step->data);
        free(step);
    }
    free(context->name);
    free(context);
}

bool dialplan_remove_context(struct dialplan *dialplan, const char *name)
{
    struct context **at = &dialplan->first;
    while (*at != NULL && strcmp((*at)->name, name) != 0) {
        at = &(*at)->next;
    }
    struct context *context = *at;
    if (context == NULL) {
        return false;
    }
    *at = context->next;
    context_free(context);
    return true;
}

/* `set` is what stands between the brackets of "[13-57]". */
static bool in_set(const char *set, size_t length, char byte)
{
    for (size_t i = 0; i < length; i++) {
        if (i + 2 < length && set[i + 1] == '-') {
            if (byte >= set[i] && byte <= set[i + 2]) {
                return true;
            }
            i += 2;
        } else if (byte == set[i]) {
            return true;
        }
    }
    return false;
}

bool dialplan_matches(const char *pattern, const char *extension)
{
    if (*pattern != '_') {
        return strcmp(pattern, extension) == 0;
    }
    const char *end;
    for (pattern++; *pattern != '\0'; pattern++, extension++) {
        switch (*pattern) {
        case '.':
            return *extension != '\0';
        case '!':
            return true;
        case 'X':
        case 'Z':
        case 'N':
            if (*extension < (*pattern == 'X' ? '0' : *pattern == 'Z' ? '1' : '2') || *extension > '9') {
                return false;
            }
            break;
        case '[':
            end = strchr(pattern, ']');
            if (end == NULL || *extension == '\0' || !in_set(pattern + 1, (size_t)(end - pattern - 1), *extension)) {
                return false;
            }
            pattern = end;
            break;
        default:
            if (*extension != *pattern) {
                return false;
            }
        }
    }
    return *extension == '\0';
}

static const struct step *find_step(const struct context *context, const char *extension, int priority)
{
    for (const struct step *step = context->first; step != NULL; step = step->next) {
        if (step->priority == priority && strcmp(step->extension, extension) == 0) {
            return step;
        }
    }
    return NULL;
}

const struct step *dialplan_find(const struct dialplan *dialplan, const char *name, const char *extension, int priority)
{
    const struct context *context = dialplan_context(dialplan, name);
    if (context == NULL) {
        return NULL;
    }
    /* Which extension it is does not depend on the priority: a plain one hides the patterns. */
    for (const struct step *step = context->first; step != NULL; step = step->next) {
        if (strcmp(step->extension, extension) == 0) {
            return find_step(context, extension, priority);
        }
    }
    for (const struct step *step = context->first; step != NULL; step = step->next) {
        if (*step->extension == '_' && dialplan_matches(step->extension, extension)) {
            return find_step(context, step->extension, priority);
        }
    }
    return NULL;
}

void dialplan_write(const struct context *context, struct text *text)
{
    text_format(text, "[%s]%s\n", context->name, context->from_library ? " (made by ariws)" : "");
    for (const struct step *step = context->first; step != NULL; step = step->next) {
        text_format(text, "  %-16s %3d. %s(%s)\n", step->extension, step->priority, step->application, step->data);
    }
}

void dialplan_free(struct dialplan *dialplan)
{
    while (dialplan->first != NULL) {
        struct context *context = dialplan->first;
        dialplan->first = context->next;
        context_free(context);
    }
}

static struct variable *find(const struct variables *variables, const char *name)
{
    for (struct variable *variable = variables->first; variable != NULL; variable = variable->next) {
        if (strcmp(variable->name, name) == 0) {
            return variable;
        }
    }
    return NULL;
}

const char *variables_get(const struct variables *variables, const char *name)
{
    const struct variable *variable = find(variables, name);
    return variable == NULL ? NULL : variable->value;
}

void variables_set(struct variables *variables, const char *name, const char *value)
{
    struct variable *variable = find(variables, name);
    if (variable == NULL) {
        variable = memory_get(1, sizeof *variable);
        variable->name = copy_string(name);
        variable->next = variables->first;
        variables->first = variable;
    }
    replace_string(&variable->value, value);
}

void variables_free(struct variables *variables)
{
    while (variables->first != NULL) {
        struct variable *variable = variables->first;
        variables->first = variable->next;
        free(variable->name);
        free(variable->value);
        free(variable);
    }
}
