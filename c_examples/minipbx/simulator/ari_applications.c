/*
 * ARI: applications, their subscriptions, and events that applications make themselves.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "ari.h"

#include "ari_events.h"
#include "channel.h"
#include "minipbx.h"

#include <stdlib.h>
#include <string.h>

void ari_applications_list(struct ari_call *call)
{
    json_open(&call->answer, NULL, '[');
    for (const struct application *application = call->pbx->applications.first; application != NULL;
         application = application->next) {
        application_json(call->pbx, application, &call->answer, NULL);
    }
    json_close(&call->answer, ']');
}

static struct application *find_application(struct ari_call *call)
{
    struct application *application = application_find(call->pbx, call->segments[1]);
    if (application == NULL) {
        ari_error(call, 404, NULL, "Application not found");
    }
    return application;
}

void ari_applications_get(struct ari_call *call)
{
    const struct application *application = find_application(call);
    if (application != NULL) {
        application_json(call->pbx, application, &call->answer, NULL);
    }
}

/* Goes through the comma-separated eventSource; minipbx has events of channels only. */
static void change_subscriptions(struct ari_call *call, bool subscribe)
{
    struct application *application = find_application(call);
    if (application == NULL) {
        return;
    }
    if (!ari_has(call, "eventSource")) {
        ari_error(call, 400, NULL, "Missing parameter eventSource");
        return;
    }
    char *copy = copy_string(ari_parameter(call, "eventSource"));
    for (char *source = copy; source != NULL;) {
        char *comma = strchr(source, ',');
        if (comma != NULL) {
            *comma++ = '\0';
        }
        source = trim(source);
        if (strncmp(source, "channel:", 8) != 0) {
            ari_error(call, 400, NULL, "Invalid event source URI scheme");
            goto cleanup;
        }
        if (subscribe && channel_find(call->pbx, source + 8) == NULL) {
            ari_error(call, 422, NULL, "Event source does not exist");
            goto cleanup;
        }
        if (subscribe) {
            application_subscribe(application, source + 8);
        } else if (!application_unsubscribe(application, source + 8)) {
            ari_error(call, 422, NULL, "Event source was not subscribed to");
            goto cleanup;
        }
        source = comma;
    }
    application_json(call->pbx, application, &call->answer, NULL);
cleanup:
    free(copy);
}

void ari_applications_subscribe(struct ari_call *call)
{
    change_subscriptions(call, true);
}

void ari_applications_unsubscribe(struct ari_call *call)
{
    change_subscriptions(call, false);
}

void ari_events_user(struct ari_call *call)
{
    if (!ari_has(call, "application")) {
        ari_error(call, 400, NULL, "Missing parameter application");
        return;
    }
    const char *name = call->segments[2];
    const struct json_value *variables = json_member(call->body, "variables");
    const struct channel *channel = NULL;
    if (ari_has(call, "source")) {
        const char *source = ari_parameter(call, "source");
        if (strncmp(source, "channel:", 8) != 0) {
            ari_error(call, 400, NULL, "Invalid event source URI scheme");
            return;
        }
        channel = channel_find(call->pbx, source + 8);
        if (channel == NULL) {
            ari_error(call, 422, NULL, "Event source was not found");
            return;
        }
    }
    if (variables != NULL && variables->kind != JSON_OBJECT) {
        variables = NULL;
    }
    if (!event_user(call->pbx, ari_parameter(call, "application"), name, channel, variables)) {
        ari_error(call, 404, NULL, "Application not found");
        return;
    }
    ari_no_content(call);
}
