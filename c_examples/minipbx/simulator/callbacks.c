/*
 * The callbacks of the library: each takes the lock for a moment and does something short.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "channel.h"
#include "log.h"
#include "minipbx.h"
#include "stasis.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void pbx_log(void *userdata, int32_t level, const char *subject, const char *message)
{
    log_line((int)level, subject, "%s", message);
}

int32_t pbx_app_register(void *userdata, const char *app, int32_t subscribe_all)
{
    struct pbx *pbx = userdata;
    pthread_mutex_lock(&pbx->lock);
    bool replaced = application_register(pbx, app, subscribe_all != 0, NULL);
    pthread_mutex_unlock(&pbx->lock);
    log_line(ARIWS_LOG_DEBUG, app, replaced ? "registered anew" : "registered");
    return replaced ? ARIWS_APP_REPLACED : ARIWS_APP_REGISTERED;
}

void pbx_app_unregister(void *userdata, const char *app)
{
    struct pbx *pbx = userdata;
    pthread_mutex_lock(&pbx->lock);
    bool done = application_unregister(pbx, app, NULL);
    pthread_mutex_unlock(&pbx->lock);
    log_line(ARIWS_LOG_DEBUG, app, done ? "unregistered" : "not the library's to unregister");
}

int32_t pbx_app_is_registered(void *userdata, const char *app)
{
    struct pbx *pbx = userdata;
    pthread_mutex_lock(&pbx->lock);
    int32_t registered = application_find(pbx, app) != NULL ? 1 : 0;
    pthread_mutex_unlock(&pbx->lock);
    return registered;
}

int32_t pbx_context_create(void *userdata, const char *name, const char *app)
{
    struct pbx *pbx = userdata;
    pthread_mutex_lock(&pbx->lock);
    struct context *context = dialplan_add_context(&pbx->dialplan, name, true);
    if (context != NULL) {
        dialplan_add_step(context, "_.", 1, "Stasis", app);
        /* Without it `_.` would fit h too, and every call would enter Stasis once more after its end. */
        dialplan_add_step(context, "h", 1, "NoOp", "");
    }
    pthread_mutex_unlock(&pbx->lock);
    log_line(ARIWS_LOG_DEBUG, name, context != NULL ? "context created" : "context exists");
    return context != NULL ? ARIWS_CONTEXT_CREATED : ARIWS_CONTEXT_EXISTS;
}

void pbx_context_destroy(void *userdata, const char *name)
{
    struct pbx *pbx = userdata;
    pthread_mutex_lock(&pbx->lock);
    const struct context *context = dialplan_context(&pbx->dialplan, name);
    bool ours = context != NULL && context->from_library && dialplan_remove_context(&pbx->dialplan, name);
    pthread_mutex_unlock(&pbx->lock);
    log_line(ARIWS_LOG_DEBUG, name, ours ? "context destroyed" : "no such context of the library");
}

void pbx_stasis_failed(void *userdata, const char *channel_id, const char *application)
{
    struct pbx *pbx = userdata;
    pthread_mutex_lock(&pbx->lock);
    struct channel *channel = channel_find(pbx, channel_id);
    if (channel != NULL) {
        stasis_failed(channel, application);
    }
    pthread_mutex_unlock(&pbx->lock);
}

void pbx_inbound_shutdown(void *userdata, const char *session_id)
{
    struct pbx *pbx = userdata;
    if (inbound_close(pbx, session_id)) {
        log_line(ARIWS_LOG_NOTICE, session_id, "inbound session shut down");
    }
}

void pbx_connection_state(void *userdata, const ariws_connection_state *state)
{
    bool up = state->state == ARIWS_STATE_UP;
    /* Here a PBX tells its hints and its queues. */
    log_line(ARIWS_LOG_DEBUG, state->connection, "%s %s", up ? "up, to" : "down:", up ? state->server : state->reason);
}

int32_t pbx_expand(void *userdata, const char *channel_id, const char *expression, ariws_write_callback write,
                   void *write_data)
{
    struct pbx *pbx = userdata;
    pthread_mutex_lock(&pbx->lock);
    const struct channel *channel = channel_find(pbx, channel_id);
    char *value = channel != NULL ? dialplan_expand(channel, expression) : NULL;
    pthread_mutex_unlock(&pbx->lock);
    if (value == NULL) {
        log_line(ARIWS_LOG_WARNING, channel_id, "no such channel, for which %s was to be evaluated", expression);
        return ARIWS_HOST_FAILED;
    }
    write(write_data, value, strlen(value));
    free(value);
    return ARIWS_TEXT_GIVEN;
}

/* minipbx has no database; it gives what stands in files. What the texts include is in the same folder. */
int32_t pbx_config_read(void *userdata, const char *name, ariws_write_callback write, void *write_data)
{
    struct pbx *pbx = userdata;
    struct text path = {0};
    text_add(&path, pbx->settings.config);
    text_add(&path, "/");
    text_add(&path, name);
    FILE *file = fopen(path.data, "r");
    int32_t result = file == NULL && errno == ENOENT ? ARIWS_TEXT_ABSENT : ARIWS_HOST_FAILED;
    if (file != NULL) {
        char piece[4096];
        size_t length;
        while ((length = fread(piece, 1, sizeof piece, file)) > 0) {
            write(write_data, piece, length);
        }
        result = ferror(file) ? ARIWS_HOST_FAILED : ARIWS_TEXT_GIVEN;
        fclose(file);
    }
    if (result == ARIWS_HOST_FAILED) {
        log_line(ARIWS_LOG_ERROR, name, "%s cannot be read", path.data);
    }
    free(path.data);
    return result;
}

int32_t pbx_app_snapshot(void *userdata, const char *app, ariws_write_callback write, void *write_data)
{
    struct pbx *pbx = userdata;
    struct json json = {0};
    pthread_mutex_lock(&pbx->lock);
    const struct application *application = application_find(pbx, app);
    if (application != NULL) {
        application_json(pbx, application, &json, NULL);
    }
    pthread_mutex_unlock(&pbx->lock);
    if (application != NULL) {
        write(write_data, text_string(&json.text), json.text.length);
    }
    json_free(&json);
    return application != NULL ? ARIWS_TEXT_GIVEN : ARIWS_TEXT_ABSENT;
}

void pbx_finalize(void *userdata)
{
    struct pbx *pbx = userdata;
    /* Here a host frees its userdata, unless it lives longer anyway, as ours does. */
    pthread_mutex_lock(&pbx->lock);
    pbx->finalized = true;
    pthread_mutex_unlock(&pbx->lock);
}
