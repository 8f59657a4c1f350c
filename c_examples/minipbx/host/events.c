/*
 * The way of events to the library.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * A PBX makes events under its locks, which fix their order; the library must be called without them. So events are put
 * into a queue, and one thread takes them out and delivers them, in order and without a lock. The queue needs no limit
 * of its own: ariws_event never blocks, so it is empty again at once; what waits for a connection waits in the library,
 * whose queues are limited.
 */
#include "host.h"

#include <stdlib.h>
#include <string.h>

struct event {
    struct event *next;
    bool is_cancel;
    size_t length;
    /* The application, or the id of the channel to cancel, up to its NUL; then the JSON. */
    char text[];
};

static void put(struct host *host, bool is_cancel, const char *subject, const char *json, size_t length)
{
    struct events *events = &host->events;
    size_t subject_size = strlen(subject) + 1;
    struct event *event = malloc(sizeof *event + subject_size + length);
    if (event == NULL) {
        host_log(host, ARIWS_LOG_ERROR, subject, "no memory for an event, which is lost");
        return;
    }
    event->next = NULL;
    event->is_cancel = is_cancel;
    event->length = length;
    memcpy(event->text, subject, subject_size);
    memcpy(event->text + subject_size, json, length);
    pthread_mutex_lock(&events->lock);
    if (!events->running) {
        /* Nothing is loaded. */
        free(event);
    } else {
        if (events->first == NULL) {
            events->first = event;
            pthread_cond_signal(&events->filled);
        } else {
            events->last->next = event;
        }
        events->last = event;
        events->put++;
    }
    pthread_mutex_unlock(&events->lock);
}

void host_event(struct host *host, const char *application, const char *json, size_t length)
{
    put(host, false, application, json, length);
}

void host_cancel(struct host *host, const char *channel_id)
{
    put(host, true, channel_id, "", 0);
}

static void deliver(struct host *host, const struct event *event)
{
    if (event->is_cancel) {
        /* ARIWS_ERROR_NOT_FOUND is ordinary: the start is over, or its thread is on its way and will find this. */
        host->library.stasis_cancel(host->instance, event->text);
        return;
    }
    const char *json = event->text + strlen(event->text) + 1;
    int32_t result = host->library.event(host->instance, event->text, json, event->length);
    if (result != ARIWS_OK) {
        /* ARIWS_ERROR_NOT_FOUND is ordinary: the connection ended between the event and its delivery. A full queue the
           library tells the operator itself, once, so neither is a warning here. */
        host_log(host, ARIWS_LOG_DEBUG, event->text, "event not taken: %s", host->library.result_text(result));
    }
}

static void *deliver_all(void *data)
{
    struct host *host = data;
    struct events *events = &host->events;
    pthread_mutex_lock(&events->lock);
    while (events->running || events->first != NULL) {
        struct event *event = events->first;
        unsigned long until = events->put;
        if (event == NULL) {
            pthread_cond_wait(&events->filled, &events->lock);
            continue;
        }
        events->first = NULL;
        pthread_mutex_unlock(&events->lock);
        while (event != NULL) {
            struct event *next = event->next;
            deliver(host, event);
            free(event);
            event = next;
        }
        pthread_mutex_lock(&events->lock);
        events->done = until;
        pthread_cond_broadcast(&events->emptied);
    }
    pthread_mutex_unlock(&events->lock);
    return NULL;
}

bool host_events_start(struct host *host)
{
    struct events *events = &host->events;
    /* Under the lock, so that the thread begins with `running` set. */
    pthread_mutex_lock(&events->lock);
    events->running = pthread_create(&events->thread, NULL, deliver_all, host) == 0;
    bool running = events->running;
    pthread_mutex_unlock(&events->lock);
    if (!running) {
        host_log(host, ARIWS_LOG_ERROR, "", "cannot start the thread for events");
    }
    return running;
}

void host_events_stop(struct host *host)
{
    struct events *events = &host->events;
    pthread_mutex_lock(&events->lock);
    events->running = false;
    pthread_cond_signal(&events->filled);
    pthread_mutex_unlock(&events->lock);
    pthread_join(events->thread, NULL);
}

void host_events_flush(struct host *host)
{
    struct events *events = &host->events;
    pthread_mutex_lock(&events->lock);
    unsigned long until = events->put;
    while (events->done < until) {
        pthread_cond_wait(&events->emptied, &events->lock);
    }
    pthread_mutex_unlock(&events->lock);
}
