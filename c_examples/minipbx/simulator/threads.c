/*
 * Threads that come and go with calls.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "threads.h"

#include "minipbx.h"

#include <stdlib.h>

/* A call needs little stack, and there may be thousands of calls. */
#define STACK_SIZE (512 * 1024)

struct thread {
    struct thread *next;
    pthread_t id;
    struct pbx *pbx;
    thread_body body;
    void *argument;
};

static void *thread_main(void *data)
{
    struct thread *thread = data;
    struct pbx *pbx = thread->pbx;
    thread->body(pbx, thread->argument);
    pthread_mutex_lock(&pbx->lock);
    thread->next = pbx->threads.finished;
    pbx->threads.finished = thread;
    pbx->threads.running--;
    pthread_cond_broadcast(&pbx->changed);
    pthread_mutex_unlock(&pbx->lock);
    return NULL;
}

/* Joining under the lock cannot hang: a thread on this list has nothing left to do that needs it. */
static void reap(struct pbx *pbx)
{
    while (pbx->threads.finished != NULL) {
        struct thread *thread = pbx->threads.finished;
        pbx->threads.finished = thread->next;
        pthread_join(thread->id, NULL);
        free(thread);
    }
}

bool threads_start(struct pbx *pbx, thread_body body, void *argument)
{
    pthread_attr_t attributes;
    reap(pbx);
    struct thread *thread = memory_get(1, sizeof *thread);
    thread->pbx = pbx;
    thread->body = body;
    thread->argument = argument;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    /* The new thread takes the lock before it looks at `id`, so it cannot come before it is written. */
    bool started = pthread_create(&thread->id, &attributes, thread_main, thread) == 0;
    pthread_attr_destroy(&attributes);
    if (!started) {
        free(thread);
        return false;
    }
    pbx->threads.running++;
    return true;
}

void threads_join(struct pbx *pbx)
{
    while (pbx->threads.running > 0) {
        pthread_cond_wait(&pbx->changed, &pbx->lock);
    }
    reap(pbx);
}
