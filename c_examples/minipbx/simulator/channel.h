/*
 * Channels: one leg of a call each, with a thread that lives its life.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef MINIPBX_CHANNEL_H
#define MINIPBX_CHANNEL_H

#include "clock.h"
#include "dialplan.h"
#include "json.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct pbx;
struct playback;

enum channel_state {
    CHANNEL_DOWN,
    CHANNEL_RING,
    CHANNEL_RINGING,
    CHANNEL_UP
};

/* Causes of hanging up (ITU-T Q.850), and the one that Asterisk reports for a hang-up by ARI. */
#define CAUSE_NORMAL 16
#define CAUSE_BUSY 17
#define CAUSE_NO_ANSWER 19
#define CAUSE_REQUESTED 32

/* Where Stasis stands for the channel. */
enum stasis_phase {
    STASIS_OUTSIDE,
    /* ariws_stasis_start is under way. */
    STASIS_STARTING,
    STASIS_INSIDE
};

/* The caller's phone: the digits that `dial … [digits]` and `calls … [digits]` give. */
struct phone {
    char *digits;
    size_t pressed;
    /* CLOCK_NEVER until the first one is due. */
    int64_t next_at;
};

/* For a channel that ARI made: whom it calls, and where it goes once that one has answered. */
struct origination {
    /* Behind the slash of the endpoint: "exten@context", or the name of a simulated phone. NULL for other channels. */
    char *dialled;
    bool local;
    bool under_way;
    char *other_id;
    int64_t deadline;
    /* Stasis, or the dialplan. */
    char *app;
    char *args;
    char *context;
    char *extension;
    int priority;
};

/* What `calls` measures of a call (console_load.c). */
struct call_record {
    bool placed;
    bool ended;
    bool success;
    int64_t began_us;
    int64_t ended_us;
    /* How long ariws_stasis_start took; -1 if it never succeeded. */
    int64_t stasis_us;
    /* Counts the calls of the command that have ended. */
    size_t *ended_count;
};

struct channel {
    struct channel *next;
    struct pbx *pbx;
    /* With pbx->lock; told whenever something below changes that the channel's thread may wait for. */
    pthread_cond_t changed;

    /* These never change: they may be read without the lock by the channel's thread. */
    char *id;
    char *name;
    char created[CLOCK_TIMESTAMP_SIZE];

    char *caller_name;
    char *caller_number;
    enum channel_state state;
    int64_t answered_at;
    bool hung_up;
    int cause;
    struct variables variables;
    /* The other end of a Local channel; NULL if there is none, or it is gone. */
    struct channel *other_end;

    /* Where it is in the dialplan, and what it runs there. */
    char *context;
    char *extension;
    int priority;
    char *app_name;
    char *app_data;
    /* The place above was set by somebody else than the run of the dialplan itself: go on exactly there. */
    bool jumped;

    struct origination origination;

    enum stasis_phase phase;
    /* The registered application that it is in; NULL outside. */
    char *application;
    /* The application whose connection is lost for good, as the library says; NULL if none. */
    char *failed_application;
    /* ARI: leave Stasis and go on in the dialplan; or move to another application. */
    bool leave;
    char *move_app;
    char *move_args;

    struct playback *playbacks;
    /* When the first playback ended; CLOCK_NEVER before. */
    int64_t played_at;
    struct phone phone;
    struct call_record *record;
};

/* A new channel, not in the list yet. NULL if the id is in use or minipbx is about to end. `id` may be NULL. */
struct channel *channel_new(struct pbx *pbx, const char *name, const char *id);
/* The number that ends the names of channels made now. */
unsigned long channel_name_serial(struct pbx *pbx);
/* Puts it into the list and starts its thread. If that fails the channel is gone. */
bool channel_launch(struct channel *channel, void (*life)(struct channel *channel));

/* By id. */
struct channel *channel_find(const struct pbx *pbx, const char *id);
/* By id or name, for the console. */
struct channel *channel_named(const struct pbx *pbx, const char *name);

void channel_set_state(struct channel *channel, enum channel_state state);
/* Answers; the other end of a Local channel comes up with it. */
void channel_answer(struct channel *channel);
/* Marks it as hung up and wakes its thread, which does the rest. `reported` is the cause in ChannelHangupRequest. */
void channel_hangup(struct channel *channel, int cause, int reported);
void channel_set_place(struct channel *channel, const char *context, const char *extension, int priority);
void channel_set_app(struct channel *channel, const char *name, const char *data);
/* Sets a variable, with its event. */
void channel_set_variable(struct channel *channel, const char *name, const char *value);
/* Also the built-in ones: CHANNEL, CONTEXT, EXTEN, PRIORITY, UNIQUEID, CALLERID(num), CALLERID(name). NULL if none. */
char *channel_get_variable(const struct channel *channel, const char *name);
void channel_changed(struct channel *channel);
/* For the channel's own thread: waits for a change or the deadline, and lets the phone press its digits. The lock is
   released meanwhile. Returns at any time: look at what you wait for, and at hung_up, in a loop. */
void channel_wait(struct channel *channel, int64_t deadline);

const char *channel_state_name(enum channel_state state);
void channel_json(const struct channel *channel, struct json *json, const char *key);

/* The caller's phone, which presses digits by itself, behaves like somebody who listens first: it starts when the first
   playback has ended, or, if nothing is played within half a second after the answer, then. The digits are 50 ms apart.
 */
#define PHONE_DIGIT_MS 50
#define PHONE_PATIENCE_MS 500

/* Digits that a phone has, and nothing else. */
bool phone_digits_valid(const char *digits);
/* When the next digit is to be pressed; CLOCK_NEVER if none is left or it is not known yet. */
int64_t phone_due(const struct channel *channel);
void phone_press_due(struct channel *channel);

#endif
