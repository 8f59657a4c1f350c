/*
 * The whole PBX, and the one rule about its lock.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The rule: `lock` guards everything that changes, and nobody holds it while calling the library. The library may
 * call back before a function of it returns, and the callbacks take the lock. So events, which are made under the
 * lock, go through the outbox (outbox.h), and the few other calls unlock first (stasis.c, ari.c).
 *
 * A function of minipbx is called with the lock held unless its header says otherwise.
 */
#ifndef MINIPBX_PBX_H
#define MINIPBX_PBX_H

#include "applications.h"
#include "clock.h"
#include "dialplan.h"
#include "inbound.h"
#include "library.h"
#include "outbox.h"
#include "text.h"
#include "threads.h"
#include "variables.h"

#include <pthread.h>
#include <stdbool.h>

struct channel;

#define MINIPBX_ENTITY_ID "02:6d:69:6e:69:01"

/* Set before anything starts, only read afterwards. */
struct settings {
    const char *library;
    const char *config;
    const char *extensions;
    /* How long a sound plays, and how long hanging up and unloading may take. */
    long playback_ms;
    long grace_ms;
    /* Stasis() with the blocking function of the library instead of the asynchronous one. */
    bool blocking_start;
};

struct pbx {
    pthread_mutex_t lock;
    /* A channel came, went or entered Stasis, an application was registered, a thread ended, or all is to end. */
    pthread_cond_t changed;

    struct settings settings;
    /* Set by main before ariws_load, only read afterwards. */
    struct library library;
    /* Written by ariws_load before its first callback, only read afterwards. */
    ariws_instance *instance;
    char start_time[CLOCK_TIMESTAMP_SIZE];

    /* No new calls: minipbx is about to end. */
    bool stopping;
    /* The library has called `finalize`. */
    bool finalized;

    struct channel *channels;
    size_t channel_count;
    /* For the ids of channels and playbacks and the ends of channel names. */
    unsigned long id_serial;
    unsigned long name_serial;
    unsigned long playback_serial;

    struct applications applications;
    struct dialplan dialplan;
    struct inbound *inbound;
    struct variables globals;
    struct outbox outbox;
    struct threads threads;
};

/* Not under the lock. */
void pbx_init(struct pbx *pbx, const struct settings *settings);
void pbx_free(struct pbx *pbx);
bool pbx_is_stopping(struct pbx *pbx);
/* Lets no new call in, hangs up all and waits until they are gone. */
void pbx_stop(struct pbx *pbx);

#endif
