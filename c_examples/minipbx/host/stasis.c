/*
 * A channel enters an application and leaves it.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The order that applications rely on, and that the library needs: a start that succeeds, StasisStart, whatever
 * happens, StasisEnd, ariws_stasis_end.
 *
 * With a per-call connection the library connects during the start, which lasts from a millisecond to all the
 * configured attempts and their timeouts. The caller may hang up meanwhile. Two ways:
 *
 * - The asynchronous function: the channel's thread waits for the completion OR for the hang-up, whichever is first.
 *   This is the way for a PBX whose thread has to serve the channel (media, timers) all the time.
 * - The blocking function: the thread sits inside the library, and whoever hangs the channel up calls host_cancel. That
 *   may come before the thread has got there: the library remembers it.
 *
 * Either way the start may succeed in the moment of the hang-up. Then it did succeed, and is ended like any other.
 */
#include "host.h"

#include <stdlib.h>
#include <string.h>

/* How much longer than the application's name that of its fallback_app may be; a start for a longer one fails. */
#define FALLBACK_LENGTH 256

/* Shared with the completion. It lives on the stack of the channel's thread, which therefore never leaves before the
   completion was called: that happens exactly once. */
struct start {
    struct host *host;
    struct channel *channel;
    bool done;
    int32_t result;
    char *application;
    char message[256];
};

/* A callback of the library, on a thread of it. */
static void start_done(void *data, int32_t result, const char *application, const char *message)
{
    struct start *start = data;
    struct channel *channel = start->channel;
    if (result == ARIWS_OK) {
        start->application = malloc(strlen(application) + 1);
        if (start->application != NULL) {
            strcpy(start->application, application);
        } else {
            start->host->library.stasis_end(start->host->instance, application, pbx_channel_id(channel));
            result = ARIWS_ERROR_SYSTEM;
        }
    }
    pbx_channel_lock(channel);
    start->result = result;
    strncpy(start->message, message, sizeof start->message - 1);
    start->done = true;
    pbx_channel_wake(channel);
    /* From here on `start` may be gone. */
    pbx_channel_unlock(channel);
}

/* Waits for the completion, and serves the channel meanwhile. */
static int32_t wait_for(struct host *host, struct start *start)
{
    struct channel *channel = start->channel;
    pbx_channel_lock(channel);
    while (!start->done && !pbx_channel_is_hung_up(channel)) {
        pbx_channel_wait(channel);
    }
    if (!start->done) {
        /* The completion still comes, with ARIWS_ERROR_CANCELLED, or with ARIWS_OK if it was on its way. */
        pbx_channel_unlock(channel);
        host->library.stasis_cancel(host->instance, pbx_channel_id(channel));
        pbx_channel_lock(channel);
        while (!start->done) {
            pbx_channel_wait(channel);
        }
    }
    pbx_channel_unlock(channel);
    return start->result;
}

static int32_t run(struct host *host, struct channel *channel, const char *app, char **application, bool blocking)
{
    const struct library *library = &host->library;
    const char *id = pbx_channel_id(channel);
    const char *name = pbx_channel_name(channel);
    struct start start = {.host = host, .channel = channel};
    int32_t result;
    if (blocking) {
        size_t size = strlen(app) + FALLBACK_LENGTH + strlen(name) + 2;
        start.application = malloc(size);
        if (start.application == NULL) {
            return ARIWS_ERROR_SYSTEM;
        }
        result = library->stasis_start(host->instance, app, id, name, start.application, size, start.message,
                                       sizeof start.message);
    } else {
        /* From here on `start` is the completion's, until that has come. */
        char message[sizeof start.message] = "";
        result =
            library->stasis_start_async(host->instance, app, id, name, start_done, &start, message, sizeof message);
        if (result == ARIWS_OK) {
            result = wait_for(host, &start);
        } else {
            memcpy(start.message, message, sizeof message);
        }
    }
    if (result != ARIWS_OK) {
        /* The library has told the operator already. */
        host_log(host, ARIWS_LOG_DEBUG, id, "Stasis(%s): %s (%s)", app, library->result_text(result), start.message);
        free(start.application);
        return result;
    }
    *application = start.application;
    return ARIWS_OK;
}

int32_t host_stasis_start(struct host *host, struct channel *channel, const char *app, char **application)
{
    return run(host, channel, app, application, false);
}

int32_t host_stasis_start_blocking(struct host *host, struct channel *channel, const char *app, char **application)
{
    return run(host, channel, app, application, true);
}

void host_stasis_end(struct host *host, const char *application, const char *channel_id)
{
    host_events_flush(host);
    host->library.stasis_end(host->instance, application, channel_id);
}
