/*
 * The smallest PBX that has c_examples/minipbx/host: one application of its own, one channel. It shows that the folder
 * is whole with what host/pbx.h asks for, and that a start, an event, a cancel and an end go through it.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * usage: embedder LIBRARY CONFIGURATION-FOLDER
 */
#include "host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pbx {
    bool finalized;
};

struct channel {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool hung_up;
};

void pbx_log(void *userdata, int32_t level, const char *subject, const char *message)
{
    fprintf(stderr, "%d %s: %s\n", (int)level, subject, message);
}

void pbx_ari_request(void *userdata, const ariws_request *request)
{
}

int32_t pbx_app_register(void *userdata, const char *app, int32_t subscribe_all)
{
    return ARIWS_APP_REGISTERED;
}

void pbx_app_unregister(void *userdata, const char *app)
{
}

int32_t pbx_app_is_registered(void *userdata, const char *app)
{
    return strcmp(app, "own") == 0;
}

int32_t pbx_context_create(void *userdata, const char *context, const char *app)
{
    return ARIWS_CONTEXT_CREATED;
}

void pbx_context_destroy(void *userdata, const char *context)
{
}

void pbx_stasis_failed(void *userdata, const char *channel_id, const char *application)
{
}

void pbx_inbound_shutdown(void *userdata, const char *session_id)
{
}

int32_t pbx_expand(void *userdata, const char *channel_id, const char *expression, ariws_write_callback write,
                   void *write_data)
{
    return ARIWS_HOST_FAILED;
}

int32_t pbx_config_read(void *userdata, const char *name, ariws_write_callback write, void *write_data)
{
    return ARIWS_TEXT_ABSENT;
}

int32_t pbx_app_snapshot(void *userdata, const char *app, ariws_write_callback write, void *write_data)
{
    return ARIWS_TEXT_ABSENT;
}

void pbx_finalize(void *userdata)
{
    ((struct pbx *)userdata)->finalized = true;
}

void pbx_connection_state(void *userdata, const ariws_connection_state *state)
{
}

const char *pbx_channel_id(const struct channel *channel)
{
    return "1.1";
}

const char *pbx_channel_name(const struct channel *channel)
{
    return "SIP/ann-1";
}

void pbx_channel_lock(struct channel *channel)
{
    pthread_mutex_lock(&channel->lock);
}

void pbx_channel_unlock(struct channel *channel)
{
    pthread_mutex_unlock(&channel->lock);
}

void pbx_channel_wait(struct channel *channel)
{
    pthread_cond_wait(&channel->changed, &channel->lock);
}

void pbx_channel_wake(struct channel *channel)
{
    pthread_cond_broadcast(&channel->changed);
}

bool pbx_channel_is_hung_up(const struct channel *channel)
{
    return channel->hung_up;
}

static bool expect(const char *what, int32_t result, int32_t expected)
{
    if (result != expected) {
        fprintf(stderr, "%s gave %d, expected %d\n", what, (int)result, (int)expected);
    }
    return result == expected;
}

/* Enters, is sent an event, and leaves; a cancel that it got inside concerns no later stay. */
static bool stay(struct host *host, struct channel *channel)
{
    const char *event = "{\"type\":\"StasisStart\",\"args\":[]}";
    char *application = NULL;
    if (!expect("the start", host_stasis_start(host, channel, "own", &application), ARIWS_OK)) {
        return false;
    }
    host_event(host, application, event, strlen(event));
    host_cancel(host, pbx_channel_id(channel));
    host_stasis_end(host, application, pbx_channel_id(channel));
    free(application);
    return true;
}

int main(int count, char **words)
{
    struct pbx pbx = {false};
    struct channel channel = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
    struct host host;
    char *application = NULL;
    ariws_options options = ARIWS_OPTIONS_INIT;
    options.config_directory = count > 2 ? words[2] : "";
    options.asterisk_id = "02:00:00:00:00:01";
    if (!host_open(&host, &pbx, count > 1 ? words[1] : "") || !host_load(&host, &options)) {
        return EXIT_FAILURE;
    }
    bool good = stay(&host, &channel) && stay(&host, &channel);
    int32_t nobody = host_stasis_start(&host, &channel, "nobody's", &application);
    good = expect("a start that nobody serves", nobody, ARIWS_ERROR_NOT_FOUND) && good;
    /* The hang-up overtakes the blocking start. */
    host_cancel(&host, pbx_channel_id(&channel));
    host_events_flush(&host);
    int32_t cancelled = host_stasis_start_blocking(&host, &channel, "own", &application);
    good = expect("a start of a channel that has hung up", cancelled, ARIWS_ERROR_CANCELLED) && good;
    good = host_unload(&host, 1000) && pbx.finalized && good;
    host_close(&host);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
