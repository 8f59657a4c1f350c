/*
 * Channels in Stasis: which application each is in, as the events say, and how it is made to leave when the connection
 * of that is lost.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "parts.h"

#include "asterisk/stasis_app_impl.h"

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

int calls_create(void)
{
    calls = ao2_container_alloc_hash(AO2_ALLOC_OPT_LOCK_MUTEX, AO2_CONTAINER_ALLOC_OPT_DUPS_REPLACE, 127, call_hash_fn,
                                     call_sort_fn, call_cmp_fn);
    return calls ? 0 : -1;
}

void calls_free(void)
{
    ao2_cleanup(calls);
    calls = NULL;
}

struct call *call_enter(const char *channel_id, const char *application, int has_dialplan)
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

void call_leave(struct call *call)
{
    thread_call = call->outer;
    ao2_lock(call);
    call->over = 1;
    ao2_unlock(call);
    ao2_unlink(calls, call);
    places_signal();
    ao2_ref(call, -1);
}

int call_is_doomed(struct call *call)
{
    int doomed;

    ao2_lock(call);
    doomed = call->doomed;
    ao2_unlock(call);
    return doomed;
}

int call_has_failed(const struct call *call)
{
    return call->failed;
}

static int call_is_in(struct call *call, const char *application)
{
    int is_in;

    ao2_lock(call);
    is_in = !call->over && call->place != LEFT && !strcmp(call->application, application);
    ao2_unlock(call);
    return is_in;
}

void calls_in(const char *application, void (*each)(const char *application, const char *channel_id))
{
    struct ao2_iterator iterator = ao2_iterator_init(calls, 0);
    struct call *call;

    for (; (call = ao2_iterator_next(&iterator)); ao2_ref(call, -1)) {
        char *channel_id;

        ao2_lock(call);
        channel_id = call_is_in(call, application) ? ast_strdup(call->channel_id) : NULL;
        ao2_unlock(call);
        if (channel_id) {
            each(application, channel_id);
        }
        ast_free(channel_id);
    }
    ao2_iterator_destroy(&iterator);
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
void calls_wait_entered(const char *application)
{
    struct timespec deadline = deadline_after(LEAVE_SECONDS);

    ast_mutex_lock(&places_lock);
    while (application_is_entered(application) && !ast_cond_timedwait(&places_changed, &places_lock, &deadline)) {
    }
    ast_mutex_unlock(&places_lock);
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

void channel_event(const char *application, const char *type, const char *channel_id)
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
void on_stasis_failed(void *userdata, const char *channel_id, const char *application)
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
