/*
 * The registry of Stasis applications, and the websockets that applications opened to the PBX.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "applications.h"

#include "ari_events.h"
#include "channel.h"
#include "log.h"
#include "minipbx.h"

#include <stdlib.h>
#include <string.h>

struct application *application_find(const struct pbx *pbx, const char *name)
{
    struct application *application = pbx->applications.first;
    while (application != NULL && strcmp(application->name, name) != 0) {
        application = application->next;
    }
    return application;
}

static bool is_subscribed(const struct application *application, const char *channel_id)
{
    for (const struct subscription *at = application->subscriptions; at != NULL; at = at->next) {
        if (strcmp(at->channel_id, channel_id) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_inside(const struct application *application, const struct channel *channel)
{
    return channel->application != NULL && strcmp(channel->application, application->name) == 0;
}

bool application_wants(const struct application *application, const struct channel *channel)
{
    return application->subscribe_all || is_inside(application, channel) || is_subscribed(application, channel->id);
}

void application_event(struct pbx *pbx, const struct application *application, const struct json *json)
{
    const char *text = text_string(&json->text);
    event_line(application->name, text, json->text.length);
    if (application->owner == NULL) {
        host_event(&pbx->host, application->name, text, json->text.length);
    } else {
        /* A PBX with a server would write the event to the session's socket. */
        call_line("inbound %s %s", application->name, text);
    }
}

bool application_register(struct pbx *pbx, const char *name, bool subscribe_all, const char *owner)
{
    struct application *application = application_find(pbx, name);
    bool replaced = application != NULL;
    if (replaced) {
        event_application_replaced(pbx, application);
    } else {
        application = memory_get(1, sizeof *application);
        application->name = copy_string(name);
        /* In the order of names, as the lists of ARI and of the console have them. */
        struct application **at = &pbx->applications.first;
        while (*at != NULL && strcmp((*at)->name, name) < 0) {
            at = &(*at)->next;
        }
        application->next = *at;
        *at = application;
    }
    /* Subscriptions stay: they belong to the application, whoever has it. */
    application->subscribe_all = subscribe_all;
    replace_string(&application->owner, owner);
    pthread_cond_broadcast(&pbx->changed);
    return replaced;
}

static void application_free(struct application *application)
{
    while (application->subscriptions != NULL) {
        struct subscription *subscription = application->subscriptions;
        application->subscriptions = subscription->next;
        free(subscription->channel_id);
        free(subscription);
    }
    free(application->name);
    free(application->owner);
    free(application);
}

bool application_unregister(struct pbx *pbx, const char *name, const char *owner)
{
    struct application **at = &pbx->applications.first;
    while (*at != NULL && strcmp((*at)->name, name) != 0) {
        at = &(*at)->next;
    }
    struct application *application = *at;
    if (application == NULL) {
        return false;
    }
    /* Somebody may have taken it over; then it is not this owner's any more to end. */
    bool same = owner == NULL || application->owner == NULL ? owner == application->owner
                                                            : strcmp(owner, application->owner) == 0;
    if (!same) {
        return false;
    }
    *at = application->next;
    application_free(application);
    pthread_cond_broadcast(&pbx->changed);
    return true;
}

void application_subscribe(struct application *application, const char *channel_id)
{
    if (is_subscribed(application, channel_id)) {
        return;
    }
    struct subscription *subscription = memory_get(1, sizeof *subscription);
    subscription->channel_id = copy_string(channel_id);
    subscription->next = application->subscriptions;
    application->subscriptions = subscription;
}

bool application_unsubscribe(struct application *application, const char *channel_id)
{
    struct subscription **at = &application->subscriptions;
    while (*at != NULL && strcmp((*at)->channel_id, channel_id) != 0) {
        at = &(*at)->next;
    }
    struct subscription *subscription = *at;
    if (subscription == NULL) {
        return false;
    }
    *at = subscription->next;
    free(subscription->channel_id);
    free(subscription);
    return true;
}

void applications_forget_channel(struct pbx *pbx, const char *channel_id)
{
    for (struct application *application = pbx->applications.first; application != NULL;
         application = application->next) {
        application_unsubscribe(application, channel_id);
    }
}

void application_json(const struct pbx *pbx, const struct application *application, struct json *json, const char *key)
{
    const char *lists[] = {"bridge_ids", "endpoint_ids", "device_names", "events_allowed", "events_disallowed"};
    const char *all[] = {"__AST_BRIDGE_ALL_TOPIC", "__AST_ENDPOINT_ALL_TOPIC", NULL, NULL, NULL};
    json_open(json, key, '{');
    json_string(json, "name", application->name);
    json_open(json, "channel_ids", '[');
    if (application->subscribe_all) {
        json_string(json, NULL, "__AST_CHANNEL_ALL_TOPIC");
    } else {
        for (const struct channel *channel = pbx->channels; channel != NULL; channel = channel->next) {
            if (application_wants(application, channel)) {
                json_string(json, NULL, channel->id);
            }
        }
    }
    json_close(json, ']');
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        json_open(json, lists[i], '[');
        if (application->subscribe_all && all[i] != NULL) {
            json_string(json, NULL, all[i]);
        }
        json_close(json, ']');
    }
    json_close(json, '}');
}

void applications_free(struct applications *applications)
{
    while (applications->first != NULL) {
        struct application *application = applications->first;
        applications->first = application->next;
        application_free(application);
    }
}

/* The next name of a comma-separated list; NULL at its end. */
static char *next_app(char **list)
{
    while (*list != NULL) {
        char *app = *list;
        char *comma = strchr(app, ',');
        *list = comma == NULL ? NULL : comma + 1;
        if (comma != NULL) {
            *comma = '\0';
        }
        app = trim(app);
        if (*app != '\0') {
            return app;
        }
    }
    return NULL;
}

static void register_apps(struct pbx *pbx, const struct inbound *session)
{
    char *copy = copy_string(session->apps);
    char *list = copy;
    for (char *app = next_app(&list); app != NULL; app = next_app(&list)) {
        application_register(pbx, app, false, session->id);
    }
    free(copy);
}

bool inbound_open(struct pbx *pbx, const char *id, const char *remote_address, const char *apps)
{
    ariws_inbound inbound = ARIWS_INBOUND_INIT;
    inbound.session_id = id;
    inbound.remote_address = remote_address;
    inbound.apps = apps;
    /* The library checks that the id is new; only then the session counts. */
    int32_t result = pbx->host.library.inbound_opened(pbx->host.instance, &inbound);
    if (result != ARIWS_OK) {
        log_line(ARIWS_LOG_WARNING, id, "the library refused the session: %s", pbx->host.library.result_text(result));
        return false;
    }
    struct inbound *session = memory_get(1, sizeof *session);
    session->id = copy_string(id);
    session->apps = copy_string(apps == NULL ? "" : apps);
    pthread_mutex_lock(&pbx->lock);
    session->next = pbx->inbound;
    pbx->inbound = session;
    register_apps(pbx, session);
    pthread_mutex_unlock(&pbx->lock);
    return true;
}

bool inbound_close(struct pbx *pbx, const char *id)
{
    pthread_mutex_lock(&pbx->lock);
    struct inbound **at = &pbx->inbound;
    while (*at != NULL && strcmp((*at)->id, id) != 0) {
        at = &(*at)->next;
    }
    struct inbound *session = *at;
    if (session != NULL) {
        *at = session->next;
        char *list = session->apps;
        for (char *app = next_app(&list); app != NULL; app = next_app(&list)) {
            application_unregister(pbx, app, id);
        }
    }
    pthread_mutex_unlock(&pbx->lock);
    if (session == NULL) {
        return false;
    }
    /* After the applications are free: the library registers those anew that it had before. */
    pbx->host.library.inbound_closed(pbx->host.instance, id);
    free(session->id);
    free(session->apps);
    free(session);
    return true;
}

void inbound_free(struct pbx *pbx)
{
    while (pbx->inbound != NULL) {
        struct inbound *session = pbx->inbound;
        pbx->inbound = session->next;
        free(session->id);
        free(session->apps);
        free(session);
    }
}
