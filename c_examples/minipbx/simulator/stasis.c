/*
 * Stasis: a channel in the hands of an application.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "stasis.h"

#include "ari_events.h"
#include "channel.h"
#include "log.h"
#include "minipbx.h"
#include "playback.h"

#include <stdlib.h>
#include <string.h>

/* `application` receives the name that the library gives, for the caller to free. */
static bool start(struct channel *channel, const char *app, char **application)
{
    struct pbx *pbx = channel->pbx;
    int64_t began = clock_now_us();
    channel->phase = STASIS_STARTING;
    pthread_mutex_unlock(&pbx->lock);
    int32_t result = pbx->settings.blocking_start ? host_stasis_start_blocking(&pbx->host, channel, app, application)
                                                  : host_stasis_start(&pbx->host, channel, app, application);
    pthread_mutex_lock(&pbx->lock);
    if (result != ARIWS_OK) {
        channel_set_variable(channel, "ARIWS_REASON", pbx->host.library.result_reason(result));
    }
    if (result == ARIWS_OK && channel->record != NULL) {
        channel->record->stasis_us = clock_now_us() - began;
    }
    return result == ARIWS_OK;
}

static void enter(struct channel *channel, char *application, const char *args)
{
    channel->application = application;
    channel->phase = STASIS_INSIDE;
    call_line("call %s enters %s", channel->id, application);
    event_stasis_start(channel, application, args);
    pthread_cond_broadcast(&channel->pbx->changed);
}

/* `application` is where it was, and is freed. */
static void leave(struct channel *channel, char *application)
{
    struct pbx *pbx = channel->pbx;
    call_line("call %s leaves %s", channel->id, application);
    event_stasis_end(channel, application);
    pthread_mutex_unlock(&pbx->lock);
    host_stasis_end(&pbx->host, application, channel->id);
    pthread_mutex_lock(&pbx->lock);
    free(application);
}

/* POST channels/{id}/move: StasisStart for the new application, then StasisEnd for the old one. */
static bool move(struct channel *channel)
{
    char *app = channel->move_app;
    char *args = channel->move_args;
    char *application = NULL;
    channel->move_app = NULL;
    channel->move_args = NULL;
    /* The application that it moves to is one more start for the library, even if it is registered already: only so
       the library knows that its connection has another channel. */
    bool moved = start(channel, app, &application);
    channel->phase = STASIS_INSIDE;
    if (moved) {
        char *before = channel->application;
        enter(channel, application, args == NULL ? "" : args);
        leave(channel, before);
    }
    free(app);
    free(args);
    return moved;
}

/* Whether it is this application that failed: the library may tell so late that the channel is in another one. */
static bool failed(const struct channel *channel)
{
    return channel->failed_application != NULL && strcmp(channel->failed_application, channel->application) == 0;
}

/* Until it is hung up, sent on, or fails. True unless it failed. */
static bool serve(struct channel *channel)
{
    for (;;) {
        int64_t due = playbacks_run(channel);
        if (channel->hung_up || failed(channel)) {
            return !failed(channel);
        }
        /* As in Asterisk, what was asked for runs in order: sounds that wait come before leaving. */
        if (channel->playbacks == NULL && channel->leave) {
            return true;
        }
        if (channel->playbacks == NULL && channel->move_app != NULL) {
            if (!move(channel)) {
                return false;
            }
            continue;
        }
        channel_wait(channel, due);
    }
}

void stasis_run(struct channel *channel, const char *app, const char *args)
{
    char *application = NULL;
    bool success = false;

    channel->leave = false;
    replace_string(&channel->failed_application, NULL);
    channel_set_variable(channel, "STASISSTATUS", "");
    channel_set_variable(channel, "ARIWS_REASON", "");
    /* A channel that is hung up already (in extension h) has no business in an application. */
    if (!channel->hung_up && start(channel, app, &application)) {
        enter(channel, application, args);
        success = serve(channel);
        if (failed(channel)) {
            channel_set_variable(channel, "ARIWS_REASON", "down");
        }
        playbacks_fail(channel);
        application = channel->application;
        channel->application = NULL;
        channel->phase = STASIS_OUTSIDE;
        leave(channel, application);
    }
    channel->phase = STASIS_OUTSIDE;
    replace_string(&channel->move_app, NULL);
    replace_string(&channel->move_args, NULL);
    channel_set_variable(channel, "STASISSTATUS", success ? "SUCCESS" : "FAILED");
    call_line("call %s STASISSTATUS=%s", channel->id, success ? "SUCCESS" : "FAILED");
}

void stasis_failed(struct channel *channel, const char *application)
{
    /* It may come between the end of the start and StasisStart. */
    if (channel->phase != STASIS_OUTSIDE) {
        replace_string(&channel->failed_application, application);
        channel_changed(channel);
    }
}
