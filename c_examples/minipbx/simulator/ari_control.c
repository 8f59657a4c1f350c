/*
 * ARI: what an application does with a channel, and its playbacks.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * These only note what is to be done and wake the channel's thread, which does it (stasis.c).
 */
#include "ari.h"

#include "ari_events.h"
#include "channel.h"
#include "log.h"
#include "minipbx.h"
#include "playback.h"

#include <stdlib.h>
#include <string.h>

void ari_channels_answer(struct ari_call *call)
{
    struct channel *channel = ari_channel_in_stasis(call);
    if (channel != NULL) {
        channel_answer(channel);
        ari_no_content(call);
    }
}

void ari_channels_ring(struct ari_call *call)
{
    const struct channel *channel = ari_channel_in_stasis(call);
    if (channel != NULL) {
        call_line("call %s hears ringing", channel->id);
        ari_no_content(call);
    }
}

void ari_channels_ring_stop(struct ari_call *call)
{
    const struct channel *channel = ari_channel_in_stasis(call);
    if (channel != NULL) {
        call_line("call %s hears no ringing", channel->id);
        ari_no_content(call);
    }
}

/* Also with the playback's id in the path: channels/{id}/play/{playbackId}. */
void ari_channels_play(struct ari_call *call)
{
    struct channel *channel = ari_channel_in_stasis(call);
    if (channel == NULL) {
        return;
    }
    if (!ari_has(call, "media")) {
        ari_error(call, 400, NULL, "Missing parameter media");
        return;
    }
    const char *id = call->count > 3 ? call->segments[3] : NULL;
    if (id == NULL && ari_has(call, "playbackId")) {
        id = ari_parameter(call, "playbackId");
    }
    const char *language = ari_has(call, "lang") ? ari_parameter(call, "lang") : NULL;
    const struct playback *playback = playback_add(channel, ari_parameter(call, "media"), id, language);
    if (playback == NULL) {
        ari_error(call, 409, NULL, "Playback with given unique ID already exists");
        return;
    }
    call->status = 201;
    playback_json(channel, playback, &call->answer, NULL);
}

/* Digits towards the caller. Over a Local channel they come out at its other end. */
void ari_channels_dtmf(struct ari_call *call)
{
    struct channel *channel = ari_channel_in_stasis(call);
    if (channel == NULL) {
        return;
    }
    const char *digits = ari_parameter(call, "dtmf");
    if (digits == NULL || !phone_digits_valid(digits)) {
        ari_error(call, 400, NULL, "DTMF is required");
        return;
    }
    call_line("call %s hears digits %s", channel->id, digits);
    for (; channel->other_end != NULL && *digits != '\0'; digits++) {
        char digit[2] = {*digits, '\0'};
        event_channel_dtmf(channel->other_end, digit);
    }
    ari_no_content(call);
}

void ari_channels_get_variable(struct ari_call *call)
{
    if (!ari_has(call, "variable")) {
        ari_error(call, 400, NULL, "Variable name is required");
        return;
    }
    const struct channel *channel = ari_channel(call);
    if (channel == NULL) {
        return;
    }
    char *value = channel_get_variable(channel, ari_parameter(call, "variable"));
    if (value == NULL) {
        ari_error(call, 404, "Variable Not Found", "Provided variable was not found");
        return;
    }
    json_open(&call->answer, NULL, '{');
    json_string(&call->answer, "value", value);
    json_close(&call->answer, '}');
    free(value);
}

void ari_channels_set_variable(struct ari_call *call)
{
    const char *value = ari_parameter(call, "value");
    if (!ari_has(call, "variable")) {
        ari_error(call, 400, NULL, "Variable name is required");
        return;
    }
    struct channel *channel = ari_channel_in_stasis(call);
    if (channel == NULL) {
        return;
    }
    channel_set_variable(channel, ari_parameter(call, "variable"), value == NULL ? "" : value);
    ari_no_content(call);
}

void ari_channels_continue(struct ari_call *call)
{
    struct channel *channel = ari_channel_in_stasis(call);
    long priority = 1;
    if (channel == NULL) {
        return;
    }
    bool context = ari_has(call, "context");
    bool extension = ari_has(call, "extension");
    bool given = ari_has(call, "priority");
    if (given && !parse_number(ari_parameter(call, "priority"), 1, 100000, &priority)) {
        ari_error(call, 400, NULL, "The priority must be a number from 1 up");
        return;
    }
    if (context || extension || given) {
        channel_set_place(channel, context ? ari_parameter(call, "context") : channel->context,
                          extension ? ari_parameter(call, "extension") : channel->extension, (int)priority);
    }
    channel->leave = true;
    channel_changed(channel);
    ari_no_content(call);
}

void ari_channels_move(struct ari_call *call)
{
    struct channel *channel = ari_channel_in_stasis(call);
    if (channel == NULL) {
        return;
    }
    if (!ari_has(call, "app")) {
        ari_error(call, 400, NULL, "Missing parameter app");
        return;
    }
    const char *app = ari_parameter(call, "app");
    if (application_find(call->pbx, app) == NULL) {
        ari_error(call, 404, NULL, "Application not found");
        return;
    }
    replace_string(&channel->move_app, app);
    replace_string(&channel->move_args, ari_parameter(call, "appArgs"));
    channel_changed(channel);
    ari_no_content(call);
}

static struct playback *find_playback(struct ari_call *call, struct channel **channel)
{
    struct playback *playback = playback_find(call->pbx, call->segments[1], channel);
    if (playback == NULL) {
        ari_error(call, 404, NULL, "Playback not found");
    }
    return playback;
}

void ari_playbacks_get(struct ari_call *call)
{
    struct channel *channel;
    const struct playback *playback = find_playback(call, &channel);
    if (playback != NULL) {
        playback_json(channel, playback, &call->answer, NULL);
    }
}

void ari_playbacks_stop(struct ari_call *call)
{
    struct channel *channel;
    struct playback *playback = find_playback(call, &channel);
    if (playback != NULL) {
        playback_stop(channel, playback);
        ari_no_content(call);
    }
}
