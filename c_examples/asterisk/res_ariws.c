/*
 * res_ariws: ARI outbound WebSockets for Asterisk 16 to 23, by libariws.
 *
 * Copyright (C) 2026, the ariws authors
 *
 * This program is free software: you can redistribute it and/or modify it under the terms of the GNU General Public
 * License as published by the Free Software Foundation, either version 2 of the License, or (at your option) any later
 * version. It is distributed WITHOUT ANY WARRANTY; see the GNU General Public License for more details. The library
 * that it loads has a licence of its own (MIT OR Apache-2.0).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

/*
 * Between Asterisk and the library, and nothing more: the library has the connections, the queues, the configuration
 * and the commands; the module registers what Asterisk must know, and passes events one way and requests the other.
 * This file loads, reloads and unloads it, and has the table of callbacks. The others are in the folder res_ariws,
 * whose parts.h says what each of them offers:
 *
 *   library, gate          the library, loaded at run time; who is inside when the module is to be unloaded
 *   stasis, waiting        Stasis(): waits for a connection while it serves the channel, then runs stasis_app_exec
 *   channels               which application each channel is in, and how it is made to leave
 *   applications           their registrations, with holders (who has one), takeovers (by clients of Asterisk itself),
 *                          subscriptions and bridge_subscriptions (what one hears)
 *   events, json_text      stasis_app_register's handler gives every event to ariws_event_trusted, which never blocks
 *   requests               run ast_ari_invoke on the library's threads; request_limits: those that are refused
 *   contexts               dialplan contexts of applications
 *   connections            the function ARIWS(), device states Ariws:<connection>, manager events
 *   commands, metrics      what the library shows, on the command line and over HTTP; users: who may have the latter
 *   configuration          what extconfig.conf has in a database
 *
 * No lock of the module's is held while the library is called. Asterisk holds one of its own while it loads, reloads
 * and unloads modules, which requests may wait for: unload_module looks after that. What differs between versions is
 * found by the Makefile in the installed headers (HAVE_...), never from a version number.
 */

/*** MODULEINFO
    <depend>res_ari</depend>
    <depend>res_stasis</depend>
    <support_level>extended</support_level>
 ***/

#include "res_ariws/parts.h"

#include <dlfcn.h>

#include "asterisk/ast_version.h"
#include "asterisk/http.h"
#include "asterisk/paths.h"
#include "asterisk/pbx.h"

#define UNLOAD_GRACE_MS 2000
#define EXIT_GRACE_MS 1000

/* Here, so that what the library says has the module's own name in Asterisk's log. */
static void on_log(void *userdata, int32_t level, const char *subject, const char *message)
{
    const char *colon = ast_strlen_zero(subject) ? "" : ": ";

    switch (level) {
    case ARIWS_LOG_ERROR:
        ast_log(LOG_ERROR, "%s%s%s\n", subject, colon, message);
        break;
    case ARIWS_LOG_WARNING:
        ast_log(LOG_WARNING, "%s%s%s\n", subject, colon, message);
        break;
    case ARIWS_LOG_NOTICE:
        ast_log(LOG_NOTICE, "%s%s%s\n", subject, colon, message);
        break;
    case ARIWS_LOG_INFO:
        ast_verb(3, "%s%s%s\n", subject, colon, message);
        break;
    default:
        ast_debug(1, "%s%s%s\n", subject, colon, message);
        break;
    }
}

static int instance_load(void)
{
    ariws_host host = ARIWS_HOST_INIT;
    ariws_options options = ARIWS_OPTIONS_INIT;
    char eid[20];
    char product[128];
    char message[1024] = "";
    int32_t result;

    host.log = on_log;
    host.ari_request = on_ari_request;
    host.app_register = on_app_register;
    host.app_unregister = on_app_unregister;
    host.app_is_registered = on_app_is_registered;
    host.context_create = on_context_create;
    host.context_destroy = on_context_destroy;
    host.stasis_failed = on_stasis_failed;
    host.connection_state = on_connection_state;
    host.expand = on_expand;
    host.config_read = on_config_read;
    host.app_snapshot = on_app_snapshot;

    ast_eid_to_str(eid, sizeof(eid), &ast_eid_default);
    snprintf(product, sizeof(product), "Asterisk/%s", ast_get_version());
    options.config_directory = ast_config_AST_CONFIG_DIR;
    options.asterisk_id = eid;
    options.product = product;

    result = library.load(&host, &options, NULL, NULL, &instance, message, sizeof(message));
    if (result == ARIWS_ERROR_CONFIG) {
        /* on_log has told what, and where. */
        ast_log(LOG_ERROR,
                "Not loaded for errors in the configuration. Correct them and run 'module load res_ariws.so'.\n");
    } else if (result != ARIWS_OK) {
        ast_log(LOG_ERROR, "Not loaded: %s\n", message);
    }
    return result == ARIWS_OK ? 0 : -1;
}

/* Asterisk ends, or is replaced by a new one, without unloading modules: every peer gets its Close. */
static void instance_unload_at_exit(void)
{
    library.unload(instance, EXIT_GRACE_MS);
}

/* What there is of the module. Its code stays where it is when Asterisk unloads it, so that a later load finds it
   here. */
static enum {
    ABSENT,
    RUNNING,
    /* Every connection is closed, but Asterisk still has registrations of ours. */
    CLOSED,
} module_state;

/* Threads of Asterisk's may be in its code when the module is unloaded: behind the point where they have told
   that they leave, at the end of a thread that had taken an application over, in a command that Asterisk has just
   looked up. There is no telling when they are out. So the code is never unmapped, as the library's is not. */
static int module_stay(void)
{
    Dl_info file;

    if (!dladdr(&module_state, &file) || !dlopen(file.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE)) {
        ast_log(LOG_ERROR, "The module cannot be kept in memory: %s\n", S_OR(dlerror(), "not found"));
        return -1;
    }
    return 0;
}

static void tables_free(void)
{
    takeovers_free();
    applications_free();
    calls_free();
    users_forget();
}

static int tables_create(void)
{
    if (takeovers_create()) {
        return -1;
    }
    if (calls_create() || applications_create()) {
        tables_free();
        return -1;
    }
    return 0;
}

/* Waits until no thread of Asterisk's can be in our handler any more, which takes a moment since it never blocks. */
static int handler_left(void)
{
    takeovers_forget();
    return applications_left();
}

static void registered_remove(void)
{
    ast_unregister_atexit(instance_unload_at_exit);
    metrics_unregister();
    commands_unregister();
    stasis_unregister();
    connections_unregister();
}

/* What is left to do when every connection is closed. */
static int module_finish(void)
{
    if (!handler_left()) {
        ast_log(LOG_ERROR,
                "Every connection is closed, but Asterisk still gives events to this module: unload it again\n");
        return -1;
    }
    registered_remove();
    tables_free();
    module_state = ABSENT;
    return 0;
}

static int unload_module(void)
{
    int32_t result;

    if (module_state == RUNNING) {
        /* Asterisk holds its list of modules locked, and a request may wait for that: then this must not wait for the
           request. */
        if (gate_close()) {
            return -1;
        }
        result = library.unload(instance, UNLOAD_GRACE_MS);
        if (result != ARIWS_OK && result != ARIWS_ERROR_UNLOADED) {
            ast_log(LOG_WARNING, "Not unloaded: %s\n", library.result_text(result));
            gate_open();
            return -1;
        }
        module_state = CLOSED;
    }
    return module_finish();
}

static int reload_module(void)
{
    char message[1024] = "";
    int32_t result;

    if (ari_conf_is_native()) {
        return -1;
    }
    result = library.reload(instance, NULL, NULL, message, sizeof(message));
    if (result != ARIWS_OK && result != ARIWS_ERROR_CONFIG) {
        ast_log(LOG_ERROR, "Not reloaded: %s\n", message);
    }
    return result == ARIWS_OK ? 0 : -1;
}

/* Asterisk compares build options, not versions; and between versions ast_ari_invoke got other arguments. The function
   looked for here came with them. */
static int headers_fit(void)
{
#ifdef HAVE_ARI_INVOKE_SOURCE
    int built_for_new = 1;
#else
    int built_for_new = 0;
#endif
    int is_new = dlsym(RTLD_DEFAULT, "ast_http_parse_post_form") != NULL;

    if (is_new != built_for_new) {
        ast_log(LOG_ERROR,
                "This module was built with the headers of %s Asterisk than this, %s. Build it again with this "
                "one's headers.\n",
                is_new ? "an older" : "a newer", ast_get_version());
    }
    return is_new == built_for_new;
}

static int module_start(void)
{
    if (tables_create()) {
        return -1;
    }
    gate_open();
    holders_learn();
    if (instance_load()) {
        handler_left();
        tables_free();
        return -1;
    }
    if (stasis_register() || connections_register() || metrics_register() ||
        ast_register_atexit(instance_unload_at_exit) || commands_register()) {
        ast_log(LOG_ERROR, "Asterisk does not register what this module has; the lines above say why\n");
        library.unload(instance, 0);
        handler_left();
        registered_remove();
        tables_free();
        return -1;
    }
    module_state = RUNNING;
    return 0;
}

static enum ast_module_load_result load_module(void)
{
    if (module_state == RUNNING) {
        /* Refused to be unloaded, and Asterisk was told not to mind. */
        ast_log(LOG_NOTICE,
                "The module was never unloaded, and goes on as it is. 'module reload res_ariws.so' reads the "
                "configuration again.\n");
        return AST_MODULE_LOAD_SUCCESS;
    }
    if (module_state == CLOSED && module_finish()) {
        return AST_MODULE_LOAD_DECLINE;
    }
    if (pbx_findapp("Stasis")) {
        ast_log(LOG_ERROR,
                "app_stasis.so is loaded, and this module has the application Stasis instead. Add "
                "'noload => app_stasis.so' to modules.conf and restart Asterisk, or unload app_stasis.so.\n");
        return AST_MODULE_LOAD_DECLINE;
    }
    native_find();
    if (!headers_fit() || ari_conf_is_native() || library_open() || module_stay() || module_start()) {
        users_forget();
        return AST_MODULE_LOAD_DECLINE;
    }
    ast_verb(1, "ARI outbound websockets by libariws %s\n", library.version());
    return AST_MODULE_LOAD_SUCCESS;
}

/* clang-format off */
AST_MODULE_INFO(ASTERISK_GPL_KEY, AST_MODFLAG_LOAD_ORDER, "ARI outbound websockets",
    .support_level = AST_MODULE_SUPPORT_EXTENDED,
    .load = load_module,
    .unload = unload_module,
    .reload = reload_module,
    /* After app_stasis: if that finds its application taken, Asterisk does not start at all. */
    .load_pri = AST_MODPRI_DEFAULT + 1,
    .requires = "res_ari,res_stasis",
);
