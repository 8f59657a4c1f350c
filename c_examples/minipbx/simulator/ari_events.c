/*
 * ARI events.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * `application` and `asterisk_id` are left to the library, which adds them where they are missing; so one text does
 * for all the applications that get the event. The timestamp is ours: it is when the thing happened.
 */
#include "ari_events.h"

#include "channel.h"
#include "log.h"
#include "minipbx.h"
#include "playback.h"

#include <stdlib.h>
#include <string.h>

static void begin_typed(struct json *json, const char *type)
{
    char timestamp[CLOCK_TIMESTAMP_SIZE];
    clock_timestamp(timestamp);
    json_string(json, "type", type);
    json_string(json, "timestamp", timestamp);
}

static void begin(struct json *json, const char *type)
{
    json_open(json, NULL, '{');
    begin_typed(json, type);
}

/* Ends the event and gives it to one application. */
static void end_for_application(struct pbx *pbx, struct json *json, const struct application *application)
{
    json_close(json, '}');
    application_event(pbx, application, json);
    json_free(json);
}

/* Ends the event and gives it to everybody who wants those of the channel. */
static void end_for_all(struct json *json, const struct channel *channel)
{
    struct pbx *pbx = channel->pbx;
    json_close(json, '}');
    for (const struct application *application = pbx->applications.first; application != NULL;
         application = application->next) {
        if (application_wants(application, channel)) {
            application_event(pbx, application, json);
        }
    }
    json_free(json);
}

static void end_for_channel(struct json *json, const struct channel *channel, const char *key)
{
    channel_json(channel, json, key);
    end_for_all(json, channel);
}

void event_stasis_start(struct channel *channel, const char *application, const char *args)
{
    struct json json = {0};
    const struct application *target = application_find(channel->pbx, application);
    if (target == NULL) {
        return;
    }
    begin(&json, "StasisStart");
    json_open(&json, "args", '[');
    while (*args != '\0') {
        size_t length = strcspn(args, ",");
        char *argument = copy_bytes(args, length);
        json_string(&json, NULL, argument);
        free(argument);
        args += length + (args[length] == ',' ? 1 : 0);
    }
    json_close(&json, ']');
    channel_json(channel, &json, "channel");
    end_for_application(channel->pbx, &json, target);
}

void event_stasis_end(struct channel *channel, const char *application)
{
    struct json json = {0};
    const struct application *target = application_find(channel->pbx, application);
    if (target == NULL) {
        return;
    }
    begin(&json, "StasisEnd");
    channel_json(channel, &json, "channel");
    end_for_application(channel->pbx, &json, target);
}

void event_channel_created(struct channel *channel)
{
    struct json json = {0};
    begin(&json, "ChannelCreated");
    end_for_channel(&json, channel, "channel");
}

void event_channel_state(struct channel *channel)
{
    struct json json = {0};
    begin(&json, "ChannelStateChange");
    end_for_channel(&json, channel, "channel");
}

void event_channel_dialplan(struct channel *channel)
{
    struct json json = {0};
    begin(&json, "ChannelDialplan");
    json_string(&json, "dialplan_app", channel->app_name);
    json_string(&json, "dialplan_app_data", channel->app_data);
    end_for_channel(&json, channel, "channel");
}

void event_channel_varset(struct channel *channel, const char *name, const char *value)
{
    struct json json = {0};
    json_open(&json, NULL, '{');
    json_string(&json, "variable", name);
    json_string(&json, "value", value);
    begin_typed(&json, "ChannelVarset");
    end_for_channel(&json, channel, "channel");
}

void event_channel_hangup_request(struct channel *channel, int cause)
{
    struct json json = {0};
    json_open(&json, NULL, '{');
    json_integer(&json, "cause", cause);
    json_boolean(&json, "soft", true);
    begin_typed(&json, "ChannelHangupRequest");
    end_for_channel(&json, channel, "channel");
}

static const char *cause_text(int cause)
{
    static const struct {
        int cause;
        const char *text;
    } texts[] = {{0, "Unknown"},
                 {1, "Unallocated (unassigned) number"},
                 {16, "Normal Clearing"},
                 {17, "User busy"},
                 {18, "No user responding"},
                 {19, "User alerting, no answer"},
                 {21, "Call Rejected"},
                 {26, "Answered elsewhere"},
                 {28, "Invalid number format"},
                 {31, "Normal, unspecified"},
                 {34, "Circuit/channel congestion"},
                 {38, "Network out of order"},
                 {58, "Bearer capability not available"},
                 {127, "Interworking, unspecified"}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (texts[i].cause == cause) {
            return texts[i].text;
        }
    }
    return "Unknown";
}

void event_channel_destroyed(struct channel *channel)
{
    struct json json = {0};
    begin(&json, "ChannelDestroyed");
    json_integer(&json, "cause", channel->cause);
    json_string(&json, "cause_txt", cause_text(channel->cause));
    end_for_channel(&json, channel, "channel");
}

void event_channel_dtmf(struct channel *channel, const char *digit)
{
    struct json json = {0};
    begin(&json, "ChannelDtmfReceived");
    json_string(&json, "digit", digit);
    json_integer(&json, "duration_ms", 100);
    end_for_channel(&json, channel, "channel");
}

void event_dial(struct channel *peer, const char *dialled, const char *status)
{
    struct json json = {0};
    begin(&json, "Dial");
    json_string(&json, "dialstatus", status);
    json_string(&json, "forward", "");
    json_string(&json, "dialstring", dialled);
    end_for_channel(&json, peer, "peer");
}

void event_playback(struct channel *channel, const struct playback *playback, const char *type)
{
    struct json json = {0};
    begin(&json, type);
    playback_json(channel, playback, &json, "playback");
    end_for_all(&json, channel);
}

bool event_user(struct pbx *pbx, const char *application, const char *name, const struct channel *channel,
                const struct json_value *variables)
{
    struct json json = {0};
    const struct application *target = application_find(pbx, application);
    if (target == NULL) {
        return false;
    }
    begin(&json, "ChannelUserevent");
    json_string(&json, "eventname", name);
    json_open(&json, "userevent", '{');
    json_string(&json, "eventname", name);
    for (const struct json_value *at = variables == NULL ? NULL : variables->first; at != NULL; at = at->next) {
        json_value_write(&json, at->key, at);
    }
    json_close(&json, '}');
    if (channel != NULL) {
        channel_json(channel, &json, "channel");
    }
    end_for_application(pbx, &json, target);
    return true;
}

void event_application_replaced(struct pbx *pbx, const struct application *application)
{
    struct json json = {0};
    begin(&json, "ApplicationReplaced");
    json_string(&json, "application", application->name);
    end_for_application(pbx, &json, application);
}
