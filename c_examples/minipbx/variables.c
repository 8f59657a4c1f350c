/*
 * Variables.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "variables.h"

#include "text.h"

#include <stdlib.h>
#include <string.h>

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
