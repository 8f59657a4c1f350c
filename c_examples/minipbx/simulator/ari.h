/*
 * ARI requests: finding the resource, the parameters, the answer.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef MINIPBX_ARI_H
#define MINIPBX_ARI_H

#include "ariws.h"
#include "json.h"

#include <stdint.h>

struct pbx;
struct channel;

#define ARI_MAXIMUM_SEGMENTS 8

/* One request while it is served, and what will be answered. */
struct ari_call {
    struct pbx *pbx;
    const ariws_request *request;
    /* The path, cut at its slashes and percent-decoded. */
    char *segments[ARI_MAXIMUM_SEGMENTS];
    size_t count;
    /* The JSON body; NULL if there is none. */
    struct json_value *body;

    int status;
    /* NULL for the usual one. */
    const char *reason;
    struct json answer;
    /* The resource will answer later itself; nothing is answered now. */
    bool later;
};

/* Runs with the lock held. */
typedef void (*ari_resource)(struct ari_call *call);

/* A parameter, NULL if it is absent: a member of the JSON body, else the last occurrence among the others. */
const char *ari_parameter(struct ari_call *call, const char *name);
/* Whether it is there and not empty. */
bool ari_has(struct ari_call *call, const char *name);

/* An answer of {"message": …}. `reason` NULL for the usual one. */
void ari_error(struct ari_call *call, int status, const char *reason, const char *message);
void ari_no_content(struct ari_call *call);

/* The channel of the path's second segment; NULL after the answer 404. */
struct channel *ari_channel(struct ari_call *call);
/* The same for a channel that has to be in Stasis; NULL after 404 or 409. */
struct channel *ari_channel_in_stasis(struct ari_call *call);

/* ari_asterisk.c */
void ari_asterisk_info(struct ari_call *call);
void ari_asterisk_ping(struct ari_call *call);
void ari_asterisk_get_variable(struct ari_call *call);
void ari_asterisk_set_variable(struct ari_call *call);
void ari_asterisk_wait(struct ari_call *call);
void ari_empty_list(struct ari_call *call);
void ari_sounds(struct ari_call *call);
void ari_recordings(struct ari_call *call);
void ari_recording(struct ari_call *call);
void ari_recording_file(struct ari_call *call);

/* ari_channels.c */
void ari_channels_list(struct ari_call *call);
void ari_channels_get(struct ari_call *call);
void ari_channels_originate(struct ari_call *call);
void ari_channels_create(struct ari_call *call);
void ari_channels_dial(struct ari_call *call);
void ari_channels_hangup(struct ari_call *call);

/* ari_control.c */
void ari_channels_answer(struct ari_call *call);
void ari_channels_ring(struct ari_call *call);
void ari_channels_ring_stop(struct ari_call *call);
void ari_channels_play(struct ari_call *call);
void ari_channels_dtmf(struct ari_call *call);
void ari_channels_get_variable(struct ari_call *call);
void ari_channels_set_variable(struct ari_call *call);
void ari_channels_continue(struct ari_call *call);
void ari_channels_move(struct ari_call *call);
void ari_playbacks_get(struct ari_call *call);
void ari_playbacks_stop(struct ari_call *call);

/* ari_applications.c */
void ari_applications_list(struct ari_call *call);
void ari_applications_get(struct ari_call *call);
void ari_applications_subscribe(struct ari_call *call);
void ari_applications_unsubscribe(struct ari_call *call);
void ari_events_user(struct ari_call *call);

#endif
