/*
 * Playbacks.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "playback.h"

#include "ari_events.h"
#include "channel.h"
#include "minipbx.h"

#include <stdlib.h>
#include <string.h>

struct playback *playback_add(struct channel *channel, const char *media, const char *id, const char *language)
{
    struct channel *other;
    struct text unique = {0};
    if (id != NULL && playback_find(channel->pbx, id, &other) != NULL) {
        return NULL;
    }
    if (id == NULL) {
        text_format(&unique, "%s-playback-%lu", channel->id, channel->pbx->playback_serial++);
    }
    struct playback *playback = memory_get(1, sizeof *playback);
    playback->id = id == NULL ? unique.data : copy_string(id);
    playback->media = copy_string(media);
    playback->language = copy_string(language == NULL ? "en" : language);
    struct playback **at = &channel->playbacks;
    while (*at != NULL) {
        at = &(*at)->next;
    }
    *at = playback;
    channel_changed(channel);
    return playback;
}

struct playback *playback_find(const struct pbx *pbx, const char *id, struct channel **channel)
{
    for (struct channel *at = pbx->channels; at != NULL; at = at->next) {
        for (struct playback *playback = at->playbacks; playback != NULL; playback = playback->next) {
            if (strcmp(playback->id, id) == 0) {
                *channel = at;
                return playback;
            }
        }
    }
    return NULL;
}

void playback_stop(struct channel *channel, struct playback *playback)
{
    playback->stopped = true;
    channel_changed(channel);
}

static void playback_free(struct playback *playback)
{
    free(playback->id);
    free(playback->media);
    free(playback->language);
    free(playback);
}

/* Takes the first one out, telling how it ended. */
static void finish_first(struct channel *channel, enum playback_state state)
{
    struct playback *playback = channel->playbacks;
    channel->playbacks = playback->next;
    playback->state = state;
    event_playback(channel, playback, "PlaybackFinished");
    if (channel->played_at == CLOCK_NEVER) {
        channel->played_at = clock_now();
    }
    playback_free(playback);
}

static bool is_tone(const struct playback *playback)
{
    return strncmp(playback->media, "tone:", 5) == 0;
}

static bool is_known(const struct playback *playback)
{
    const char *schemes[] = {"sound:", "tone:", "recording:", "number:", "digits:", "characters:"};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        if (strncmp(playback->media, schemes[i], strlen(schemes[i])) == 0) {
            return true;
        }
    }
    return false;
}

int64_t playbacks_run(struct channel *channel)
{
    while (channel->playbacks != NULL) {
        struct playback *playback = channel->playbacks;
        if (playback->state == PLAYBACK_QUEUED && !playback->stopped) {
            playback->state = PLAYBACK_PLAYING;
            playback->ends_at = is_tone(playback) ? CLOCK_NEVER : clock_now() + channel->pbx->settings.playback_ms;
            event_playback(channel, playback, "PlaybackStarted");
        }
        if (!is_known(playback)) {
            finish_first(channel, PLAYBACK_FAILED);
        } else if (playback->stopped || playback->ends_at <= clock_now()) {
            finish_first(channel, PLAYBACK_DONE);
        } else {
            return playback->ends_at;
        }
    }
    return CLOCK_NEVER;
}

void playbacks_fail(struct channel *channel)
{
    while (channel->playbacks != NULL) {
        finish_first(channel, PLAYBACK_FAILED);
    }
}

void playbacks_free(struct channel *channel)
{
    while (channel->playbacks != NULL) {
        struct playback *playback = channel->playbacks;
        channel->playbacks = playback->next;
        playback_free(playback);
    }
}

void playback_json(const struct channel *channel, const struct playback *playback, struct json *json, const char *key)
{
    static const char *const states[] = {"queued", "playing", "done", "failed"};
    struct text target = {0};
    text_format(&target, "channel:%s", channel->id);
    json_open(json, key, '{');
    json_string(json, "id", playback->id);
    json_string(json, "media_uri", playback->media);
    json_string(json, "target_uri", text_string(&target));
    json_string(json, "language", playback->language);
    json_string(json, "state", states[playback->state]);
    json_close(json, '}');
    text_free(&target);
}
