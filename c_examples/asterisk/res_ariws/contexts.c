/*
 * Dialplan contexts of applications.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "parts.h"

#include "asterisk/pbx.h"

#define REGISTRAR "res_ariws"

/* The registrar of the contexts that Asterisk makes by itself for applications, and destroys some time after they are
   gone: also when they are registered anew meanwhile. In such a context the extensions become ours. */
#define STASIS_REGISTRAR "res_stasis"

static int context_is_of(const char *name, const char *registrar)
{
    struct ast_context *context = ast_context_find(name);

    return context && !strcmp(ast_get_context_registrar(context), registrar);
}

static int context_is_for_application(const char *name)
{
    return context_is_of(name, STASIS_REGISTRAR) || context_is_of(name, REGISTRAR);
}

static int32_t context_create(const char *name, const char *app)
{
    if (!ast_context_find(name)) {
        if (!ast_context_find_or_create(NULL, NULL, name, REGISTRAR)) {
            return ARIWS_HOST_FAILED;
        }
    } else if (!context_is_for_application(name)) {
        return ARIWS_CONTEXT_EXISTS;
    }
    if (ast_add_extension(name, 1, "_.", 1, NULL, NULL, "Stasis", ast_strdup(app), ast_free_ptr, REGISTRAR) ||
        ast_add_extension(name, 1, "h", 1, NULL, NULL, "NoOp", NULL, NULL, REGISTRAR)) {
        ast_context_destroy_by_name(name, REGISTRAR);
        return ARIWS_HOST_FAILED;
    }
    return ARIWS_CONTEXT_CREATED;
}

int32_t on_context_create(void *userdata, const char *name, const char *app)
{
    int32_t result;

    /* It is a recursive lock: without it a context could go between two looks at it. */
    ast_wrlock_contexts();
    result = context_create(name, app);
    ast_unlock_contexts();
    return result;
}

static void context_destroy(const char *name)
{
    struct ast_context *context;

    ast_context_destroy_by_name(name, REGISTRAR);
    context = ast_context_find(name);
    if (context && context_is_of(name, STASIS_REGISTRAR) && !ast_walk_context_extensions(context, NULL)) {
        ast_context_destroy_by_name(name, STASIS_REGISTRAR);
    }
}

void on_context_destroy(void *userdata, const char *name)
{
    ast_wrlock_contexts();
    context_destroy(name);
    ast_unlock_contexts();
}

/* The lock cannot be held until context_restore: whoever registers an application takes it while Asterisk's list of
   applications is locked. */
int context_release(const char *app)
{
    char name[sizeof("stasis-") + strlen(app)];
    int released;

    sprintf(name, "stasis-%s", app); /* Safe */
    ast_wrlock_contexts();
    released = context_is_for_application(name);
    if (released) {
        context_destroy(name);
    }
    ast_unlock_contexts();
    return released;
}

void context_restore(const char *app)
{
    char name[sizeof("stasis-") + strlen(app)];

    sprintf(name, "stasis-%s", app); /* Safe */
    if (on_context_create(NULL, name, app) != ARIWS_CONTEXT_CREATED) {
        ast_log(LOG_ERROR, "The context %s of Stasis application %s cannot be made again\n", name, app);
    }
}
