/*
 * The way of events to the applications.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "outbox.h"

#include "log.h"
#include "pbx.h"

#include <stdlib.h>

struct outbox_item {
    struct outbox_item *next;
    /* NULL for a cancel. */
    outbox_deliver deliver;
    /* The application; the channel's id for a cancel. */
    char *subject;
    char *json;
    size_t length;
};

void outbox_init(struct outbox *outbox)
{
    clock_condition_init(&outbox->filled);
    clock_condition_init(&outbox->emptied);
}

static void item_free(struct outbox_item *item)
{
    free(item->subject);
    free(item->json);
    free(item);
}

void outbox_free(struct outbox *outbox)
{
    while (outbox->first != NULL) {
        struct outbox_item *item = outbox->first;
        outbox->first = item->next;
        item_free(item);
    }
    pthread_cond_destroy(&outbox->filled);
    pthread_cond_destroy(&outbox->emptied);
}

static void put(struct pbx *pbx, struct outbox_item *item)
{
    struct outbox *outbox = &pbx->outbox;
    if (!outbox->running) {
        item_free(item);
        return;
    }
    if (outbox->first == NULL) {
        outbox->first = item;
        pthread_cond_signal(&outbox->filled);
    } else {
        outbox->last->next = item;
    }
    outbox->last = item;
    outbox->put++;
}

void outbox_event(struct pbx *pbx, outbox_deliver deliver, const char *application, const char *json, size_t length)
{
    struct outbox_item *item = memory_get(1, sizeof *item);
    item->deliver = deliver;
    item->subject = copy_string(application);
    item->json = copy_bytes(json, length);
    item->length = length;
    put(pbx, item);
}

void outbox_cancel(struct pbx *pbx, const char *channel_id)
{
    struct outbox_item *item = memory_get(1, sizeof *item);
    item->subject = copy_string(channel_id);
    put(pbx, item);
}

static void deliver_item(struct pbx *pbx, struct outbox_item *item)
{
    if (item->deliver != NULL) {
        event_line(item->subject, item->json, item->length);
        item->deliver(pbx, item->subject, item->json, item->length);
    } else {
        pbx->library.stasis_cancel(pbx->instance, item->subject);
    }
    item_free(item);
}

static void *outbox_main(void *data)
{
    struct pbx *pbx = data;
    struct outbox *outbox = &pbx->outbox;
    pthread_mutex_lock(&pbx->lock);
    for (;;) {
        while (outbox->first == NULL && !outbox->stopping) {
            pthread_cond_wait(&outbox->filled, &pbx->lock);
        }
        if (outbox->first == NULL) {
            break;
        }
        struct outbox_item *item = outbox->first;
        unsigned long until = outbox->put;
        outbox->first = NULL;
        outbox->last = NULL;
        pthread_mutex_unlock(&pbx->lock);
        while (item != NULL) {
            struct outbox_item *next = item->next;
            deliver_item(pbx, item);
            item = next;
        }
        pthread_mutex_lock(&pbx->lock);
        outbox->done = until;
        pthread_cond_broadcast(&outbox->emptied);
    }
    pthread_mutex_unlock(&pbx->lock);
    return NULL;
}

bool outbox_start(struct pbx *pbx)
{
    /* Under the lock, so that the thread begins with `running` set. */
    pthread_mutex_lock(&pbx->lock);
    pbx->outbox.running = pthread_create(&pbx->outbox.thread, NULL, outbox_main, pbx) == 0;
    pthread_mutex_unlock(&pbx->lock);
    if (!pbx->outbox.running) {
        log_line(ARIWS_LOG_ERROR, "", "cannot start the thread for events");
    }
    return pbx->outbox.running;
}

void outbox_stop(struct pbx *pbx)
{
    pthread_mutex_lock(&pbx->lock);
    bool running = pbx->outbox.running;
    pbx->outbox.running = false;
    pbx->outbox.stopping = true;
    pthread_cond_signal(&pbx->outbox.filled);
    pthread_mutex_unlock(&pbx->lock);
    if (running) {
        pthread_join(pbx->outbox.thread, NULL);
    }
}

void outbox_flush(struct pbx *pbx)
{
    unsigned long until = pbx->outbox.put;
    while (pbx->outbox.done < until) {
        pthread_cond_wait(&pbx->outbox.emptied, &pbx->lock);
    }
}
