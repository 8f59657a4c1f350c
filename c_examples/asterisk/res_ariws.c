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
 * and the commands; this file registers what Asterisk must know, and passes events one way and requests the other.
 *
 *   applications   stasis_app_register's handler gives every event to ariws_event_trusted, which never blocks
 *   channels       Stasis(): waits for a connection while it serves the channel, then runs stasis_app_exec
 *   requests       ari_request runs ast_ari_invoke on the library's threads
 *   connections    the function ARIWS(), device states Ariws:<connection>, manager events
 *   contexts, commands, metrics
 *   module         load, reload, unload
 *
 * No lock of this file is held while the library is called. Asterisk holds one of its own while it loads, reloads and
 * unloads modules, which requests may wait for: unload_module looks after that. What differs between versions is found
 * by the Makefile in the installed headers (HAVE_...), never from a version number.
 */

/*** MODULEINFO
    <depend>res_ari</depend>
    <depend>res_stasis</depend>
    <support_level>extended</support_level>
 ***/

#ifndef AST_MODULE
#define AST_MODULE "res_ariws"
#endif
#ifndef AST_MODULE_SELF_SYM
#define AST_MODULE_SELF_SYM __internal_res_ariws_self
#endif

#include "asterisk.h"

#include <ctype.h>
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>

#include "asterisk/app.h"
#include "asterisk/ari.h"
#include "asterisk/ast_version.h"
#include "asterisk/astobj2.h"
#include "asterisk/channel.h"
#include "asterisk/cli.h"
#include "asterisk/config.h"
#include "asterisk/devicestate.h"
#include "asterisk/framehook.h"
#include "asterisk/http.h"
#include "asterisk/json.h"
#include "asterisk/linkedlists.h"
#include "asterisk/lock.h"
#include "asterisk/logger.h"
#include "asterisk/manager.h"
#include "asterisk/module.h"
#include "asterisk/paths.h"
#include "asterisk/pbx.h"
#include "asterisk/stasis.h"
#include "asterisk/stasis_app.h"
#include "asterisk/stasis_app_impl.h"
#include "asterisk/stasis_bridges.h"
#include "asterisk/strings.h"
#include "asterisk/taskprocessor.h"
#include "asterisk/tcptls.h"
#include "asterisk/utils.h"

#include "ariws.h"

#define REGISTRAR "res_ariws"
#define LIBRARY "libariws.so.0"
#define UNLOAD_GRACE_MS 2000
#define EXIT_GRACE_MS 1000
#define LEAVE_SECONDS 2
#define HANDLER_SECONDS 5

/* ---- The library ------------------------------------------------------------------------------------------------ */

#define DECLARE(name) ariws_##name##_function name;
/* Opened once: it stays mapped anyway, and threads of Asterisk's may still be on their way to it when the module is
   unloaded. */
static struct {
    void *handle;
    ARIWS_FUNCTIONS(DECLARE)
} library;

/* Written by ariws_load before the first callback, constant from then on: a call after ariws_unload finds a dead
   handle. */
static ariws_instance *instance;

static void library_close(void)
{
    if (library.handle) {
        dlclose(library.handle);
    }
    memset(&library, 0, sizeof(library));
}

static int library_open(void)
{
    char path[PATH_MAX];
    char *missing = NULL;

    if (library.handle) {
        return 0;
    }
    /* Beside the module first, so that an Asterisk can have a library of its own. */
    snprintf(path, sizeof(path), "%s/" LIBRARY, ast_config_AST_MODULE_DIR);
    library.handle = dlopen(access(path, R_OK) ? LIBRARY : path, RTLD_NOW | RTLD_LOCAL);
    if (!library.handle) {
        ast_log(LOG_ERROR,
                "%s. Install " LIBRARY " where the system's loader finds it and run ldconfig, or copy it to %s.\n",
                dlerror(), ast_config_AST_MODULE_DIR);
        return -1;
    }
#define FIND(name)                                                                 \
    library.name = (ariws_##name##_function)dlsym(library.handle, "ariws_" #name); \
    if (!library.name) {                                                           \
        missing = "ariws_" #name;                                                  \
    }
    ARIWS_FUNCTIONS(FIND)
    if (missing) {
        ast_log(LOG_ERROR,
                LIBRARY " has no function %s. Install the version that this module was built with, " ARIWS_VERSION
                        ", or a newer one.\n",
                missing);
        library_close();
        return -1;
    }
    if (library.abi_version() != ARIWS_ABI_VERSION) {
        ast_log(LOG_ERROR,
                LIBRARY " %s has ABI version %u and this module needs %u. Build the module again with the header "
                        "of the installed library.\n",
                library.version(), library.abi_version(), (unsigned int)ARIWS_ABI_VERSION);
        library_close();
        return -1;
    }
    return 0;
}

/* Appends what the library writes to a struct ast_str *. */
static void take_text(void *data, const char *text, size_t length)
{
    struct ast_str **output = data;

    ast_str_append(output, 0, "%.*s", (int)length, text);
}

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

/* ---- Who is inside ---------------------------------------------------------------------------------------------- */

/* Threads of Asterisk's and the library's that are in code of this file, or that wait in Asterisk for a lock which the
   unloading of modules holds; channels that run Stasis(). */
static struct {
    enum {
        GATE_OPEN,
        /* The module may be about to be unloaded, or not: a channel that comes keeps it. */
        GATE_CLOSING,
        GATE_CLOSED,
    } state;
    int threads;
    int channels;
} gate;

AST_MUTEX_DEFINE_STATIC(gate_lock);
static ast_cond_t gate_changed = PTHREAD_COND_INITIALIZER;

static int gate_enter(void)
{
    int closed;

    ast_mutex_lock(&gate_lock);
    closed = gate.state != GATE_OPEN;
    if (!closed) {
        gate.threads++;
    }
    ast_mutex_unlock(&gate_lock);
    return closed ? -1 : 0;
}

static void gate_leave(void)
{
    ast_mutex_lock(&gate_lock);
    if (!--gate.threads) {
        ast_cond_signal(&gate_changed);
    }
    ast_mutex_unlock(&gate_lock);
}

static int gate_enter_channel(void)
{
    int closed;

    ast_mutex_lock(&gate_lock);
    closed = gate.state == GATE_CLOSED;
    if (!closed) {
        gate.channels++;
        ast_cond_signal(&gate_changed);
    }
    ast_mutex_unlock(&gate_lock);
    return closed ? -1 : 0;
}

static void gate_leave_channel(void)
{
    ast_mutex_lock(&gate_lock);
    gate.channels--;
    ast_mutex_unlock(&gate_lock);
}

static void gate_open(void)
{
    ast_mutex_lock(&gate_lock);
    gate.state = GATE_OPEN;
    ast_mutex_unlock(&gate_lock);
}

static struct timespec deadline_after(int seconds)
{
    struct timeval end = ast_tvadd(ast_tvnow(), ast_tv(seconds, 0));
    struct timespec deadline = {.tv_sec = end.tv_sec, .tv_nsec = end.tv_usec * 1000};

    return deadline;
}

/* Waits until no thread is inside, and closes it; -1 and a word in the log if one stays, or a channel is there or
   comes. */
static int gate_close(void)
{
    struct timespec deadline = deadline_after(LEAVE_SECONDS);
    int channels;
    int threads;

    ast_mutex_lock(&gate_lock);
    if (!gate.channels) {
        gate.state = GATE_CLOSING;
    }
    while (gate.threads && !gate.channels && !ast_cond_timedwait(&gate_changed, &gate_lock, &deadline)) {
    }
    channels = gate.channels;
    threads = gate.threads;
    if (!channels && !threads) {
        gate.state = GATE_CLOSED;
    } else if (!ast_shutting_down()) {
        gate.state = GATE_OPEN;
    }
    ast_mutex_unlock(&gate_lock);
    if (channels) {
        ast_log(LOG_WARNING, "Not unloaded: %d channel%s in Stasis\n", channels, channels == 1 ? " is" : "s are");
    } else if (threads) {
        ast_log(LOG_WARNING, "Not unloaded: a request or a command is under way\n");
    }
    return channels || threads ? -1 : 0;
}

/* ---- JSON as text ----------------------------------------------------------------------------------------------- */

/* What ast_json_dump_string_format makes with AST_JSON_COMPACT, byte for byte. That takes most of the time for which an
   event keeps its sender: it decodes each character, and notes in a table which arrays and objects it is in. Asterisk's
   texts were checked to be UTF-8 when they were put in, and what it sends has no loops. */
struct text {
    char *bytes;
    size_t length;
    size_t size;
    int failed;
};

#define TEXT_SIZE 1024

static void text_put(struct text *text, const char *bytes, size_t length)
{
    if (length > text->size - text->length) {
        size_t size = MAX(text->size * 2, text->length + length + TEXT_SIZE);
        char *larger = text->failed ? NULL : ast_realloc(text->bytes, size);

        if (!larger) {
            text->failed = 1;
            return;
        }
        text->bytes = larger;
        text->size = size;
    }
    memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
}

/* How the characters are written that cannot stand in a string as they are: by a letter, or by their number. */
#define BY_NUMBER 1

static const char escapes[UCHAR_MAX + 1] = {
    [0 ... 7] = BY_NUMBER, ['\b'] = 'b',  ['\t'] = 't', ['\n'] = 'n',
    [0x0b] = BY_NUMBER,    ['\f'] = 'f',  ['\r'] = 'r', [0x0e ... 0x1f] = BY_NUMBER,
    ['"'] = '"',           ['\\'] = '\\',
};

static void text_put_string(struct text *text, const char *string)
{
    text_put(text, "\"", 1);
    for (;;) {
        const char *next = string;
        char escape[sizeof("\\u0000")];
        int length;

        while (!escapes[(unsigned char)*next]) {
            next++;
        }
        text_put(text, string, next - string);
        if (!*next) {
            break;
        }
        length = escapes[(unsigned char)*next] == BY_NUMBER
                     ? sprintf(escape, "\\u%04X", *next)                       /* Safe */
                     : sprintf(escape, "\\%c", escapes[(unsigned char)*next]); /* Safe */
        text_put(text, escape, length);
        string = next + 1;
    }
    text_put(text, "\"", 1);
}

/* Asterisk writes numbers only within something. */
static void text_put_real(struct text *text, struct ast_json *real)
{
    struct ast_json *array = ast_json_array_create();
    char *written = NULL;

    if (array && !ast_json_array_append(array, ast_json_ref(real))) {
        written = ast_json_dump_string_format(array, AST_JSON_COMPACT);
    }
    if (written) {
        text_put(text, written + 1, strlen(written) - 2);
    } else {
        text->failed = 1;
    }
    ast_json_free(written);
    ast_json_unref(array);
}

static void text_put_json(struct text *text, struct ast_json *json)
{
    struct ast_json_iter *member;
    char number[32];
    size_t count;
    size_t index;

    switch (ast_json_typeof(json)) {
    case AST_JSON_OBJECT:
        text_put(text, "{", 1);
        for (member = ast_json_object_iter(json); member;) {
            text_put_string(text, ast_json_object_iter_key(member));
            text_put(text, ":", 1);
            text_put_json(text, ast_json_object_iter_value(member));
            member = ast_json_object_iter_next(json, member);
            if (member) {
                text_put(text, ",", 1);
            }
        }
        text_put(text, "}", 1);
        break;
    case AST_JSON_ARRAY:
        count = ast_json_array_size(json);
        text_put(text, "[", 1);
        for (index = 0; index < count; index++) {
            if (index) {
                text_put(text, ",", 1);
            }
            text_put_json(text, ast_json_array_get(json, index));
        }
        text_put(text, "]", 1);
        break;
    case AST_JSON_STRING:
        text_put_string(text, ast_json_string_get(json));
        break;
    case AST_JSON_INTEGER:
        text_put(text, number, snprintf(number, sizeof(number), "%jd", ast_json_integer_get(json)));
        break;
    case AST_JSON_REAL:
        text_put_real(text, json);
        break;
    case AST_JSON_TRUE:
        text_put(text, "true", 4);
        break;
    case AST_JSON_FALSE:
        text_put(text, "false", 5);
        break;
    case AST_JSON_NULL:
        text_put(text, "null", 4);
        break;
    }
}

/* The text of an object or an array and its length; NULL of anything else, and if there is no memory. ast_free releases
   it. */
static char *json_text(struct ast_json *json, size_t *length)
{
    struct text text = {0};

    if (ast_json_typeof(json) != AST_JSON_OBJECT && ast_json_typeof(json) != AST_JSON_ARRAY) {
        return NULL;
    }
    text_put_json(&text, json);
    text_put(&text, "", 1);
    if (text.failed) {
        ast_free(text.bytes);
        return NULL;
    }
    *length = text.length - 1;
    return text.bytes;
}

/* ---- Channels in Stasis ----------------------------------------------------------------------------------------- */

/* A channel that runs our Stasis(). */
struct call {
    /* In its application, as the events say that pass through our handler. */
    enum {
        /* Until StasisStart. */
        ENTERING,
        INSIDE,
        /* After StasisEnd: on its way out, or with somebody else's application, or in the dialplan that stasis_app_exec
           runs for a channel that has none of its own. */
        LEFT,
    } place;
    /* The connection of its application was lost while it was entering. */
    int doomed;
    /* It was made to leave because of that. */
    int failed;
    /* Stasis() has returned, or is about to. */
    int over;
    /* It came from a dialplan, and goes on there. */
    int has_dialplan;
    /* The name of the application that it is in, or was last. */
    char *application;
    char *channel_id;
    /* The one around it: the dialplan that stasis_app_exec may run can enter Stasis() anew. */
    struct call *outer;
};

static struct ao2_container *calls;

/* The one that this thread runs. */
static __thread struct call *thread_call;

/* Waits for changes of `place` and `over`. */
AST_MUTEX_DEFINE_STATIC(places_lock);
static ast_cond_t places_changed = PTHREAD_COND_INITIALIZER;

AO2_STRING_FIELD_HASH_FN(call, channel_id)
AO2_STRING_FIELD_SORT_FN(call, channel_id)
AO2_STRING_FIELD_CMP_FN(call, channel_id)

static void call_destroy(void *object)
{
    struct call *call = object;

    ast_free(call->application);
    ast_free(call->channel_id);
}

static struct call *call_enter(const char *channel_id, const char *application, int has_dialplan)
{
    struct call *call = ao2_alloc(sizeof(*call), call_destroy);

    if (!call) {
        return NULL;
    }
    call->has_dialplan = has_dialplan;
    call->application = ast_strdup(application);
    call->channel_id = ast_strdup(channel_id);
    /* An outer Stasis() of the same channel has come to its end, or is behind it: the inner one counts. */
    if (!call->application || !call->channel_id || !ao2_link(calls, call)) {
        ao2_ref(call, -1);
        return NULL;
    }
    call->outer = thread_call;
    thread_call = call;
    return call;
}

static void places_signal(void)
{
    ast_mutex_lock(&places_lock);
    ast_cond_broadcast(&places_changed);
    ast_mutex_unlock(&places_lock);
}

static void call_leave(struct call *call)
{
    thread_call = call->outer;
    ao2_lock(call);
    call->over = 1;
    ao2_unlock(call);
    ao2_unlink(calls, call);
    places_signal();
    ao2_ref(call, -1);
}

static int call_is_doomed(struct call *call)
{
    int doomed;

    ao2_lock(call);
    doomed = call->doomed;
    ao2_unlock(call);
    return doomed;
}

static int call_is_in(struct call *call, const char *application)
{
    int is_in;

    ao2_lock(call);
    is_in = !call->over && call->place != LEFT && !strcmp(call->application, application);
    ao2_unlock(call);
    return is_in;
}

/* StasisStart: the channel is in this application now. */
static void call_started(struct call *call, const char *application)
{
    char *former = NULL;

    ao2_lock(call);
    if (strcmp(call->application, application)) {
        char *copy = ast_strdup(application);

        if (copy) {
            former = call->application;
            call->application = copy;
        }
    }
    call->place = INSIDE;
    ao2_unlock(call);
    ast_free(former);
    places_signal();
}

static void call_ended(struct call *call, const char *application)
{
    ao2_lock(call);
    /* Else it is that of the Stasis() before, and late. */
    if (call->place == INSIDE && !strcmp(call->application, application)) {
        call->place = LEFT;
    }
    ao2_unlock(call);
}

static int call_matches_entering(void *object, void *argument, int flags)
{
    struct call *call = object;
    int matches;

    ao2_lock(call);
    matches = !call->over && call->place == ENTERING && !strcmp(call->application, argument);
    ao2_unlock(call);
    return matches ? CMP_MATCH | CMP_STOP : 0;
}

static int application_is_entered(const char *application)
{
    struct call *call = ao2_callback(calls, 0, call_matches_entering, (void *)application);

    ao2_cleanup(call);
    return call != NULL;
}

/* Waits until no channel is on its way into the application: once that is unregistered, nobody hears of its
   StasisStart. It takes as long as Asterisk takes to send one event. */
static void application_wait_entered(const char *application)
{
    struct timespec deadline = deadline_after(LEAVE_SECONDS);

    ast_mutex_lock(&places_lock);
    while (application_is_entered(application) && !ast_cond_timedwait(&places_changed, &places_lock, &deadline)) {
    }
    ast_mutex_unlock(&places_lock);
}

/* Asterisk's name for all of them, in its list of those whose events an application gets. */
#define ALL_CHANNELS "__AST_CHANNEL_ALL_TOPIC"

static int application_hears(const char *application, const char *channel_id)
{
    struct ast_json *json = stasis_app_to_json(application);
    struct ast_json *ids = json ? ast_json_object_get(json, "channel_ids") : NULL;
    size_t index;
    int found = 0;

    for (index = 0; !found && index < ast_json_array_size(ids); index++) {
        found = !strcmp(S_OR(ast_json_string_get(ast_json_array_get(ids, index)), ""), channel_id);
    }
    ast_json_unref(json);
    return found;
}

/* Whether Asterisk has moved the channel to another application, and the event has not come here: an application hears
   the channels that are in it, unless it does not want to. */
static int channel_was_moved(const char *application, const char *channel_id)
{
    struct ao2_container *names;
    struct ao2_iterator iterator;
    char *name;
    int found = 0;

    if (application_hears(application, channel_id) || application_hears(application, ALL_CHANNELS) ||
        !(names = stasis_app_get_all())) {
        return 0;
    }
    iterator = ao2_iterator_init(names, 0);
    for (; !found && (name = ao2_iterator_next(&iterator)); ao2_ref(name, -1)) {
        found = strcmp(name, application) && application_hears(name, channel_id);
    }
    ao2_iterator_destroy(&iterator);
    ao2_ref(names, -1);
    return found;
}

/* Ends Stasis with FAILED, on the thread that runs it: so the channel cannot leave or move meanwhile, and one that
   leaves by itself is never taken for one that failed. */
static int channel_fail(struct stasis_app_control *control, struct ast_channel *chan, void *application)
{
    struct call *call = thread_call;

    if (!call || stasis_app_control_is_done(control) || ast_check_hangup(chan) || !call_is_in(call, application) ||
        channel_was_moved(application, ast_channel_uniqueid(chan))) {
        return 0;
    }
    call->failed = 1;
    if (!call->has_dialplan) {
        /* Whoever made it for the application hangs it up when Stasis() returns. Asterisk would run it from whatever
           context it has. */
        ast_softhangup(chan, AST_SOFTHANGUP_EXPLICIT);
    }
    stasis_app_control_continue(control, NULL, NULL, -1);
    return 0;
}

/* StasisStart under an id that no call has: a transfer has put another channel in the place of the one that called
   Stasis(). On the thread that runs it. */
static int channel_replaced(struct stasis_app_control *control, struct ast_channel *chan, void *application)
{
    struct call *call = thread_call;
    char *id = ast_strdup(ast_channel_uniqueid(chan));
    char *former = id;

    if (call && id) {
        ao2_lock(calls);
        ao2_unlink_flags(calls, call, OBJ_NOLOCK);
        ao2_lock(call);
        former = call->channel_id;
        call->channel_id = id;
        ao2_unlock(call);
        ao2_link_flags(calls, call, OBJ_NOLOCK);
        ao2_unlock(calls);
        call_started(call, application);
    }
    ast_free(former);
    return 0;
}

/* Runs channel_fail or channel_replaced for the channel of this id on the thread that runs Stasis() for it, if there is
   one. */
static void channel_command(const char *channel_id, stasis_app_command_cb command, const char *application)
{
    struct stasis_app_control *control = stasis_app_control_find_by_channel_id(channel_id);
    char *copy = control ? ast_strdup(application) : NULL;

    if (copy) {
        /* It frees the copy, also where it does nothing because the channel is leaving. */
        stasis_app_send_command_async(control, command, copy, ast_free_ptr);
    }
    ao2_cleanup(control);
}

static const char *member_id(struct ast_json *event, const char *name)
{
    return ast_json_string_get(ast_json_object_get(ast_json_object_get(event, name), "id"));
}

/* What an event says of where a channel is. */
static void channel_event(const char *application, const char *type, const char *channel_id)
{
    int starts = !strcmp(type, "StasisStart");
    struct call *call;

    if (!starts && strcmp(type, "StasisEnd")) {
        return;
    }
    channel_id = S_OR(channel_id, "");
    call = ao2_find(calls, channel_id, OBJ_SEARCH_KEY);
    if (call && starts) {
        call_started(call, application);
        if (call_is_doomed(call)) {
            channel_command(channel_id, channel_fail, application);
        }
    } else if (call) {
        call_ended(call, application);
    } else if (starts) {
        channel_command(channel_id, channel_replaced, application);
    }
    ao2_cleanup(call);
}

/* It may be late: the channel may have left, or be in another application's hands by now. Nothing here waits for it. */
static void on_stasis_failed(void *userdata, const char *channel_id, const char *application)
{
    struct call *call = ao2_find(calls, channel_id, OBJ_SEARCH_KEY);

    if (call) {
        ao2_lock(call);
        /* Where there is no control yet: Stasis() looks before it lets the channel in, the handler of StasisStart
           afterwards. */
        call->doomed |= call->place == ENTERING && !strcmp(call->application, application);
        ao2_unlock(call);
        ao2_ref(call, -1);
    }
    channel_command(channel_id, channel_fail, application);
}

/* ---- Applications ----------------------------------------------------------------------------------------------- */

/* A registration of ours; the data of Asterisk's handler. */
struct application {
    /* Somebody else has registered it since. */
    int taken;
    /* The number in the name of the mailbox of Asterisk's subscription of it to all bridges; 0 if that is not known. */
    unsigned int bridges;
    char name[0];
};

/* An application that a client took over by connecting to Asterisk with its name. Asterisk deactivates the application
   when that client leaves, and tells nobody; but the client is served by a thread of its own, the one that took the
   application over, which ends with it. */
struct takeover {
    pthread_t thread;
    char session_id[32];
    AST_LIST_ENTRY(takeover) list;
};

static struct ao2_container *applications;
static AST_LIST_HEAD_STATIC(takeovers, takeover);
static pthread_key_t takeover_key;
static int takeover_number;

/* A registration by ourselves is under way on this thread. */
static __thread int registering;

/* Registrations that Asterisk still has a reference to, for a call of our handler perhaps. */
static int registrations;
AST_MUTEX_DEFINE_STATIC(registrations_lock);
static ast_cond_t registrations_gone = PTHREAD_COND_INITIALIZER;

AO2_STRING_FIELD_HASH_FN(application, name)
AO2_STRING_FIELD_SORT_FN(application, name)
AO2_STRING_FIELD_CMP_FN(application, name)

static void application_destroy(void *object)
{
    ast_mutex_lock(&registrations_lock);
    if (!--registrations) {
        ast_cond_signal(&registrations_gone);
    }
    ast_mutex_unlock(&registrations_lock);
}

static struct application *application_create(const char *name)
{
    struct application *application = ao2_alloc(sizeof(*application) + strlen(name) + 1, application_destroy);

    if (application) {
        strcpy(application->name, name); /* Safe */
        ast_mutex_lock(&registrations_lock);
        registrations++;
        ast_mutex_unlock(&registrations_lock);
    }
    return application;
}

/* Who has an application. Asterisk keeps one whose owner has gone as long as it has subscriptions, and the functions
   that tell whether there is one do not tell whether anybody has it. What tells is the handler in Asterisk's object,
   NULL if nobody has it, and the handler's data. Where the two are is found out with an application of our own, and
   looked at under the object's lock, as Asterisk does. */
enum holder {
    NOBODY,
    US,
    SOMEBODY,
};

/* Where the handler is in Asterisk's object, counted in pointers, the data behind it. 0 if that is not known: then
   every application that is there is taken for one that somebody has. */
static size_t handler_place;

static void *pointer_at(struct stasis_app *app, size_t place)
{
    void *pointer;

    memcpy(&pointer, (char *)app + place * sizeof(pointer), sizeof(pointer));
    return pointer;
}

static size_t handler_find(struct stasis_app *app, void *handler, void *data)
{
    /* The name is the object's last member. */
    size_t end = (stasis_app_name(app) - (char *)app) / sizeof(void *);
    size_t place;
    size_t found = 0;

    for (place = 1; end < 100 && place + 1 < end; place++) {
        if (pointer_at(app, place) == handler && pointer_at(app, place + 1) == data) {
            /* Once, or it is not known which. */
            if (found) {
                return 0;
            }
            found = place;
        }
    }
    return found;
}

/* With Asterisk's object locked. */
static enum holder app_holder(struct stasis_app *app, struct application *ours)
{
    if (!handler_place) {
        return ours && !ours->taken ? US : SOMEBODY;
    }
    if (!pointer_at(app, handler_place)) {
        return NOBODY;
    }
    return ours && pointer_at(app, handler_place + 1) == ours ? US : SOMEBODY;
}

static enum holder application_holder(const char *name, struct application *ours)
{
    struct stasis_app *app = stasis_app_get_by_name(name);
    enum holder holder = NOBODY;

    if (app) {
        ao2_lock(app);
        holder = app_holder(app, ours);
        ao2_unlock(app);
        ao2_ref(app, -1);
    }
    return holder;
}

#ifdef HAVE_STASIS_FILTERS

/* Newer headers have a macro of this name instead, for a function that releases just before them have not: then the
   module would not load there. All have this one. */
#undef ast_taskprocessor_push_local
int ast_taskprocessor_push_local(struct ast_taskprocessor *tps, int (*task_exe)(struct ast_taskprocessor_local *local),
                                 void *datap);

/* The mailbox of a subscription to this topic with the highest number that is below *number and above `first`; *number
   becomes its number. */
static struct ast_taskprocessor *mailbox_find(const char *topic, unsigned int first, unsigned int *number)
{
    char name[AST_TASKPROCESSOR_MAX_NAME + 1];
    struct ast_taskprocessor *mailbox = NULL;
    char *digits;

    /* Cuts a long name as Asterisk did. */
    ast_taskprocessor_build_name(name, sizeof(name), "stasis/m:%s", topic);
    digits = strrchr(name, '-') + 1;
    while (!mailbox && *number - first > 1) {
        sprintf(digits, "%08x", --*number); /* Safe */
        mailbox = ast_taskprocessor_get(name, TPS_REF_IF_EXISTS);
    }
    return mailbox;
}

static struct ast_taskprocessor *mailbox_find_bridges(unsigned int first, unsigned int *number)
{
    return mailbox_find(stasis_topic_name(ast_bridge_topic_all()), first, number);
}

static int changes_accept(struct ast_taskprocessor_local *local)
{
    stasis_subscription_accept_message_type(local->local_data, stasis_subscription_change_type());
    return 0;
}

static int changes_decline(struct ast_taskprocessor_local *local)
{
    stasis_subscription_decline_message_type(local->local_data, stasis_subscription_change_type());
    return 0;
}

/* Asterisk subscribes each application to all bridges, for their transfers and merges, and tells each subscription of
   every other one that comes or goes: whenever an application is registered or unregistered a thread of every other
   wakes, and does nothing. So those of ours are told to leave that out; before they end, or become somebody else's,
   to take it again, for Asterisk frees an application when it is told so of the end of its own. With the application
   locked. */
static void application_hear_changes(struct application *application, int wanted)
{
    struct stasis_app *app = stasis_app_get_by_name(application->name);
    unsigned int number = application->bridges + 1;
    struct ast_taskprocessor *mailbox = application->bridges ? mailbox_find_bridges(number - 2, &number) : NULL;

    if (app && mailbox) {
        ao2_lock(app);
        /* While it is ours and locked its subscriptions stay; what is put into a mailbox now is done before they go. */
        if (app_holder(app, application) == US &&
            ast_taskprocessor_push_local(mailbox, wanted ? changes_accept : changes_decline, NULL)) {
            ast_log(LOG_ERROR, "Out of memory: application %s\n", application->name);
        }
        ao2_unlock(app);
    }
    ast_taskprocessor_unreference(mailbox);
    ao2_cleanup(app);
}

/* Of one that was registered after `first` was the number of the latest mailbox. Asterisk makes that for bridges just
   before that of the application's own topic, and none of another application in between. */
static void application_quieten(struct application *application, unsigned int first)
{
    unsigned int number = ast_taskprocessor_seq_num();
    char topic[sizeof("ari:application/") + strlen(application->name)];
    struct ast_taskprocessor *own;
    struct ast_taskprocessor *bridges;

    sprintf(topic, "ari:application/%s", application->name); /* Safe */
    own = mailbox_find(topic, first, &number);
    bridges = own ? mailbox_find_bridges(first, &number) : NULL;
    ao2_lock(application);
    if (bridges) {
        application->bridges = number;
    }
    /* Else it was registered already, by us or by somebody else. */
    if (handler_place && !application->taken) {
        application_hear_changes(application, 0);
    }
    ao2_unlock(application);
    ast_taskprocessor_unreference(bridges);
    ast_taskprocessor_unreference(own);
}

#endif

/* With the application locked: it is about to be unregistered, or somebody else's. */
static void application_let_go(struct application *application)
{
#ifdef HAVE_STASIS_FILTERS
    application_hear_changes(application, 1);
#endif
}

static void takeovers_forget(void)
{
    struct takeover *takeover;

    AST_LIST_LOCK(&takeovers);
    while ((takeover = AST_LIST_REMOVE_HEAD(&takeovers, list))) {
        ast_free(takeover);
    }
    AST_LIST_UNLOCK(&takeovers);
}

static struct takeover *takeover_of_thread(void)
{
    struct takeover *takeover;

    AST_LIST_LOCK(&takeovers);
    AST_LIST_TRAVERSE_SAFE_BEGIN (&takeovers, takeover, list) {
        if (pthread_equal(takeover->thread, pthread_self())) {
            AST_LIST_REMOVE_CURRENT(list);
            break;
        }
    }
    AST_LIST_TRAVERSE_SAFE_END;
    AST_LIST_UNLOCK(&takeovers);
    return takeover;
}

/* A thread ends that took applications over. */
static void takeover_ended(void *value)
{
    struct takeover *takeover;

    while ((takeover = takeover_of_thread())) {
        /* The library registers what nobody has. */
        library.inbound_closed(instance, takeover->session_id);
        ast_free(takeover);
    }
}

/* Asterisk registers it for somebody else as soon as this returns, on the same thread. */
static void application_taken(struct application *application)
{
    struct takeover *takeover = ast_calloc(1, sizeof(*takeover));
    ariws_inbound inbound = ARIWS_INBOUND_INIT;

    ao2_lock(application);
    application_let_go(application);
    application->taken = 1;
    ao2_unlock(application);
    ast_log(LOG_NOTICE, "Stasis application %s is taken over by somebody who connected to Asterisk with its name\n",
            application->name);
    if (!takeover || pthread_setspecific(takeover_key, takeover)) {
        ast_free(takeover);
        ast_log(LOG_WARNING, "Stasis application %s stays theirs until this module is reloaded\n", application->name);
        return;
    }
    takeover->thread = pthread_self();
    snprintf(takeover->session_id, sizeof(takeover->session_id), "inbound-%d",
             ast_atomic_fetchadd_int(&takeover_number, 1) + 1);
    AST_LIST_LOCK(&takeovers);
    AST_LIST_INSERT_TAIL(&takeovers, takeover, list);
    AST_LIST_UNLOCK(&takeovers);
    inbound.session_id = takeover->session_id;
    inbound.apps = application->name;
    library.inbound_opened(instance, &inbound);
}

static void debug_event(const char *application, struct ast_json *event)
{
    char *text = ast_json_dump_string_format(event, ast_ari_json_format());

    ast_verbose("<--- Sending ARI event to %s --->\n%s\n", application, S_OR(text, ""));
    ast_json_free(text);
}

/* Asterisk has made the text itself, so the library need not read it to know what is in it. */
static void event_send(const char *application, const char *type, const char *channel_id, struct ast_json *event,
                       const char *text, size_t length)
{
    ariws_trusted_event trusted = ARIWS_TRUSTED_EVENT_INIT;

    trusted.json = text;
    trusted.json_length = length;
    trusted.type = type;
    trusted.channel_id = channel_id;
    trusted.replaced_channel_id = member_id(event, "replace_channel");
    trusted.members = (ast_json_object_get(event, "application") ? ARIWS_EVENT_HAS_APPLICATION : 0) |
                      (ast_json_object_get(event, "timestamp") ? ARIWS_EVENT_HAS_TIMESTAMP : 0) |
                      (ast_json_object_get(event, "asterisk_id") ? ARIWS_EVENT_HAS_ASTERISK_ID : 0);
    /* What it refuses it counts and reports itself; no connection is ordinary for what trails the end of a call. */
    library.event_trusted(instance, application, &trusted);
}

/* Asterisk's handler: on its own threads, some of which serve many channels. Nothing here waits. */
static void application_event(void *data, const char *name, struct ast_json *event)
{
    const char *type = S_OR(ast_json_string_get(ast_json_object_get(event, "type")), "");
    const char *channel_id = member_id(event, "channel");
    size_t length;
    char *text;

    if (!strcmp(type, "ApplicationReplaced") && !registering) {
        application_taken(data);
    }
    channel_event(name, type, channel_id);
#ifdef HAVE_STASIS_APP_EVENT_ALLOWED
    if (!stasis_app_event_allowed(name, event)) {
        return;
    }
#endif
    if (stasis_app_get_debug_by_name(name)) {
        debug_event(name, event);
    }
    text = json_text(event, &length);
    if (!text) {
        ast_log(LOG_ERROR, "Out of memory: application %s does not get a %s\n", name, type);
        return;
    }
    event_send(name, type, channel_id, event, text, length);
    ast_free(text);
}

#define PROBE "res_ariws-probe"

/* Finds out where Asterisk has the handler of an application. */
static void handler_learn(void)
{
    struct application *probe = application_create(PROBE);
    struct stasis_app *app = NULL;
    size_t place = 0;

    handler_place = 0;
    if (probe && !stasis_app_register(PROBE, application_event, probe)) {
        if ((app = stasis_app_get_by_name(PROBE))) {
            place = handler_find(app, application_event, probe);
        }
        stasis_app_unregister(PROBE);
        if (place && !pointer_at(app, place)) {
            handler_place = place;
        }
    }
    ao2_cleanup(app);
    ao2_cleanup(probe);
    if (!handler_place) {
        ast_log(LOG_WARNING,
                "This Asterisk does not show who has a Stasis application: one whose client has left, while it has "
                "subscriptions, is taken for one that is there\n");
    }
}

static int application_exists(const char *name)
{
    struct stasis_app *app = stasis_app_get_by_name(name);

    ao2_cleanup(app);
    return app != NULL;
}

static void call_subscribe(struct call *call, const char *application)
{
    char *uri;
    int length;

    ao2_lock(call);
    length = ast_asprintf(&uri, "channel:%s", call->channel_id);
    ao2_unlock(call);
    if (length >= 0) {
        const char *uris[] = {uri};

        stasis_app_subscribe(application, uris, 1, NULL);
        ast_free(uri);
    }
}

/* Asterisk keeps an application that was unregistered while it has subscriptions, and gives them to who registers it
   next: what was to be a change of subscribe_all would change nothing. */
static void application_set_scope(const char *name, int subscribe_all)
{
    static const char *everything[] = {"channel:", "bridge:", "endpoint:", "deviceState:"};
    static const char *all_topics[] = {"channel:" ALL_CHANNELS, "bridge:__AST_BRIDGE_ALL_TOPIC",
                                       "endpoint:__AST_ENDPOINT_ALL_TOPIC", "deviceState:__AST_DEVICE_STATE_ALL_TOPIC"};
    struct ao2_iterator iterator;
    struct call *call;
    size_t index;
    int changed = 0;

    if (subscribe_all) {
        stasis_app_subscribe(name, everything, ARRAY_LEN(everything), NULL);
        return;
    }
    for (index = 0; index < ARRAY_LEN(all_topics); index++) {
        changed |= stasis_app_unsubscribe(name, &all_topics[index], 1, NULL) == STASIS_ASR_OK;
    }
    /* Its own channels had no subscription besides. */
    iterator = ao2_iterator_init(calls, 0);
    for (; changed && (call = ao2_iterator_next(&iterator)); ao2_ref(call, -1)) {
        if (call_is_in(call, name)) {
            call_subscribe(call, name);
        }
    }
    ao2_iterator_destroy(&iterator);
}

/* How often an application is registered over a client that is leaving at that moment: Asterisk tells the client first,
   finds it gone, and leaves the application to nobody. */
#define REGISTER_ATTEMPTS 10

static int application_register(struct application *application, int subscribe_all)
{
    const char *name = application->name;
    int attempt;

    for (attempt = 0; attempt < REGISTER_ATTEMPTS; attempt++) {
#ifdef HAVE_STASIS_FILTERS
        unsigned int first = ast_taskprocessor_seq_num();
#endif
        int failed;
        int done;

        registering = 1;
        failed = subscribe_all ? stasis_app_register_all(name, application_event, application)
                               : stasis_app_register(name, application_event, application);
        registering = 0;
        if (failed) {
            return -1;
        }
#ifdef HAVE_STASIS_FILTERS
        application_quieten(application, first);
#endif
        ao2_lock(application);
        /* A client may have taken it already. */
        done = application->taken;
        ao2_unlock(application);
        if (done || application_holder(name, application) == US) {
            return 0;
        }
    }
    return -1;
}

static int context_release(const char *app);
static void context_restore(const char *app);

static int32_t on_app_register(void *userdata, const char *name, int32_t subscribe_all)
{
    struct application *former = ao2_find(applications, name, OBJ_SEARCH_KEY);
    enum holder holder = application_holder(name, former);
    int replaced = former ? holder == US : holder != NOBODY;
    int known = application_exists(name);
    struct application *application = application_create(name);
    int has_context = !known && context_release(name);
    int failed;

    if (application && holder == US) {
        application->bridges = former->bridges;
    }
    ao2_cleanup(former);
    failed = !application || application_register(application, subscribe_all);
    if (has_context) {
        context_restore(name);
    }
    if (!failed && !ao2_link(applications, application)) {
        ao2_lock(application);
        application_let_go(application);
        ao2_unlock(application);
        stasis_app_unregister(name);
        failed = 1;
    }
    ao2_cleanup(application);
    if (failed) {
        ast_log(LOG_ERROR, "Asterisk does not register Stasis application %s\n", name);
        return ARIWS_HOST_FAILED;
    }
    if (known) {
        application_set_scope(name, subscribe_all);
    }
    return replaced ? ARIWS_APP_REPLACED : ARIWS_APP_REGISTERED;
}

static void on_app_unregister(void *userdata, const char *name)
{
    struct application *application = ao2_find(applications, name, OBJ_SEARCH_KEY | OBJ_UNLINK);

    if (!application) {
        return;
    }
    application_wait_entered(name);
    /* Asterisk tells us of a client that takes it over before it gives it to that client, on whose thread
       application_taken waits for this lock: what is not taken now is not the client's before it is unregistered.
       (Between the client's first look for the application and that, Asterisk may find it unregistered, and leaves the
       client without it: that is so between any two that register and unregister one name.) */
    ao2_lock(application);
    if (!application->taken && application_holder(name, application) == US) {
        /* Older versions keep an application for its subscriptions to everything, and would take it for registered. */
        application_set_scope(name, 0);
        application_let_go(application);
        stasis_app_unregister(name);
    }
    ao2_unlock(application);
    ao2_ref(application, -1);
}

static int32_t on_app_is_registered(void *userdata, const char *name)
{
    struct application *application = ao2_find(applications, name, OBJ_SEARCH_KEY);
    int registered = application_holder(name, application) != NOBODY;

    ao2_cleanup(application);
    return registered;
}

/* ---- Requests --------------------------------------------------------------------------------------------------- */

/* What a request may hold. Asterisk copies texts to stacks without a look at their length, and the smallest stack is
   that of a channel's thread, AST_STACKSIZE: 496 KiB, 240 KiB with pointers of 32 bits. When CALLERID(...) is set
   there, its name is copied by pbx_builtin_setvar_helper, ast_func_write and the function, and the value by the
   function; two more copies are for functions that nobody has read. The rest of the stack is for the dialplan that the
   channel is in. That gives 64 KiB, as much as a whole message of Asterisk's own websockets may have, and 21 KiB. */
#define STACK_COPIES 6
#define STACK_RESERVE (112 << 10)
#define MAX_TEXT ((size_t)(AST_STACKSIZE - STACK_RESERVE) / STACK_COPIES)
/* Functions in functions are copied at every level: 3 KB of MASTER_CHANNEL(MASTER_CHANNEL(...)) would be enough. So
   the length of a name counts as often as it has functions and expressions, whose number is bounded for their own
   frames. */
#define MAX_CALLS 64
/* Asterisk writes and copies JSON, and makes events of its manager of it, by recursion. */
#define MAX_DEPTH 100
/* Parameters, members and elements: each new variable of a channel is compared with all it has. Asterisk's HTTP server
   takes no body that has room for more variables. */
#define MAX_PARTS 10000

static enum ast_http_method request_method(const char *name)
{
    enum ast_http_method method;

    for (method = AST_HTTP_GET; method < AST_HTTP_MAX_METHOD; method++) {
        if (!strcmp(name, ast_get_http_method(method))) {
            return method;
        }
    }
    return AST_HTTP_UNKNOWN;
}

static int request_parameters(const ariws_request *request, struct ast_variable **list)
{
    struct ast_variable *last = NULL;
    size_t index;

    for (index = 0; index < request->parameters_count; index++) {
        const ariws_parameter *parameter = &request->parameters[index];
        struct ast_variable *variable = ast_variable_new(parameter->name, parameter->value, "");

        if (!variable) {
            return -1;
        }
        last = ast_variable_list_append_hint(list, last, variable);
    }
    return 0;
}

#ifdef HAVE_ARI_INVOKE_SOURCE

/* Here Asterisk checks name and password itself, for every request. Some versions look at the peer's address as
   well. */
static struct ast_tcptls_session_instance nobody;

static void request_invoke(const ariws_request *request, struct ast_variable *parameters, struct ast_json *body,
                           struct ast_ari_response *response)
{
    size_t size = strlen(request->user) + strlen(request->password) + 2;
    char *credentials = ast_malloc(size);
    char *header = ast_malloc(sizeof("Basic ") + size * 4 / 3 + 4);
    struct ast_variable *headers = NULL;

    if (credentials && header) {
        sprintf(credentials, "%s:%s", request->user, request->password);
        strcpy(header, "Basic "); /* Safe */
        ast_base64encode(header + strlen(header), (unsigned char *)credentials, size - 1, size * 4 / 3 + 4);
        headers = ast_variable_new("Authorization", header, "");
    }
    if (headers) {
        ast_ari_invoke(&nobody, ARI_INVOKE_SOURCE_WEBSOCKET, NULL, request->path, request_method(request->method),
                       parameters, headers, body, response);
    } else {
        ast_ari_response_alloc_failed(response);
    }
    ast_variables_destroy(headers);
    ast_free(header);
    ast_free(credentials);
}

#else

static struct ast_http_uri metrics_uri;

/* A websocket over a websocket. These versions take the path up to an empty segment and would serve a client that is
   not there. */
static int is_events(const char *path)
{
    size_t length = strcspn(path, "/");
    char *segment = ast_alloca(length + 1);

    ast_copy_string(segment, path, length + 1);
    ast_uri_decode(segment, ast_uri_http_legacy);
    return !strcmp(segment, "events") && (!path[length] || path[length + 1] == '/' || !path[length + 1]);
}

/* Here the function does less by itself: what Asterisk's HTTP server does before it is done here. The library has seen
   to read-only users, and there is nothing to authenticate. */
static void request_invoke(const ariws_request *request, struct ast_variable *parameters, struct ast_json *body,
                           struct ast_ari_response *response)
{
    enum ast_http_method method = request_method(request->method);
    const char *path = request->path;

    if (!ast_fully_booted) {
        ast_ari_response_error(response, 503, "Service Unavailable", "Asterisk not booted");
    } else if (ast_ends_with(path, "/")) {
        ast_ari_response_error(response, 404, "Not Found", "ARI URLs do not end with a slash. Try /ari/%.*s",
                               (int)strlen(path) - 1, path);
    } else if (ast_begins_with(path, "api-docs/")) {
        if (method == AST_HTTP_GET) {
            ast_ari_get_docs(path + strlen("api-docs/"), S_OR(metrics_uri.prefix, ""), NULL, response);
        } else {
            ast_ari_response_error(response, 405, "Method Not Allowed", "Unsupported method");
        }
    } else if (method == AST_HTTP_GET && is_events(path)) {
        ast_ari_response_error(response, 400, "Bad request", "Can't upgrade to websocket from a websocket");
    } else {
        ast_ari_invoke(NULL, path, method, parameters, NULL, body, response);
    }
}

#endif

static void debug_request(const ariws_request *request)
{
    struct ast_str *text = ast_str_create(512);
    size_t index;

    if (!text) {
        return;
    }
    ast_str_set(&text, 0, "<--- ARI request received from: %s --->\n%s %s\n", request->session_id, request->method,
                request->path);
    for (index = 0; index < request->parameters_count; index++) {
        ast_str_append(&text, 0, "%s: %s\n", request->parameters[index].name, request->parameters[index].value);
    }
    ast_verbose("%sbody:\n%s\n\n", ast_str_buffer(text), S_OR(request->body, ""));
    ast_free(text);
}

/* Gives the answer to the library, and frees what it is made of. */
static void request_answer(const ariws_request *request, struct ast_ari_response *response, int debug)
{
    size_t length = 0;
    char *text = NULL;
    int32_t result;

    if (response->fd >= 0) {
        /* A file: websocket messages carry JSON only. */
        close(response->fd);
        response->response_code = 406;
        response->response_text = "Not Acceptable.  Use HTTP GET";
    } else if (response->message && !ast_json_is_null(response->message)) {
        text = json_text(response->message, &length);
    }
    if (debug) {
        ast_verbose("<--- Sending ARI response to %s --->\n%d %s\n%s\n\n", request->session_id, response->response_code,
                    S_OR(response->response_text, ""), S_OR(text, ""));
    }
    result =
        library.request_complete(instance, request->id, response->response_code, response->response_text, text, length);
    if (result != ARIWS_OK && result != ARIWS_ERROR_NOT_FOUND && result != ARIWS_ERROR_UNLOADED) {
        ast_log(LOG_ERROR, "Asterisk's answer to %s %s, with status %d, cannot be sent: %s\n", request->method,
                request->path, response->response_code, library.result_text(result));
        library.request_complete(instance, request->id, 500, NULL, NULL, 0);
    }
    ast_free(text);
    ast_json_unref(response->message);
    ast_free(response->headers);
}

enum extent {
    EXTENT_FITS,
    EXTENT_LONG,
    EXTENT_CALLS,
    EXTENT_DEEP,
    EXTENT_MANY,
};

static enum extent text_extent(size_t length)
{
    return length > MAX_TEXT ? EXTENT_LONG : EXTENT_FITS;
}

/* Of what Asterisk may take for the name of a variable, which may be a function. */
static enum extent name_extent(const char *name)
{
    size_t length = strlen(name);
    size_t count = 0;
    const char *next;

    for (next = strpbrk(name, "($"); next; next = strpbrk(next + 1, "($")) {
        count++;
    }
    if (length <= MAX_TEXT && (count > MAX_CALLS || (count && length > MAX_TEXT / count))) {
        return EXTENT_CALLS;
    }
    return text_extent(length);
}

/* Whether the parameter of this name, or the member of a body, has names of variables. */
static int has_names(const char *name)
{
    return !strcmp(name, "variable") || !strcmp(name, "variables");
}

static enum extent json_extent(struct ast_json *json, int named, int depth, size_t *parts)
{
    enum extent extent = EXTENT_FITS;
    struct ast_json_iter *member;
    size_t index;

    switch (ast_json_typeof(json)) {
    case AST_JSON_STRING:
        return named ? name_extent(ast_json_string_get(json)) : text_extent(strlen(ast_json_string_get(json)));
    case AST_JSON_OBJECT:
    case AST_JSON_ARRAY:
        break;
    default:
        return EXTENT_FITS;
    }
    *parts += ast_json_object_size(json) + ast_json_array_size(json);
    if (depth > MAX_DEPTH) {
        return EXTENT_DEEP;
    }
    if (*parts > MAX_PARTS) {
        return EXTENT_MANY;
    }
    for (index = 0; !extent && index < ast_json_array_size(json); index++) {
        extent = json_extent(ast_json_array_get(json, index), named, depth + 1, parts);
    }
    for (member = ast_json_object_iter(json); !extent && member; member = ast_json_object_iter_next(json, member)) {
        const char *name = ast_json_object_iter_key(member);

        extent = name_extent(name);
        if (!extent) {
            extent = json_extent(ast_json_object_iter_value(member), depth == 1 && has_names(name), depth + 1, parts);
        }
    }
    return extent;
}

static enum extent request_extent(const ariws_request *request, struct ast_json *body)
{
    enum extent extent = text_extent(strlen(request->path));
    size_t parts = request->parameters_count;
    size_t index;

    if (parts > MAX_PARTS) {
        return EXTENT_MANY;
    }
    for (index = 0; !extent && index < request->parameters_count; index++) {
        const ariws_parameter *parameter = &request->parameters[index];

        extent = text_extent(MAX(parameter->name_length, parameter->value_length));
        if (!extent && has_names(parameter->name)) {
            extent = name_extent(parameter->value);
        }
    }
    return extent ? extent : json_extent(body, 0, 1, &parts);
}

/* Refuses what Asterisk would not survive; -1 if it did. */
static int request_refuse(const ariws_request *request, struct ast_json *body, struct ast_ari_response *response)
{
    static const char title[] = "Request Entity Too Large";

    switch (request_extent(request, body)) {
    case EXTENT_FITS:
        return 0;
    case EXTENT_LONG:
        ast_ari_response_error(response, 413, title, "A text is longer than %zu bytes", MAX_TEXT);
        break;
    case EXTENT_CALLS:
        ast_ari_response_error(response, 413, title, "The name of a variable has too many functions, or too long ones");
        break;
    case EXTENT_DEEP:
        ast_ari_response_error(response, 400, "Bad request", "'message_body' has more than %d levels", MAX_DEPTH);
        break;
    case EXTENT_MANY:
        ast_ari_response_error(response, 413, title, "More than %d parameters, members and elements", MAX_PARTS);
        break;
    }
    return -1;
}

/* Newer versions put variables that are to be reported into each event of their channel: a function among them is read
   again and again on the channel's own thread, which has every right, so that Asterisk would run SHELL(...) for a
   guest. */
static int request_reports_function(const ariws_request *request, struct ast_json *body)
{
    const char *variable = S_OR(ast_json_string_get(ast_json_object_get(body, "variable")), "");
    struct ast_json *member = ast_json_object_get(body, "report_events");
    int function = strchr(variable, '(') != NULL;
    int reported = member && !ast_json_is_false(member);
    struct ast_json *variables = ast_json_object_get(body, "variables");
    struct ast_json_iter *iter;
    size_t index;

    for (index = 0; index < request->parameters_count; index++) {
        const ariws_parameter *parameter = &request->parameters[index];

        function |= !strcmp(parameter->name, "variable") && strchr(parameter->value, '(');
        reported |= !strcmp(parameter->name, "report_events") && !ast_false(parameter->value);
    }
    for (iter = ast_json_object_iter(variables); iter; iter = ast_json_object_iter_next(variables, iter)) {
        if (strchr(ast_json_object_iter_key(iter), '(')) {
            member = ast_json_object_get(ast_json_object_iter_value(iter), "report_events");
            if (member && !ast_json_is_false(member)) {
                return 1;
            }
        }
    }
    return function && reported;
}

static void request_run(const ariws_request *request, struct ast_ari_response *response)
{
    struct ast_json *body =
        request->body ? ast_json_load_buf(request->body, request->body_length, NULL) : ast_json_null();
    struct ast_variable *parameters = NULL;

    if (ast_shutdown_final()) {
        /* As Asterisk's HTTP server does: modules are being unloaded. */
        ast_ari_response_error(response, 503, "Service Unavailable", "Shutdown in progress");
    } else if (!body) {
        ast_ari_response_error(response, 400, "Bad request", "Unable to parse 'message_body' as 'application/json'.");
    } else if (request_refuse(request, body, response)) {
        /* It is answered. */
    } else if (request_reports_function(request, body)) {
        ast_ari_response_error(response, 403, "Forbidden", "Functions cannot be reported in events");
    } else if (!response->headers || request_parameters(request, &parameters)) {
        ast_ari_response_alloc_failed(response);
    } else {
        request_invoke(request, parameters, body, response);
    }
    ast_variables_destroy(parameters);
    ast_json_unref(body);
}

/* What the thread of a request is set to while that runs, and was before. */
struct thread_state {
    int inhibited;
    int interface;
    sigset_t signals;
};

/* Makes this thread what Asterisk makes each of those that serve HTTP connections: one that is refused the dialplan
   functions which reach beyond the PBX (SHELL, FILE, ...) unless live_dangerously is set, and that never reads a
   channel's media. Requests come on threads of the library's only, so a channel's own is never changed. -1: nothing may
   be run. */
static int thread_restrict(struct thread_state *before)
{
    sigset_t urgent;

    before->interface = ast_thread_is_user_interface();
    before->inhibited = ast_thread_inhibit_escalations_swap(1);
    if (before->inhibited < 0) {
        return -1;
    }
    if (ast_thread_user_interface_set(1)) {
        ast_thread_inhibit_escalations_swap(before->inhibited);
        return -1;
    }
    /* Threads that Asterisk starts from here inherit the mask, and it wakes them with this signal. */
    sigemptyset(&urgent);
    sigaddset(&urgent, SIGURG);
    pthread_sigmask(SIG_UNBLOCK, &urgent, &before->signals);
    return 0;
}

static void thread_restore(const struct thread_state *before)
{
    pthread_sigmask(SIG_SETMASK, &before->signals, NULL);
    ast_thread_user_interface_set(before->interface);
    ast_thread_inhibit_escalations_swap(before->inhibited);
}

static void on_ari_request(void *userdata, const ariws_request *request)
{
    struct ast_ari_response response = {.fd = -1, .headers = ast_str_create(80)};
    int debug = stasis_app_get_debug_by_name(request->application);
    struct thread_state before;

    if (debug) {
        debug_request(request);
    }
    if (gate_enter()) {
        ast_ari_response_error(&response, 503, "Service Unavailable", "The module is being unloaded");
        request_answer(request, &response, debug);
        return;
    }
    if (thread_restrict(&before)) {
        ast_ari_response_alloc_failed(&response);
    } else {
        request_run(request, &response);
        thread_restore(&before);
    }
    request_answer(request, &response, debug);
    gate_leave();
}

/* ---- Dialplan contexts ------------------------------------------------------------------------------------------ */

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

/* What `GET /applications/{app}` answers. */
static int32_t on_app_snapshot(void *userdata, const char *app, ariws_write_callback write, void *write_data)
{
    struct ast_json *json = stasis_app_to_json(app);
    size_t length;
    char *text = json ? json_text(json, &length) : NULL;
    int32_t result = text ? ARIWS_TEXT_GIVEN : ARIWS_TEXT_ABSENT;

    if (text) {
        write(write_data, text, length);
    }
    ast_free(text);
    ast_json_unref(json);
    return result;
}

static int32_t on_context_create(void *userdata, const char *name, const char *app)
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

static void on_context_destroy(void *userdata, const char *name)
{
    ast_wrlock_contexts();
    context_destroy(name);
    ast_unlock_contexts();
}

/* Asterisk makes a context for an application that it does not have yet, and warns of one that is there: it gets the
   place of ours for the moment of a registration. The lock cannot be held so long: whoever registers an application
   takes it while Asterisk's list of applications is locked. Gives whether there was one. */
static int context_release(const char *app)
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

static void context_restore(const char *app)
{
    char name[sizeof("stasis-") + strlen(app)];

    sprintf(name, "stasis-%s", app); /* Safe */
    if (on_context_create(NULL, name, app) != ARIWS_CONTEXT_CREATED) {
        ast_log(LOG_ERROR, "The context %s of Stasis application %s cannot be made again\n", name, app);
    }
}

/* ---- Stasis() --------------------------------------------------------------------------------------------------- */

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

/* Digits that the caller dialled while the connection was being made, the last one first. The application gets them
   when the channel is in Stasis. They are taken before Asterisk tells anybody of them, which it does when they are read
   again. */
struct digits {
    AST_LIST_HEAD_NOLOCK(, ast_frame) frames;
};

static void digits_destroy(void *object)
{
    struct digits *digits = object;
    struct ast_frame *frame;

    while ((frame = AST_LIST_REMOVE_HEAD(&digits->frames, frame_list))) {
        ast_frfree(frame);
    }
}

static struct ast_frame *digits_take(struct ast_channel *chan, struct ast_frame *frame, enum ast_framehook_event event,
                                     void *data)
{
    struct digits *digits = data;
    struct ast_frame *copy;

    if (event != AST_FRAMEHOOK_EVENT_READ || !frame ||
        (frame->frametype != AST_FRAME_DTMF_BEGIN && frame->frametype != AST_FRAME_DTMF_END)) {
        return frame;
    }
    /* Asterisk makes a beginning for an end that has none, at its length; of both at once it would make a digit of no
       length. */
    if (frame->frametype == AST_FRAME_DTMF_END && (copy = ast_frdup(frame))) {
        AST_LIST_INSERT_HEAD(&digits->frames, copy, frame_list);
    }
    /* What the channel gave in one piece with it. */
    if (AST_LIST_NEXT(frame, frame_list)) {
        ast_queue_frame(chan, AST_LIST_NEXT(frame, frame_list));
    }
    ast_frfree(frame);
    return &ast_null_frame;
}

static int digits_want(void *data, enum ast_frame_type type)
{
    return type == AST_FRAME_DTMF_BEGIN || type == AST_FRAME_DTMF_END;
}

static void digits_release(void *data)
{
    ao2_cleanup(data);
}

/* Takes the digits from here on; gives the hook, which digits_give_back ends. */
static int digits_keep(struct ast_channel *chan, struct digits *digits)
{
    struct ast_framehook_interface hook = {
        .version = AST_FRAMEHOOK_INTERFACE_VERSION,
        .event_cb = digits_take,
        .destroy_cb = digits_release,
        .consume_cb = digits_want,
        .disable_inheritance = 1,
        .data = ao2_bump(digits),
    };
    int id;

    ast_channel_lock(chan);
    id = ast_framehook_attach(chan, &hook);
    ast_channel_unlock(chan);
    if (id < 0) {
        ao2_ref(digits, -1);
    }
    return id;
}

/* In the order in which they were dialled, before what has come since. */
static void digits_give_back(struct ast_channel *chan, struct digits *digits, int hook)
{
    struct ast_frame *frame;

    ast_channel_lock(chan);
    ast_framehook_detach(chan, hook);
    while ((frame = AST_LIST_REMOVE_HEAD(&digits->frames, frame_list))) {
        ast_queue_frame_head(chan, frame);
        ast_frfree(frame);
    }
    ast_channel_unlock(chan);
}

/* Waits for the completion and serves the channel meanwhile: what it receives is read, and dropped but for digits, so
   that nothing piles up and a hang-up is seen at once. Returns -1 if the channel is to leave first. */
static int serve_until(struct ast_channel *chan, int event)
{
    while (!ast_check_hangup(chan)) {
        int ready = -1;
        int left = INT_MAX;
        struct ast_channel *readable = ast_waitfor_nandfds(&chan, 1, &event, 1, NULL, &ready, &left);
        struct ast_frame *frame;

        if (ready >= 0) {
            return 0;
        }
        if (left < 0) {
            return -1;
        }
        if (!readable) {
            continue;
        }
        frame = ast_read(chan);
        if (!frame) {
            return -1;
        }
        ast_frfree(frame);
    }
    return -1;
}

static int serve_keeping_digits(struct ast_channel *chan, int event)
{
    struct digits *digits = ao2_alloc(sizeof(*digits), digits_destroy);
    int hook = digits ? digits_keep(chan, digits) : -1;
    int result = serve_until(chan, event);

    if (hook >= 0) {
        digits_give_back(chan, digits, hook);
    }
    ao2_cleanup(digits);
    return result;
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
        int leaves = serve_keeping_digits(chan, start.event);

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
        if (doomed || call->failed) {
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

/* ---- Connections ------------------------------------------------------------------------------------------------ */

#define PROVIDER "Ariws"

/* Cut to fit. */
static int32_t connection_value(const char *connection, const char *item, char *text, size_t size)
{
    struct ast_str *value = ast_str_create(64);
    int32_t result = value ? ARIWS_ERROR_UNLOADED : ARIWS_ERROR_SYSTEM;

    *text = '\0';
    if (value && !gate_enter()) {
        result = library.connection_value(instance, connection, item, take_text, &value);
        gate_leave();
        ast_copy_string(text, ast_str_buffer(value), size);
    }
    ast_free(value);
    return result;
}

/* ARIWS(connection[,item]) */
static int function_read(struct ast_channel *chan, const char *cmd, char *parse, char *buffer, size_t size)
{
    int32_t result;

    /* clang-format off */
    AST_DECLARE_APP_ARGS(args,
        AST_APP_ARG(connection);
        AST_APP_ARG(item);
    );
    /* clang-format on */

    AST_STANDARD_APP_ARGS(args, parse);
    result = connection_value(S_OR(args.connection, ""), S_OR(args.item, "state"), buffer, size);
    switch (result) {
    case ARIWS_OK:
        return 0;
    case ARIWS_ERROR_NOT_FOUND:
        ast_log(LOG_WARNING, "%s: there is no outbound websocket '%s'\n", cmd, args.connection);
        return -1;
    default:
        ast_log(LOG_WARNING, "%s(<connection>,state|since|server|queued|dropped): %s\n", cmd,
                library.result_text(result));
        return -1;
    }
}

static struct ast_custom_function function = {
    .name = "ARIWS",
    .synopsis = "How an ARI outbound websocket is doing",
    .syntax = "ARIWS(<connection>[,state|since|server|queued|dropped])",
    .desc = "state: up, down, stopped, or per-call for one of each call. since: when that began, in seconds since the\n"
            "epoch. server: address:port while it is up. queued, dropped: events that wait, and that were dropped.\n",
    .read = function_read,
};

/* Ariws:<connection>. Asterisk asks where it has no state that it was told of. */
static enum ast_device_state device_state(const char *connection)
{
    char state[16];

    if (connection_value(connection, "state", state, sizeof(state)) != ARIWS_OK) {
        return AST_DEVICE_INVALID;
    }
    if (!strcmp(state, "up")) {
        return AST_DEVICE_NOT_INUSE;
    }
    /* What a connection of a call will come to nobody knows before. */
    return strcmp(state, "per-call") ? AST_DEVICE_UNAVAILABLE : AST_DEVICE_UNKNOWN;
}

static void on_connection_state(void *userdata, const ariws_connection_state *state)
{
    int up = state->state == ARIWS_STATE_UP;

    ast_devstate_changed(up ? AST_DEVICE_NOT_INUSE : AST_DEVICE_UNAVAILABLE, AST_DEVSTATE_CACHABLE, PROVIDER ":%s",
                         state->connection);
    manager_event(EVENT_FLAG_SYSTEM, "AriwsConnectionState",
                  "Connection: %s\r\n"
                  "State: %s\r\n"
                  "Server: %s\r\n"
                  "Reason: %s\r\n",
                  state->connection, up ? "Up" : "Down", state->server, state->reason);
}

/* ---- Commands --------------------------------------------------------------------------------------------------- */

#define WORD "ari"
#define OWN_WORD "ariws"

struct command {
    struct ast_cli_entry entry;
    char *words;
    char *usage;
    AST_LIST_ENTRY(command) list;
};

static AST_LIST_HEAD_NOLOCK_STATIC(commands, command);

static int command_is_registered(struct command *command)
{
    return command->entry._full_cmd != NULL;
}

/* Asterisk has outbound websockets of its own. */
static int native;

static void take_candidate(void *data, const char *text, size_t length)
{
    /* It takes the copy over, also where it fails. */
    ast_cli_completion_add(ast_strndup(text, length));
}

/* The words as the library knows them. */
static void library_words(const char *words[], const char *const *typed, int count)
{
    int index;

    for (index = 0; index < count; index++) {
        words[index] = index ? typed[index] : WORD;
    }
}

static char *command_run(struct ast_cli_args *a)
{
    const char *words[AST_MAX_ARGS];
    struct ast_str *output = ast_str_create(1024);
    int32_t result;
    char *line;
    char *rest;

    if (!output) {
        return CLI_FAILURE;
    }
    library_words(words, a->argv, a->argc);
    result = library.cli_execute(instance, words, a->argc, take_text, &output);
    if (result == ARIWS_ERROR_USAGE) {
        /* Asterisk prints it. */
        ast_free(output);
        return CLI_SHOWUSAGE;
    }
    /* Line by line: what a slow console does not take of one piece at once is cut off. */
    for (rest = ast_str_buffer(output); !ast_strlen_zero(rest) && (line = strsep(&rest, "\n"));) {
        ast_cli(a->fd, "%s\n", line);
    }
    ast_free(output);
    if (result != ARIWS_OK && result != ARIWS_ERROR_COMMAND) {
        ast_cli(a->fd, "%s\n", library.result_text(result));
    }
    return result == ARIWS_OK ? CLI_SUCCESS : CLI_FAILURE;
}

static char *command_handle(struct ast_cli_entry *e, int cmd, struct ast_cli_args *a)
{
    struct command *command = (struct command *)e;
    const char *words[AST_MAX_ARGS];
    char *result;

    switch (cmd) {
    case CLI_INIT:
        e->command = command->words;
        e->usage = command->usage;
        return NULL;
    case CLI_GENERATE:
        /* All of them at once: asked for one after another, each would be looked for anew, among what changes
           meanwhile. */
        if (!a->n) {
            library_words(words, a->argv, a->pos);
            library.cli_complete(instance, words, a->pos, a->word, take_candidate, NULL);
        }
        return NULL;
    default:
        if (gate_enter()) {
            return CLI_FAILURE;
        }
        result = command_run(a);
        gate_leave();
        return result;
    }
}

/* Asterisk keeps an entry that it uses, and without a word to its caller; it may also come to use one that is being
   unregistered. So none is ever freed: the next load registers the same ones. It runs no command of a module that is
   not loaded. */
static void commands_unregister(void)
{
    struct command *command;

    AST_LIST_TRAVERSE (&commands, command, list) {
        if (command_is_registered(command)) {
            ast_cli_unregister(&command->entry);
        }
    }
}

/* Where Asterisk has its own commands under our words, ours begin with another. */
static char *own_words(const char *text)
{
    const char *found = native ? strstr(text, WORD " ") : NULL;
    char *copy;

    if (!found) {
        return ast_strdup(text);
    }
    return ast_asprintf(&copy, "%.*s" OWN_WORD "%s", (int)(found - text), text, found + strlen(WORD)) < 0 ? NULL : copy;
}

static int command_create(const ariws_cli_command *known)
{
    struct ast_cli_entry entry = AST_CLI_DEFINE(command_handle, known->summary);
    struct command *command = ast_calloc(1, sizeof(*command));

    if (!command) {
        return -1;
    }
    /* Some of its members are const. */
    memcpy(&command->entry, &entry, sizeof(entry));
    command->words = own_words(known->words);
    command->usage = own_words(known->usage);
    if (!command->words || !command->usage) {
        ast_free(command->words);
        ast_free(command->usage);
        ast_free(command);
        return -1;
    }
    AST_LIST_INSERT_TAIL(&commands, command, list);
    return 0;
}

static int commands_register(void)
{
    ariws_cli_command known = ARIWS_CLI_COMMAND_INIT;
    struct command *command = AST_LIST_FIRST(&commands);
    size_t index;

    for (index = 0; library.cli_commands(index, &known) == ARIWS_OK; index++) {
        if (!command && command_create(&known)) {
            return -1;
        }
        command = command ? command : AST_LIST_LAST(&commands);
        if (!command_is_registered(command) && ast_cli_register(&command->entry)) {
            return -1;
        }
        command = AST_LIST_NEXT(command, list);
    }
    return 0;
}

static int has_native_commands(void)
{
    char *found = ast_cli_generator(WORD " show outbound-websockets", "outbound-websockets", 0);
    int has = found != NULL;

    ast_free(found);
    return has;
}

/* ---- Metrics ---------------------------------------------------------------------------------------------------- */

/* A file that may have users of ARI, as it was when it was last read. */
struct user_file {
    const char *name;
    /* NULL if it is missing or cannot be parsed. */
    struct ast_config *config;
    int exists;
    /* Asterisk cannot tell whether it has changed, for what it includes with #exec or by a pattern. */
    int may_change;
    time_t read;
};

static struct user_file user_files[] = {{.name = "ari.conf"}, {.name = "ari_outbound.conf"}};
AST_MUTEX_DEFINE_STATIC(user_files_lock);

static void user_file_forget(struct user_file *file)
{
    if (file->config) {
        ast_config_destroy(file->config);
    }
    file->config = NULL;
    file->exists = 0;
    file->may_change = 0;
}

static void user_files_forget(void)
{
    size_t index;

    for (index = 0; index < ARRAY_LEN(user_files); index++) {
        user_file_forget(&user_files[index]);
    }
}

/* Gives 0 if it has not changed. */
static int user_file_read(struct user_file *file)
{
    struct ast_flags flags = {file->exists ? CONFIG_FLAG_FILEUNCHANGED : 0};
    struct ast_config *config = ast_config_load2(file->name, AST_MODULE, flags);

    if (config == CONFIG_STATUS_FILEUNCHANGED) {
        return 0;
    }
    user_file_forget(file);
    file->exists = config != CONFIG_STATUS_FILEMISSING;
    file->config = config == CONFIG_STATUS_FILEINVALID ? NULL : config;
    file->read = time(NULL);
    return file->exists;
}

/* Reads it if it has changed, or what it includes. Everybody who can connect makes this happen, so that what may change
   without being seen is read once a second at most. The lock is held. */
static struct ast_config *user_file_config(struct user_file *file)
{
    if (!(file->may_change && file->read == time(NULL)) && user_file_read(file)) {
        file->may_change = user_file_read(file);
    }
    return file->config;
}

/* Takes as long for every password of one length, whatever it is compared with. */
static int is_same(const char *given, const char *password)
{
    size_t length = strlen(password);
    size_t given_length = strlen(given);
    volatile unsigned char difference = length != given_length;
    size_t index;

    for (index = 0; index < given_length; index++) {
        difference |= given[index] ^ password[index % (length + 1)];
    }
    return !difference;
}

struct login {
    const struct ast_http_auth *auth;
    int matches;
    /* The encrypted password to compare with: the user's own, else somebody's. */
    char *encrypted;
    int is_own;
};

static void login_compare(struct login *login, struct ast_config *config, const char *section)
{
    const char *type = ast_variable_retrieve(config, section, "type");
    const char *password = ast_variable_retrieve(config, section, "password");
    const char *format = ast_variable_retrieve(config, section, "password_format");
    int is_own = !strcasecmp(section, login->auth->userid);

    if (strcasecmp(S_OR(type, ""), "user") || ast_strlen_zero(password)) {
        return;
    }
    if (strcasecmp(S_OR(format, ""), "crypt")) {
        login->matches |= is_same(login->auth->password, password) & is_own;
    } else if (!login->encrypted || (is_own && !login->is_own)) {
        ast_free(login->encrypted);
        login->encrypted = ast_strdup(password);
        login->is_own = is_own;
    }
}

/* Whether the request has the name and password of a user of ARI. A name that nobody has takes as long as one that
   somebody has: it is compared with every plain password and with one encrypted, if there is any. */
static int is_user(struct ast_variable *headers)
{
    struct ast_http_auth *auth = ast_http_get_auth(headers);
    struct login login = {.auth = auth};
    size_t index;

    if (!auth) {
        return 0;
    }
    ast_mutex_lock(&user_files_lock);
    for (index = 0; index < ARRAY_LEN(user_files); index++) {
        struct ast_config *config = user_file_config(&user_files[index]);
        const char *section = NULL;

        while (config && (section = ast_category_browse(config, section))) {
            login_compare(&login, config, section);
        }
    }
    ast_mutex_unlock(&user_files_lock);
    if (login.encrypted) {
        /* Where the password is wrong, or what is stored is no encrypted password, it gives NULL. */
        char *encrypted = ast_crypt(auth->password, login.encrypted);

        login.matches |= encrypted && login.is_own && is_same(encrypted, login.encrypted);
        ast_free(encrypted);
        ast_free(login.encrypted);
    }
    ao2_ref(auth, -1);
    return login.matches;
}

static void metrics_write(struct ast_tcptls_session_instance *ser, enum ast_http_method method,
                          struct ast_variable *headers)
{
    struct ast_str *header = ast_str_create(128);
    struct ast_str *body = ast_str_create(8192);
    int status = 200;
    const char *title = "OK";

    if (!header || !body) {
        ast_free(header);
        ast_free(body);
        ast_http_error(ser, 500, "Server Error", "Out of memory");
        return;
    }
    if (method != AST_HTTP_GET && method != AST_HTTP_HEAD) {
        status = 405;
        title = "Method Not Allowed";
        ast_str_set(&header, 0, "Allow: GET, HEAD\r\n");
    } else if (!is_user(headers)) {
        status = 401;
        title = "Unauthorized";
        ast_str_set(&header, 0, "WWW-Authenticate: Basic realm=\"Asterisk REST Interface\"\r\n");
    } else if (library.metrics(instance, take_text, &body) != ARIWS_OK) {
        status = 503;
        title = "Service Unavailable";
    } else {
        ast_str_set(&header, 0, "Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n");
    }
    /* It frees both. */
    ast_http_send(ser, method, status, title, header, body, 0, 0);
}

static int metrics_respond(struct ast_tcptls_session_instance *ser, const struct ast_http_uri *uri, const char *path,
                           enum ast_http_method method, struct ast_variable *parameters, struct ast_variable *headers)
{
    if (gate_enter()) {
        ast_http_error(ser, 503, "Service Unavailable", "The module is being unloaded");
        return 0;
    }
    metrics_write(ser, method, headers);
    gate_leave();
    return 0;
}

static struct ast_http_uri metrics_uri = {
    .description = "Metrics of the ARI outbound websockets",
    .uri = "ariws/metrics",
    .callback = metrics_respond,
    .key = AST_MODULE,
};

/* ---- Call data and configuration -------------------------------------------------------------------------------- */

/* What a uri or a header asks for, as the dialplan would have it. The thread is one of the library's. The channel's own
   waits for what comes of the start, and holds no lock meanwhile; each function that is called here takes what it
   needs, as those that AMI calls for a channel do. What a variable has is not evaluated once more, so that a caller who
   sends "${SHELL(...)}" for a name has that for a name. */
static int32_t on_expand(void *userdata, const char *channel_id, const char *expression, ariws_write_callback write,
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

/* Whether a text can stand in a line of a file without being read as something else. */
static int is_plain(const char *text, const char *special)
{
    for (; *text; text++) {
        if (iscntrl((unsigned char)*text) || strchr(special, *text)) {
            return 0;
        }
    }
    return 1;
}

/* Writes one setting as a line of a file. */
static int setting_write(struct ast_str **text, const struct ast_variable *setting)
{
    const char *value;

    ast_str_append(text, 0, "%s = ", setting->name);
    for (value = setting->value; *value; value++) {
        /* A semicolon would begin a comment. */
        ast_str_append(text, 0, *value == ';' ? "\\%c" : "%c", *value);
    }
    return ast_str_append(text, 0, "\n") < 0 ? -1 : 0;
}

/* Writes what Asterisk has read as the text of a file, unless that would have other sections or settings. */
static int config_write(const char *name, struct ast_str **text, struct ast_config *config)
{
    struct ast_category *section = NULL;
    const struct ast_variable *setting;
    const char *section_name;
    int number = 0;

    while ((section = ast_category_browse_filtered(config, NULL, section, NULL))) {
        number++;
        section_name = ast_category_get_name(section);
        if (!is_plain(section_name, "];")) {
            ast_log(LOG_ERROR, "%s: the name of section %d in the database has a ']', ';' or control character\n", name,
                    number);
            return -1;
        }
        ast_str_append(text, 0, "[%s]\n", section_name);
        for (setting = ast_category_first(section); setting; setting = setting->next) {
            if (!is_plain(setting->name, "=;#[")) {
                ast_log(
                    LOG_ERROR,
                    "%s: the name of a setting of [%s] in the database has a '=', ';', '#', '[' or control character\n",
                    name, section_name);
                return -1;
            }
            if (strchr(setting->value, '\n')) {
                ast_log(LOG_ERROR, "%s: [%s] %s has a value of several lines in the database\n", name, section_name,
                        setting->name);
                return -1;
            }
            if (setting_write(text, setting)) {
                return -1;
            }
        }
    }
    return 0;
}

/* A part of the configuration that extconfig.conf has in a database; what it does not have is read from its file by the
   library, whose messages name file and line. */
static int32_t on_config_read(void *userdata, const char *name, ariws_write_callback write, void *write_data)
{
    struct ast_flags flags = {0};
    struct ast_config *config;
    struct ast_str *text = NULL;
    int32_t result = ARIWS_HOST_FAILED;

    if (!ast_realtime_is_mapping_defined(name)) {
        return ARIWS_TEXT_ABSENT;
    }
    if (!ast_check_realtime(name)) {
        ast_log(LOG_ERROR, "extconfig.conf has %s in a database whose module is not loaded\n", name);
        return ARIWS_HOST_FAILED;
    }
    config = ast_config_load2(name, AST_MODULE, flags);
    if (config == CONFIG_STATUS_FILEMISSING || config == CONFIG_STATUS_FILEINVALID) {
        config = NULL;
    }
    if (!config || !ast_category_browse_filtered(config, NULL, NULL, NULL)) {
        /* Drivers do not tell the two apart, and nobody's connections are to end because a database is down. */
        ast_log(LOG_ERROR, "%s has no row in the database that extconfig.conf names, or cannot be read from it\n",
                name);
    } else if ((text = ast_str_create(4096)) && !config_write(name, &text, config)) {
        write(write_data, ast_str_buffer(text), ast_str_strlen(text));
        result = ARIWS_TEXT_GIVEN;
    }
    ast_free(text);
    if (config) {
        ast_config_destroy(config);
    }
    return result;
}

/* ---- The module ------------------------------------------------------------------------------------------------- */

/* Whether both Asterisk and the library would make the connections of ari.conf. */
static int sections_are_native(void)
{
    struct ast_config *config;
    const char *section = NULL;
    int found = 0;

    if (!native) {
        return 0;
    }
    ast_mutex_lock(&user_files_lock);
    config = user_file_config(&user_files[0]);
    while (config && !found && (section = ast_category_browse(config, section))) {
        found = !strcasecmp(S_OR(ast_variable_retrieve(config, section, "type"), ""), "outbound_websocket");
    }
    if (found) {
        ast_log(LOG_ERROR,
                "Section [%s] of ari.conf is read by Asterisk's own outbound websockets too. Move the sections "
                "with type = outbound_websocket to ari_outbound.conf, and run 'module reload res_ari.so'.\n",
                section);
    }
    ast_mutex_unlock(&user_files_lock);
    return found;
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

/* Threads of Asterisk's may be in code of this file when the module is unloaded: behind the point where they have told
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

/* Waits until no thread of Asterisk's can be in our handler any more, which takes a moment since it never blocks. */
static int handler_left(void)
{
    struct timespec deadline = deadline_after(HANDLER_SECONDS);
    int left;

    takeovers_forget();
    ao2_callback(applications, OBJ_UNLINK | OBJ_NODATA | OBJ_MULTIPLE, NULL, NULL);
    ast_mutex_lock(&registrations_lock);
    while (registrations && !ast_cond_timedwait(&registrations_gone, &registrations_lock, &deadline)) {
    }
    left = !registrations;
    ast_mutex_unlock(&registrations_lock);
    return left;
}

static void tables_free(void)
{
    /* From here on no thread calls takeover_ended. */
    pthread_key_delete(takeover_key);
    ao2_cleanup(applications);
    applications = NULL;
    ao2_cleanup(calls);
    calls = NULL;
    user_files_forget();
}

static int tables_create(void)
{
    if (pthread_key_create(&takeover_key, takeover_ended)) {
        ast_log(LOG_ERROR, "The process has no pthread key left\n");
        return -1;
    }
    calls = ao2_container_alloc_hash(AO2_ALLOC_OPT_LOCK_MUTEX, AO2_CONTAINER_ALLOC_OPT_DUPS_REPLACE, 127, call_hash_fn,
                                     call_sort_fn, call_cmp_fn);
    applications = ao2_container_alloc_hash(AO2_ALLOC_OPT_LOCK_MUTEX, AO2_CONTAINER_ALLOC_OPT_DUPS_REPLACE, 127,
                                            application_hash_fn, application_sort_fn, application_cmp_fn);
    if (!calls || !applications) {
        tables_free();
        return -1;
    }
    return 0;
}

static void registered_remove(void)
{
    ast_unregister_atexit(instance_unload_at_exit);
    ast_http_uri_unlink(&metrics_uri);
    commands_unregister();
    ast_unregister_application("Stasis");
    ast_custom_function_unregister(&function);
    ast_devstate_prov_del(PROVIDER);
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

    if (sections_are_native()) {
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
    handler_learn();
    if (instance_load()) {
        handler_left();
        tables_free();
        return -1;
    }
    /* Not as an application of this module: Asterisk hangs up the channels in those when it is told to unload a module
       by force, before it asks the module. */
    if (ast_register_application2("Stasis", stasis_exec, NULL, NULL, NULL) || commands_register() ||
        ast_custom_function_register(&function) || ast_devstate_prov_add(PROVIDER, device_state) ||
        ast_http_uri_link(&metrics_uri) || ast_register_atexit(instance_unload_at_exit)) {
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
    native = has_native_commands();
    if (!headers_fit() || sections_are_native() || library_open() || module_stay() || module_start()) {
        user_files_forget();
        return AST_MODULE_LOAD_DECLINE;
    }
    if (native) {
        ast_log(LOG_NOTICE,
                "Asterisk has commands of its own that begin with '" WORD
                "': those of this module begin with '" OWN_WORD "', such as '" OWN_WORD " show outbound-websockets'\n");
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
