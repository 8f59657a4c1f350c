/*
 * Playbacks: sounds that an application plays to a channel, one after the other.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Nothing is heard: a sound takes as long as --playback-ms says, a tone lasts until it is stopped.
 */
#ifndef MINIPBX_PLAYBACK_H
#define MINIPBX_PLAYBACK_H

#include "json.h"

#include <stdint.h>

struct pbx;
struct channel;

enum playback_state {
    PLAYBACK_QUEUED,
    PLAYBACK_PLAYING,
    PLAYBACK_DONE,
    PLAYBACK_FAILED
};

struct playback {
    struct playback *next;
    char *id;
    char *media;
    char *language;
    enum playback_state state;
    int64_t ends_at;
    bool stopped;
};

/* NULL if the id is in use. `id` and `language` may be NULL. */
struct playback *playback_add(struct channel *channel, const char *media, const char *id, const char *language);
/* Looks at all channels; `channel` receives the one it plays to. */
struct playback *playback_find(const struct pbx *pbx, const char *id, struct channel **channel);
void playback_stop(struct channel *channel, struct playback *playback);

/* For the channel's thread: starts and ends what is due; returns when to be called again. */
int64_t playbacks_run(struct channel *channel);
/* The channel cannot hear them any more. */
void playbacks_fail(struct channel *channel);
void playbacks_free(struct channel *channel);

void playback_json(const struct channel *channel, const struct playback *playback, struct json *json, const char *key);

#endif
