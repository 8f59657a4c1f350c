/*
 * ariws_stasis_start, and how a channel is served while it takes its time.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * With a per-call connection the library connects now, which lasts from a millisecond to all the configured attempts
 * and their timeouts. The caller may hang up meanwhile. Two ways:
 *
 * - The asynchronous function: the channel's thread waits for the completion OR for the hang-up, whichever is first.
 *   This is the way for a PBX whose thread has to serve the channel (media, timers) all the time.
 * - The blocking function (--blocking-start): the thread sits inside the library, and whoever hangs the channel up
 *   calls ariws_stasis_cancel, which ends the call at once (channel_hangup in channel.c).
 *
 * Either way the start may succeed in the moment of the hang-up. Then it did succeed, and is ended like any other.
 */
#include "stasis.h"

#include "channel.h"
#include "log.h"
#include "pbx.h"

#include <stdlib.h>
#include <string.h>

/* Shared with the completion. It lives on the stack of the channel's thread, which therefore never leaves before the
   completion was called: that happens exactly once. */
struct start {
    struct channel *channel;
    bool done;
    int32_t result;
    char *application;
};

static void report_failure(const struct channel *channel, const char *app, int32_t result, const char *message)
{
    /* The library has told the operator already. */
    log_line(ARIWS_LOG_DEBUG, channel->id, "Stasis(%s): %s (%s)", app, channel->pbx->library.result_text(result),
             message);
}

/* A callback of the library, in a thread of it. */
static void start_done(void *data, int32_t result, const char *application, const char *message)
{
    struct start *start = data;
    struct pbx *pbx = start->channel->pbx;
    pthread_mutex_lock(&pbx->lock);
    if (result != ARIWS_OK) {
        report_failure(start->channel, start->channel->app_data, result, message);
    }
    start->result = result;
    start->application = copy_string(application);
    start->done = true;
    channel_changed(start->channel);
    /* From here on `start` may be gone. */
    pthread_mutex_unlock(&pbx->lock);
}

static int32_t start_async(struct channel *channel, const char *app, char **application)
{
    struct pbx *pbx = channel->pbx;
    struct start start = {channel, false, ARIWS_OK, NULL};
    char message[256] = "";

    /* The library may ask app_is_registered before it returns. */
    pthread_mutex_unlock(&pbx->lock);
    int32_t result = pbx->library.stasis_start_async(pbx->instance, app, channel->id, channel->name, start_done, &start,
                                                     message, sizeof message);
    pthread_mutex_lock(&pbx->lock);
    if (result != ARIWS_OK) {
        /* Then `start_done` is never called. */
        report_failure(channel, app, result, message);
        return result;
    }

    while (!start.done && !channel->hung_up) {
        channel_wait(channel, CLOCK_NEVER);
    }
    if (!start.done) {
        /* Hung up. The completion still comes, with ARIWS_ERROR_CANCELLED, or with ARIWS_OK if it was on its way. */
        pthread_mutex_unlock(&pbx->lock);
        pbx->library.stasis_cancel(pbx->instance, channel->id);
        pthread_mutex_lock(&pbx->lock);
        while (!start.done) {
            clock_wait(&channel->changed, &pbx->lock, CLOCK_NEVER);
        }
    }
    *application = start.application;
    return start.result;
}

static int32_t start_blocking(struct channel *channel, const char *app, char **application)
{
    struct pbx *pbx = channel->pbx;
    char message[256] = "";
    size_t size = strlen(app) + strlen(channel->name) + 2;
    char *buffer = memory_get(size, 1);

    pthread_mutex_unlock(&pbx->lock);
    int32_t result = pbx->library.stasis_start(pbx->instance, app, channel->id, channel->name, buffer, size, message,
                                               sizeof message);
    pthread_mutex_lock(&pbx->lock);
    if (result != ARIWS_OK) {
        report_failure(channel, app, result, message);
        free(buffer);
        return result;
    }
    *application = buffer;
    return result;
}

int32_t stasis_start(struct channel *channel, const char *app, char **application)
{
    int32_t result;
    int64_t began = clock_now_us();
    channel->phase = STASIS_STARTING;
    if (channel->pbx->settings.blocking_start) {
        result = start_blocking(channel, app, application);
    } else {
        result = start_async(channel, app, application);
    }
    if (result == ARIWS_OK && channel->record != NULL) {
        channel->record->stasis_us = clock_now_us() - began;
    }
    return result;
}
