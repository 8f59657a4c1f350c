/*
 * The callbacks. Each takes the lock for a moment and does something short; none calls the library with the lock held.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "callbacks.h"

#include "ari.h"
#include "channel.h"
#include "events.h"
#include "inbound.h"
#include "log.h"
#include "pbx.h"
#include "stasis.h"

#include <stdio.h>

static void on_log(void *userdata, int32_t level, const char *subject, const char *message)
{
    (void)userdata;
    log_line((int)level, subject, "%s", message);
}

static int32_t on_app_register(void *userdata, const char *app, int32_t subscribe_all)
{
    struct pbx *pbx = userdata;
    outbox_deliver replaced;
    pthread_mutex_lock(&pbx->lock);
    application_register(pbx, app, subscribe_all != 0, NULL, event_to_library, &replaced);
    pthread_mutex_unlock(&pbx->lock);
    if (replaced == NULL) {
        log_line(ARIWS_LOG_DEBUG, app, "registered");
        return ARIWS_APP_REGISTERED;
    }
    log_line(ARIWS_LOG_DEBUG, app, "registered anew");
    /* The owner before learns it from inside this callback, as with Asterisk. If that was the library, this calls
       ariws_event while ariws_load, ariws_reload or ariws_stasis_start waits for us: it is made for that. */
    struct json json = {0};
    event_application_replaced_json(&json, app);
    replaced(pbx, app, text_string(&json.text), json.text.length);
    json_free(&json);
    return ARIWS_APP_REPLACED;
}

static void on_app_unregister(void *userdata, const char *app)
{
    struct pbx *pbx = userdata;
    pthread_mutex_lock(&pbx->lock);
    bool done = application_unregister(pbx, app, NULL);
    pthread_mutex_unlock(&pbx->lock);
    log_line(ARIWS_LOG_DEBUG, app, done ? "unregistered" : "not the library's to unregister");
}

static int32_t on_app_is_registered(void *userdata, const char *app)
{
    struct pbx *pbx = userdata;
    pthread_mutex_lock(&pbx->lock);
    int32_t registered = application_find(pbx, app) != NULL ? 1 : 0;
    pthread_mutex_unlock(&pbx->lock);
    return registered;
}

static int32_t on_context_create(void *userdata, const char *name, const char *app)
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

static void on_context_destroy(void *userdata, const char *name)
{
    struct pbx *pbx = userdata;
    pthread_mutex_lock(&pbx->lock);
    const struct context *context = dialplan_context(&pbx->dialplan, name);
    bool ours = context != NULL && context->from_library && dialplan_remove_context(&pbx->dialplan, name);
    pthread_mutex_unlock(&pbx->lock);
    log_line(ARIWS_LOG_DEBUG, name, ours ? "context destroyed" : "no such context of the library");
}

static void on_stasis_failed(void *userdata, const char *channel_id, const char *application)
{
    struct pbx *pbx = userdata;
    pthread_mutex_lock(&pbx->lock);
    struct channel *channel = channel_find(pbx, channel_id);
    if (channel != NULL) {
        stasis_failed(channel, application);
    }
    pthread_mutex_unlock(&pbx->lock);
}

static void on_inbound_shutdown(void *userdata, const char *session_id)
{
    struct pbx *pbx = userdata;
    if (inbound_close(pbx, session_id)) {
        log_line(ARIWS_LOG_NOTICE, session_id, "inbound session shut down");
    }
}

static void on_finalize(void *userdata)
{
    struct pbx *pbx = userdata;
    /* Here a host frees its userdata, unless it lives longer anyway, as ours does. */
    pthread_mutex_lock(&pbx->lock);
    pbx->finalized = true;
    pthread_mutex_unlock(&pbx->lock);
}

ariws_host callbacks_table(struct pbx *pbx)
{
    ariws_host host = ARIWS_HOST_INIT;
    host.userdata = pbx;
    host.log = on_log;
    host.ari_request = ari_request;
    host.app_register = on_app_register;
    host.app_unregister = on_app_unregister;
    host.app_is_registered = on_app_is_registered;
    host.context_create = on_context_create;
    host.context_destroy = on_context_destroy;
    host.stasis_failed = on_stasis_failed;
    host.inbound_shutdown = on_inbound_shutdown;
    host.finalize = on_finalize;
    return host;
}

void callbacks_report(void *data, const ariws_report_entry *entry)
{
    struct report_counts *counts = data;
    counts->entries++;
    counts->refused += entry->kind == ARIWS_REPORT_REFUSED ? 1 : 0;
    /* The library logs the same, so a host needs the report only for what it wants to answer at once. The message
       has everything in it; kind, file and line are for hosts that build something of their own from them. */
    if (counts->shown) {
        printf("%s: %s\n", entry->object, entry->message);
    }
}
