/*
 * The whole PBX, and its one lock, which guards everything that changes.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Nobody holds it while calling the library (host/host.h says why). A function here is called with the lock held unless
 * its header says otherwise.
 */
#ifndef MINIPBX_MINIPBX_H
#define MINIPBX_MINIPBX_H

#include "applications.h"
#include "clock.h"
#include "dialplan.h"
#include "host/host.h"
#include "text.h"
#include "threads.h"

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
    /* The library gets the configuration from minipbx, and no folder. */
    bool gives_config;
};

struct pbx {
    pthread_mutex_t lock;
    /* A channel came, went or entered Stasis, an application was registered, a thread ended, or all is to end. */
    pthread_cond_t changed;

    struct settings settings;
    struct host host;
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
    struct threads threads;
};

/* Not under the lock. */
void pbx_init(struct pbx *pbx, const struct settings *settings);
void pbx_free(struct pbx *pbx);
bool pbx_is_stopping(struct pbx *pbx);
/* Lets no new call in, hangs up all and waits until they are gone. */
void pbx_stop(struct pbx *pbx);

#endif
