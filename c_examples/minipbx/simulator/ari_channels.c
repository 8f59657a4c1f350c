/*
 * ARI: channels, made, listed and hung up.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "ari.h"

#include "minipbx.h"
#include "originate.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_TIMEOUT_S 30

void ari_channels_list(struct ari_call *call)
{
    json_open(&call->answer, NULL, '[');
    for (const struct channel *channel = call->pbx->channels; channel != NULL; channel = channel->next) {
        channel_json(channel, &call->answer, NULL);
    }
    json_close(&call->answer, ']');
}

void ari_channels_get(struct ari_call *call)
{
    const struct channel *channel = ari_channel(call);
    if (channel != NULL) {
        channel_json(channel, &call->answer, NULL);
    }
}

/* `"Name" <number>`, or a number. */
static void set_caller(struct channel *channel, const char *caller_id)
{
    const char *open = strchr(caller_id, '<');
    if (open == NULL) {
        replace_string(&channel->caller_number, caller_id);
        return;
    }
    char *number = copy_bytes(open + 1, strcspn(open + 1, ">"));
    char *name = copy_bytes(caller_id, (size_t)(open - caller_id));
    char *words[1] = {""};
    split_words(name, words, 1);
    replace_string(&channel->caller_name, words[0]);
    replace_string(&channel->caller_number, number);
    free(name);
    free(number);
}

static void set_variables(struct ari_call *call, struct channel *channel)
{
    const struct json_value *variables = json_member(call->body, "variables");
    if (variables == NULL || variables->kind != JSON_OBJECT) {
        return;
    }
    for (const struct json_value *at = variables->first; at != NULL; at = at->next) {
        if (at->kind == JSON_STRING) {
            variables_set(&channel->variables, at->key, at->text);
        }
    }
}

/* Makes the channel, or answers why not. */
static struct channel *make_channel(struct ari_call *call, struct origination *want)
{
    struct channel *channel = NULL;
    const char *id = call->count > 1 && strcmp(call->segments[1], "create") != 0 ? call->segments[1] : NULL;
    if (id == NULL && ari_has(call, "channelId")) {
        id = ari_parameter(call, "channelId");
    }
    want->other_id = (char *)(ari_has(call, "otherChannelId") ? ari_parameter(call, "otherChannelId") : NULL);
    switch (originate_new(call->pbx, ari_parameter(call, "endpoint"), id, want, &channel)) {
    case ORIGINATE_OK:
        break;
    case ORIGINATE_INVALID:
        ari_error(call, 400, NULL, "Invalid endpoint specified");
        return NULL;
    case ORIGINATE_ID_IN_USE:
        ari_error(call, 409, NULL, "Channel with given unique ID already exists");
        return NULL;
    case ORIGINATE_UNKNOWN_TECHNOLOGY:
    case ORIGINATE_FAILED:
        call->status = 500;
        json_open(&call->answer, NULL, '{');
        json_string(&call->answer, "error", "Allocation failed");
        json_close(&call->answer, '}');
        return NULL;
    }
    if (ari_has(call, "callerId")) {
        set_caller(channel, ari_parameter(call, "callerId"));
    }
    set_variables(call, channel);
    return channel;
}

/* Starts it; the answer shows the channel as it was before. */
static void launch(struct ari_call *call, struct channel *channel, bool (*start)(struct channel *channel))
{
    char *id = copy_string(channel->id);
    if (!start(channel)) {
        ari_error(call, 500, NULL, "No thread for the channel");
    } else {
        channel_json(channel_find(call->pbx, id), &call->answer, NULL);
    }
    free(id);
}

void ari_channels_originate(struct ari_call *call)
{
    struct origination want;
    long priority = 1;
    long timeout = DEFAULT_TIMEOUT_S;
    memset(&want, 0, sizeof want);
    if (!ari_has(call, "endpoint")) {
        ari_error(call, 400, NULL, "Endpoint must be specified");
        return;
    }
    if (!ari_has(call, "app") && !ari_has(call, "extension")) {
        ari_error(call, 400, NULL, "Application or extension must be specified");
        return;
    }
    /* Parameters that are no number are taken as absent, as in Asterisk. */
    if (ari_has(call, "priority")) {
        parse_number(ari_parameter(call, "priority"), 1, 100000, &priority);
    }
    if (ari_has(call, "timeout")) {
        parse_number(ari_parameter(call, "timeout"), -1, 1000000, &timeout);
    }
    want.app = (char *)(ari_has(call, "app") ? ari_parameter(call, "app") : NULL);
    want.args = (char *)ari_parameter(call, "appArgs");
    want.context = (char *)(ari_has(call, "context") ? ari_parameter(call, "context") : "default");
    want.extension = (char *)ari_parameter(call, "extension");
    want.priority = (int)priority;
    want.deadline = timeout < 0 ? CLOCK_NEVER : clock_now() + timeout * 1000;
    struct channel *channel = make_channel(call, &want);
    if (channel != NULL) {
        launch(call, channel, originate_launch);
    }
}

void ari_channels_create(struct ari_call *call)
{
    struct origination want;
    memset(&want, 0, sizeof want);
    if (!ari_has(call, "endpoint")) {
        ari_error(call, 400, NULL, "Endpoint must be specified");
        return;
    }
    want.app = (char *)(ari_has(call, "app") ? ari_parameter(call, "app") : "");
    want.args = (char *)ari_parameter(call, "appArgs");
    want.deadline = CLOCK_NEVER;
    struct channel *channel = make_channel(call, &want);
    if (channel != NULL) {
        launch(call, channel, originate_launch_created);
    }
}

void ari_channels_dial(struct ari_call *call)
{
    struct channel *channel = ari_channel_in_stasis(call);
    if (channel == NULL) {
        return;
    }
    if (originate_dial(channel)) {
        ari_no_content(call);
    } else {
        ari_error(call, 409, NULL, "Channel is not in the 'Down' state.");
    }
}

void ari_channels_hangup(struct ari_call *call)
{
    static const struct {
        const char *reason;
        int cause;
    } reasons[] = {{"normal", 16},
                   {"busy", 17},
                   {"congestion", 34},
                   {"no_answer", 19},
                   {"timeout", 18},
                   {"rejected", 21},
                   {"unallocated", 1},
                   {"normal_unspecified", 31},
                   {"number_incomplete", 28},
                   {"codec_mismatch", 58},
                   {"interworking", 127},
                   {"failure", 38},
                   {"answered_elsewhere", 26}};
    struct channel *channel = ari_channel(call);
    if (channel == NULL) {
        return;
    }
    long cause = CAUSE_NORMAL;
    bool valid = true;
    if (ari_has(call, "reason")) {
        const char *reason = ari_parameter(call, "reason");
        valid = false;
        for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
            if (strcmp(reasons[i].reason, reason) == 0) {
                cause = reasons[i].cause;
                valid = true;
            }
        }
    } else if (ari_has(call, "reason_code")) {
        valid = parse_number(ari_parameter(call, "reason_code"), 0, 127, &cause);
    }
    if (!valid) {
        ari_error(call, 400, "Invalid Reason", "Invalid reason for hangup reason provided");
        return;
    }
    channel_hangup(channel, (int)cause, CAUSE_REQUESTED);
    ari_no_content(call);
}
