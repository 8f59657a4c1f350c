/*
 * ARI events: built as Asterisk builds them, key by key, for every application that wants them.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef MINIPBX_ARI_EVENTS_H
#define MINIPBX_ARI_EVENTS_H

#include "json.h"

struct application;
struct pbx;
struct channel;
struct playback;

/* To the one application that the channel enters or leaves. `args` are comma-separated, "" for none. */
void event_stasis_start(struct channel *channel, const char *application, const char *args);
void event_stasis_end(struct channel *channel, const char *application);

/* To all that want the channel's events. */
void event_channel_created(struct channel *channel);
void event_channel_state(struct channel *channel);
void event_channel_dialplan(struct channel *channel);
void event_channel_varset(struct channel *channel, const char *name, const char *value);
void event_channel_hangup_request(struct channel *channel, int cause);
void event_channel_destroyed(struct channel *channel);
void event_channel_dtmf(struct channel *channel, const char *digit);
void event_dial(struct channel *peer, const char *dialled, const char *status);
void event_playback(struct channel *channel, const struct playback *playback, const char *type);

/* To one application. `channel` and `variables` may be NULL. False if nobody has registered it. */
bool event_user(struct pbx *pbx, const char *application, const char *name, const struct channel *channel,
                const struct json_value *variables);

/* To the one who has the application and is about to lose it. */
void event_application_replaced(struct pbx *pbx, const struct application *application);

#endif
