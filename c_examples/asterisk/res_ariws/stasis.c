/*
 * The dialplan application Stasis(): waits for a connection, whose uri and headers may ask for values of the channel,
 * then runs Asterisk's.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "parts.h"

#include <sys/eventfd.h>

#include "asterisk/app.h"
#include "asterisk/pbx.h"
#include "asterisk/stasis_app_impl.h"

#define MAX_ARGUMENTS 128

/* Shared with the completion, which comes exactly once: Stasis() does not return before it. */
struct start {
    int event;
    int32_t result;
    char *application;
    const char *channel_id;
};

static void start_done(void *data, int32_t result, const char *application, const char *message)
{
    struct start *start = data;

    start->result = result;
    if (result == ARIWS_OK && !(start->application = ast_strdup(application))) {
        library.stasis_end(instance, application, start->channel_id);
        start->result = ARIWS_ERROR_SYSTEM;
    }
    ast_debug(3, "%s: %s\n", start->channel_id, result == ARIWS_OK ? application : message);
    eventfd_write(start->event, 1);
}

/* What ARIWS_REASON says where it is not the library that knows. */
#define REASON_DOWN "down"
#define REASON_CANCELLED "cancelled"
#define REASON_OTHER "error"

/* The name of the application to run, or NULL and the reason. */
static char *start_application(struct ast_channel *chan, const char *app, const char *channel_id, const char **reason)
{
    struct start start = {.event = eventfd(0, EFD_CLOEXEC), .channel_id = channel_id};
    char *name = ast_strdupa(ast_channel_name(chan));
    char message[256] = "";
    int32_t result;
    eventfd_t count;

    if (start.event < 0) {
        ast_log(LOG_ERROR, "%s: eventfd: %s\n", name, strerror(errno));
        *reason = REASON_OTHER;
        return NULL;
    }
    result = library.stasis_start_async(instance, app, channel_id, name, start_done, &start, message, sizeof(message));
    if (result == ARIWS_OK) {
        int leaves = channel_wait(chan, start.event);

        if (leaves) {
            library.stasis_cancel(instance, channel_id);
        }
        /* There already, or about to be: a cancelled start completes at once. */
        while (eventfd_read(start.event, &count) && errno == EINTR) {
        }
        result = start.result;
        if (leaves && !start.application) {
            /* It may be redirected and not hung up. A cancel that came too late must not meet its next start. */
            library.stasis_end(instance, app, channel_id);
        }
    }
    close(start.event);
    *reason = library.result_reason(result);
    if (result == ARIWS_ERROR_NOT_FOUND) {
        ast_log(LOG_WARNING, "%s: Stasis app '%s' doesn't exist\n", name, app);
    } else if (!ast_strlen_zero(message)) {
        ast_log(LOG_WARNING, "%s: Stasis(%s): %s\n", name, app, message);
    }
    return start.application;
}

static int stasis_run(struct ast_channel *chan, const char *app, int argc, char *argv[], const char **reason)
{
    char *channel_id = ast_strdupa(ast_channel_uniqueid(chan));
    char *application = start_application(chan, app, channel_id, reason);
    struct call *call;
    int result = -1;

    if (!application) {
        return -1;
    }
    call = call_enter(channel_id, application, ast_channel_pbx(chan) != NULL);
    if (call) {
        int doomed = call_is_doomed(call);

        if (!doomed && !ast_check_hangup(chan)) {
            result = stasis_app_exec(chan, application, argc, argv);
        }
        if (doomed || call_has_failed(call)) {
            *reason = REASON_DOWN;
            result = -1;
        }
        call_leave(call);
    }
    if (result && ast_strlen_zero(*reason)) {
        *reason = ast_check_hangup(chan) ? REASON_CANCELLED : REASON_OTHER;
    }
    library.stasis_end(instance, application, channel_id);
    ast_free(application);
    return result;
}

static int stasis_exec(struct ast_channel *chan, const char *data)
{
    char *parse = ast_strdupa(S_OR(data, ""));
    const char *reason = REASON_OTHER;
    int result = -1;

    /* clang-format off */
    AST_DECLARE_APP_ARGS(args,
        AST_APP_ARG(app);
        AST_APP_ARG(arguments)[MAX_ARGUMENTS];
    );
    /* clang-format on */

    pbx_builtin_setvar_helper(chan, "STASISSTATUS", "");
    pbx_builtin_setvar_helper(chan, "ARIWS_REASON", "");
    AST_STANDARD_APP_ARGS(args, parse);
    if (ast_strlen_zero(args.app)) {
        ast_log(LOG_WARNING, "Stasis app_name argument missing\n");
    } else if (!gate_enter_channel()) {
        /* Asterisk refuses to unload a module that is used. */
        ast_module_ref(AST_MODULE_SELF);
        result = stasis_run(chan, args.app, args.argc - 1, args.arguments, &reason);
        ast_module_unref(AST_MODULE_SELF);
        gate_leave_channel();
    }
    if (result) {
        pbx_builtin_setvar_helper(chan, "ARIWS_REASON", reason);
    }
    pbx_builtin_setvar_helper(chan, "STASISSTATUS", result ? "FAILED" : "SUCCESS");
    /* A failure does not hang the channel up: the dialplan is to handle it. */
    return result && ast_check_hangup(chan) ? -1 : 0;
}

/* Not as an application of this module: Asterisk hangs up the channels in those when it is told to unload a module by
   force, before it asks the module. */
int stasis_register(void)
{
    return ast_register_application2("Stasis", stasis_exec, NULL, NULL, NULL);
}

void stasis_unregister(void)
{
    ast_unregister_application("Stasis");
}

/* What a uri or a header asks for, as the dialplan would have it. The thread is one of the library's. The channel's own
   waits for what comes of the start, and holds no lock meanwhile; each function that is called here takes what it
   needs, as those that AMI calls for a channel do. What a variable has is not evaluated once more, so that a caller who
   sends "${SHELL(...)}" for a name has that for a name. */
int32_t on_expand(void *userdata, const char *channel_id, const char *expression, ariws_write_callback write,
                  void *write_data)
{
    struct ast_channel *chan = ast_channel_get_by_name(channel_id);
    struct ast_str *text = ast_str_create(128);
    int32_t result = ARIWS_HOST_FAILED;

    if (!chan) {
        ast_log(LOG_WARNING, "There is no channel %s for which '%s' could be evaluated\n", channel_id, expression);
    } else if (text) {
        ast_str_substitute_variables(&text, 0, chan, expression);
        write(write_data, ast_str_buffer(text), ast_str_strlen(text));
        result = ARIWS_TEXT_GIVEN;
    }
    ast_free(text);
    ast_channel_cleanup(chan);
    return result;
}
