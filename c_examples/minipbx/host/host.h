/*
 * The host of libariws.so: what a PBX copies into itself to have the library. It knows the PBX by pbx.h only.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The one rule: nobody holds a lock of the PBX while calling the library. It may call back before a function of it
 * returns, and callbacks take the PBX's locks. So nothing here is called with such a lock but host_event and
 * host_cancel, which only leave something for the host's own thread to do.
 */
#ifndef HOST_HOST_H
#define HOST_HOST_H

#include "pbx.h"

#include <pthread.h>
#include <stddef.h>

/* Every function of the library, by its name without `ariws_`. A PBX that is linked with -lariws needs none of this,
   but cannot start without the library. */
struct library {
    void *handle;
#define DECLARE(name) ariws_##name##_function name;
    ARIWS_FUNCTIONS(DECLARE)
#undef DECLARE
};

/* What waits for the thread that gives events to the library (events.c). */
struct events {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    pthread_cond_t emptied;
    pthread_t thread;
    bool running;
    struct event *first;
    struct event *last;
    /* How many were ever put in, and how many of them are done. */
    unsigned long put;
    unsigned long done;
};

struct host {
    struct pbx *pbx;
    struct library library;
    /* Written by ariws_load before its first callback, only read afterwards. */
    ariws_instance *instance;
    struct events events;
};

/* library.c. False after a reason in the log: the file cannot be loaded, lacks a function, or has another ABI version.
   The functions of the library stay where they are when it is closed. */
bool host_open(struct host *host, struct pbx *pbx, const char *path);
void host_close(struct host *host);

/* load.c. False after a reason in the log. Callbacks run before host_load returns. */
bool host_load(struct host *host, const ariws_options *options);
/* When no channel is in host_stasis_start any more. Afterwards no callback runs. */
bool host_unload(struct host *host, uint32_t grace_ms);
/* The library's words about one of its objects, through pbx_log. */
void host_log(const struct host *host, int32_t level, const char *subject, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* stasis.c. The channel's own thread lets it into an application, and takes it out again. `application` receives the
   name for its events, for the caller to free. It is served meanwhile, and the start ends at once when it is hung up.
 */
int32_t host_stasis_start(struct host *host, struct channel *channel, const char *app, char **application);
/* The same with the blocking function of the library, for a PBX that need not serve its channels: whoever hangs one up
   calls host_cancel. */
int32_t host_stasis_start_blocking(struct host *host, struct channel *channel, const char *app, char **application);
/* After a start that has succeeded, and after the channel's StasisEnd. */
void host_stasis_end(struct host *host, const char *application, const char *channel_id);

/* events.c. Under any lock: what is called under one is delivered in that order. The strings are copied. */
void host_event(struct host *host, const char *application, const char *json, size_t length);
void host_cancel(struct host *host, const char *channel_id);
/* Waits until all that was put in so far is with the library. Under no lock. */
void host_events_flush(struct host *host);
/* For host_load and host_unload. */
bool host_events_start(struct host *host);
void host_events_stop(struct host *host);

/* requests.c. From inside pbx_ari_request or later, on any thread, once for each request. `reason` is NULL for the
   usual one, `body` NULL for none. */
void host_answer(struct host *host, uint64_t request_id, int status, const char *reason, const char *body,
                 size_t length);

#endif
