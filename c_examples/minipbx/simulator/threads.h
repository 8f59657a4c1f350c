/*
 * Threads that come and go with calls. None is detached: whoever is done is joined by the next one that starts, and
 * the last ones at the end, so that no thread of ours still runs when the library is closed.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef MINIPBX_THREADS_H
#define MINIPBX_THREADS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct pbx;
struct thread;

/* Runs without pbx->lock. */
typedef void (*thread_body)(struct pbx *pbx, void *argument);

struct threads {
    struct thread *finished;
    size_t running;
};

/* Both with pbx->lock held. */
bool threads_start(struct pbx *pbx, thread_body body, void *argument);
/* Waits for every thread. The lock is released meanwhile. */
void threads_join(struct pbx *pbx);

#endif
