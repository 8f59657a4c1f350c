/*
 * The way of events to the applications.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Events are made under pbx->lock, which fixes their order; the library must be called without it. So events are
 * put into a queue, and one thread takes them out and delivers them, in order and without the lock. The queue needs
 * no limit of its own: ariws_event never blocks, so it is empty again at once; what waits for a connection waits in
 * the library, whose queues are limited.
 */
#ifndef MINIPBX_OUTBOX_H
#define MINIPBX_OUTBOX_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct pbx;
struct outbox_item;

/* Delivers one event. Runs without pbx->lock. */
typedef void (*outbox_deliver)(struct pbx *pbx, const char *application, const char *json, size_t length);

struct outbox {
    struct outbox_item *first;
    struct outbox_item *last;
    /* How many items were ever put in, and how many of them are done. */
    unsigned long put;
    unsigned long done;
    pthread_cond_t filled;
    pthread_cond_t emptied;
    pthread_t thread;
    bool running;
    bool stopping;
};

void outbox_init(struct outbox *outbox);
void outbox_free(struct outbox *outbox);

/* Not under the lock. */
bool outbox_start(struct pbx *pbx);
void outbox_stop(struct pbx *pbx);

void outbox_event(struct pbx *pbx, outbox_deliver deliver, const char *application, const char *json, size_t length);
/* ariws_stasis_cancel, for those who hold the lock. */
void outbox_cancel(struct pbx *pbx, const char *channel_id);
/* Waits until everything put in so far is delivered. The lock is released meanwhile. */
void outbox_flush(struct pbx *pbx);

#endif
