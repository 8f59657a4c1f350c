/*
 * ariws: ARI outbound WebSockets for any PBX.
 *
 * Generated from the Rust sources by cbindgen; `make header` writes it anew.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Rules that hold for every function:
 *  - It may be called from any thread at any time after `ariws_load` returned, also from inside any callback; only
 *    `ariws_load` and `ariws_unload` may not be called from inside one.
 *  - Strings are NUL-terminated UTF-8, lengths are in bytes, times in milliseconds. A length of 0 ignores its pointer.
 *  - Pointers are NULL or valid for what they stand for. A NULL where none is allowed, bytes that are not UTF-8 and a
 *    dead handle give an error code, nothing worse.
 *  - A handle that is NULL or dead is told before any other fault: ARIWS_ERROR_NULL, ARIWS_ERROR_UNLOADED.
 *  - Results are ARIWS_OK or a negative ARIWS_ERROR_ code; outputs are written on success only, `message` on failure.
 *  - Structures begin with `struct_size` and grow only at their end, but for `ariws_parameter`, which never changes. A
 *    host compiled with an older or a newer header works with the library: fields that one side does not know count as
 *    absent, and so does one of which there is only a part.
 *  - A thread must not be cancelled (pthread_cancel) while it is inside the library.
 *  - The library installs no signal handler and changes no environment variable. It writes to no standard stream, but
 *    for the reason of a fault that ends the process. Its threads are named `ariws-...` and block all signals but
 *    those that a fault of their own raises (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS), so that a
 *    crash handler of the host runs.
 *  - Where the system refuses the memory for what a peer or the host makes large, an event is ARIWS_ERROR_SYSTEM,
 *    dropped and counted; so is an answer, and its request still waits for one; a request is answered 503; what waits
 *    to be sent and cannot be is dropped, counted and logged, and an answer replaced by a short one with the status
 *    507. What remains: where it refuses less than 64 KiB, or what the libraries for websockets and TLS read into, up
 *    to `max_message_size` for each connection, Rust ends the process.
 *  - A process that fork() made while an instance was loaded has none of the library's threads. Every function that
 *    returns a result code returns ARIWS_ERROR_FORKED there, at once, and changes nothing; the parent goes on. The
 *    child may call exec or end, by exit as well. It has the parent's sockets, though, which are close-on-exec: until
 *    it has done so, a peer does not notice that the parent has gone. It must not return from a callback that called
 *    fork(). A daemon loads after its last fork(): what was made before the first load, or after the last unload, can
 *    load by itself.
 *  - The threads that it cannot do without are made by `ariws_load`: `io_threads`, one for requests, one for other
 *    callbacks, one for `log`. So is one more for each of `io_threads`, which sleeps until a request keeps that. It
 *    makes more while callbacks keep theirs, files are read and names looked up. Where the system refuses one of those,
 *    callbacks wait for their turn on what there is, and that is logged once; a name that cannot be looked up fails the
 *    attempt, which is made again.
 */

#ifndef ARIWS_H
#define ARIWS_H

#include <stddef.h>
#include <stdint.h>

#define ARIWS_VERSION "0.1.0"

// Initializers: everything absent but the size.
#define ARIWS_HOST_INIT \
    {sizeof(ariws_host), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL}
#define ARIWS_OPTIONS_INIT \
    {sizeof(ariws_options), NULL, NULL, NULL, 0, 0, 0, 0, 0}
#define ARIWS_INBOUND_INIT \
    {sizeof(ariws_inbound), NULL, NULL, NULL}
#define ARIWS_TRUSTED_EVENT_INIT \
    {sizeof(ariws_trusted_event), NULL, 0, NULL, NULL, NULL, 0}
#define ARIWS_CLI_COMMAND_INIT \
    {sizeof(ariws_cli_command), NULL, NULL, NULL, NULL}

// Success.
#define ARIWS_OK 0

// A pointer that must not be NULL is NULL.
#define ARIWS_ERROR_NULL (-1)

// A string is not UTF-8.
#define ARIWS_ERROR_UTF8 (-2)

// A text that must be JSON is not, or is not a JSON object where one is needed.
#define ARIWS_ERROR_JSON (-3)

// A value is out of range, a required callback is missing, or a `struct_size` is too small.
#define ARIWS_ERROR_ARGUMENT (-4)

// The caller's buffer is too small; nothing was done.
#define ARIWS_ERROR_BUFFER (-5)

// The configuration could not be read; what was in effect stays so.
#define ARIWS_ERROR_CONFIG (-6)

// No such application, connection, session, request or command.
#define ARIWS_ERROR_NOT_FOUND (-7)

// The connection is marked invalid: an application in two connections, or a fault of its local user.
#define ARIWS_ERROR_INVALID_CONNECTION (-8)

// Every attempt to connect failed, in another way than ARIWS_ERROR_REFUSED and ARIWS_ERROR_TIMEOUT tell of.
#define ARIWS_ERROR_CONNECT (-9)

// The start was ended: by `ariws_stasis_cancel`, by `ariws_unload`, or by an operator who shut its session down.
#define ARIWS_ERROR_CANCELLED (-10)

// It was done before: a request answered twice, a start for a channel that is being started.
#define ARIWS_ERROR_DUPLICATE (-11)

// The queue is full, and `queue_overflow = drop_newest`, or none of its events could make room: the event was dropped
// and counted.
#define ARIWS_ERROR_FULL (-12)

// The instance is being unloaded, was unloaded, or never was.
#define ARIWS_ERROR_UNLOADED (-13)

// Not allowed from inside a callback.
#define ARIWS_ERROR_FROM_CALLBACK (-14)

// A load or reload is running, and waiting for it from inside a callback could never end.
#define ARIWS_ERROR_BUSY (-15)

// A callback of the host reported a failure.
#define ARIWS_ERROR_HOST (-16)

// The system refused a thread or another resource.
#define ARIWS_ERROR_SYSTEM (-17)

// The words are no command, or too few or too many for one; its usage was written.
#define ARIWS_ERROR_USAGE (-18)

// The command ran and failed; what it wrote says why.
#define ARIWS_ERROR_COMMAND (-19)

// A fault of the library itself, caught before it could reach the host. Please report it.
#define ARIWS_ERROR_INTERNAL (-20)

// The event is larger than `queue_max_bytes` of its connection, or than `queue_max_total_bytes`: it was dropped and
// counted, and would be at any time.
#define ARIWS_ERROR_TOO_LARGE (-21)

// This process was made by fork() of one that had an instance; no function does anything here.
#define ARIWS_ERROR_FORKED (-22)

// Every attempt to connect failed, and at the last one a server answered that it would not have the connection.
#define ARIWS_ERROR_REFUSED (-23)

// Every attempt to connect failed, and at the last one no server answered in time (`connection_timeout`).
#define ARIWS_ERROR_TIMEOUT (-24)

// The persistent connection of the application has been down for longer than `down_grace`, and `when_down = fail`.
#define ARIWS_ERROR_DOWN (-25)

// Log level: something does not work.
#define ARIWS_LOG_ERROR 1

// Log level: something may not work as the operator expects.
#define ARIWS_LOG_WARNING 2

// Log level: a change that operators want to see.
#define ARIWS_LOG_NOTICE 3

// Log level: the ordinary course of things.
#define ARIWS_LOG_INFO 4

// Log level: for finding faults.
#define ARIWS_LOG_DEBUG 5

// What `app_register` returns when the application was not registered before.
#define ARIWS_APP_REGISTERED 0

// What `app_register` returns when an existing registration was replaced.
#define ARIWS_APP_REPLACED 1

// What `context_create` returns when it created the dialplan context.
#define ARIWS_CONTEXT_CREATED 0

// What `context_create` returns when the context was there already; the library will not destroy it.
#define ARIWS_CONTEXT_EXISTS 1

// What a callback returns when it failed; it logs the reason itself.
#define ARIWS_HOST_FAILED (-1)

// What `ariws_connection_state` says of a persistent connection without an open websocket.
#define ARIWS_STATE_DOWN 0

// What it says of one whose websocket is open.
#define ARIWS_STATE_UP 1

// What a callback that is asked for a text returns when it has given it.
#define ARIWS_TEXT_GIVEN 0

// What it returns when there is no such text.
#define ARIWS_TEXT_ABSENT 1

// A report entry: an object was added by a load or reload.
#define ARIWS_REPORT_ADDED 1

// A report entry: an object was changed.
#define ARIWS_REPORT_CHANGED 2

// A report entry: an object was removed.
#define ARIWS_REPORT_REMOVED 3

// A report entry: an object was refused, or is invalid; `message` says why.
#define ARIWS_REPORT_REFUSED 4

// A report entry: something was accepted that the operator should look at.
#define ARIWS_REPORT_WARNING 5

// ARI's member `application` is in the text of an event.
#define ARIWS_EVENT_HAS_APPLICATION 1

// `timestamp` is.
#define ARIWS_EVENT_HAS_TIMESTAMP 2

// `asterisk_id` is.
#define ARIWS_EVENT_HAS_ASTERISK_ID 4

// The version of the C ABI; part of the name `libariws.so.0`. It changes only when a host that was compiled before
// would no longer work.
#define ARIWS_ABI_VERSION 0

// The library's version: major.
#define ARIWS_VERSION_MAJOR 0

// The library's version: minor.
#define ARIWS_VERSION_MINOR 1

// The library's version: patch.
#define ARIWS_VERSION_PATCH 0

// One loaded library: its configuration, its connections, its threads.
//
// A handle, never dereferenced: a call with a handle that was unloaded, or that never was one, returns
// ARIWS_ERROR_UNLOADED and does nothing.
typedef struct ariws_instance ariws_instance;

// Receives a message for the log.
//
// `level` is one of the ARIWS_LOG_ constants. `subject` is the connection, session or channel that the
// message concerns, "" if none. Both strings are UTF-8 without control characters and live until the
// callback returns.
//
// What the other end of a connection can bring about at will, such as bad requests, has ten lines at once and then one
// each five seconds, which says how many there were besides.
//
// Thread: one thread of the library, for this purpose only; messages come in order. It may block; while it does,
// messages queue up, at most 4,096 and one MiB. When the queue is full they are dropped, and a message in their place
// says how many.
typedef void (*ariws_log_callback)(void *userdata,
                                   int32_t level,
                                   const char *subject,
                                   const char *message);

// One parameter of a request, decoded. Both strings are NUL-terminated and hold no other NUL. A name has no control
// characters; a value may, as a text of several lines has: a host that writes it into a log or a header escapes them.
typedef struct ariws_parameter {
    // The name.
    const char *name;
    // Its length in bytes.
    size_t name_length;
    // The value, "" if none was given.
    const char *value;
    // Its length in bytes.
    size_t value_length;
} ariws_parameter;

// An ARI request that an application sent over its websocket. Filled by the library; everything it
// points to lives until the callback returns.
typedef struct ariws_request {
    // `sizeof(ariws_request)` of the library; fields beyond it do not exist.
    size_t struct_size;
    // The number to give to `ariws_request_complete`.
    uint64_t id;
    // The first application of the connection.
    const char *application;
    // The session that the request came over: a connection id, or `connection:channel`.
    const char *session_id;
    // "GET", "POST", "PUT", "DELETE", "HEAD" or "OPTIONS".
    const char *method;
    // The path as it was sent, without the query: "channels/1732.4/answer", still percent-encoded and without control
    // characters. The library answers `events` itself, and what a read-only user may not do; all else, such as an odd
    // path or a method that a resource does not have, is the host's to answer.
    const char *path;
    // The parameters in the order query string, `query_strings`, form body. Where a name occurs more
    // than once the last one counts (as Asterisk does); members of a JSON body override them all.
    const struct ariws_parameter *parameters;
    // Their number.
    size_t parameters_count;
    // The content type of the JSON body as the application wrote it, without control characters; NULL if there is
    // none.
    const char *content_type;
    // The JSON body, checked to be a JSON object or array and NUL-terminated; NULL if there is none.
    const char *body;
    // Its length in bytes without the NUL.
    size_t body_length;
    // The local ARI user that the request runs as.
    const char *user;
    // That user's password in plain text, for hosts that authenticate every request.
    const char *password;
    // 1 if that user is read-only, else 0. The library has refused what such a user may not do.
    int32_t read_only;
} ariws_request;

// Runs one ARI request. The host answers with `ariws_request_complete`, from inside this callback or later
// from any thread, exactly once.
//
// An application asks with one text message, and is answered with another:
//
// ```json
// {"type": "RESTRequest", "transaction_id": "t1", "request_id": "r1", "method": "POST",
//  "uri": "channels/1732.4/play?media=sound%3Abeep", "query_strings": [{"name": "lang", "value": "en"}],
//  "content_type": "application/json", "message_body": "{\"playbackId\": \"p1\"}"}
// ```
// ```json
// {"type": "RESTResponse", "transaction_id": "t1", "request_id": "r1", "status_code": 201, "reason_phrase": "Created",
//  "uri": "channels/1732.4/play", "content_type": "application/json", "message_body": "{\"id\":\"p1\"}",
//  "application": "app1", "timestamp": "2026-11-23T00:34:16.313+0000", "asterisk_id": "02:fc:00:00:00:01"}
// ```
//
// Of the request, `type`, `method` and `uri` are required. The defaults of the others: "" for `transaction_id` and
// `request_id`, which may be numbers as well and come back as strings; none for `query_strings` and `message_body`. A
// `message_body` that is not empty needs its `content_type`: `application/json`, or
// `application/x-www-form-urlencoded` for more parameters, which are at most 1,000 in all. Of the answer,
// `reason_phrase` is the usual one of the status unless the host gives another, `uri` is the path of the request, and
// `content_type` and `message_body` are there if the host gives a body; `application` is the first one of the
// connection.
//
// Thread: one of the library's: that which read the request, while the host usually returns at once, or else one of a
// pool. It may block: then another thread goes on with input and output. Requests of one connection come in order
// and, unless `request_concurrency` allows more, one at a time: the next after the answer to the one before, or after
// the 504 that the library gives in its place when `request_timeout` has passed.
typedef void (*ariws_ari_request_callback)(void *userdata,
                                           const struct ariws_request *request);

// Registers a Stasis application whose events the host will give to `ariws_event`.
//
// `subscribe_all` is 1 if the application wants the events of every resource, else 0. Registering an
// application anew that is registered already replaces its handler; a host that sends ApplicationReplaced to
// the one before may do so from inside this callback.
//
// The one before may be the library's own, and in one case only: a reload has changed `apps` of a persistent
// connection, be it their order or spelling, and this is one of those that were there before and stay. Asterisk
// registers them anew, and they hear so by ApplicationReplaced, on the connection that stays open; what was recorded
// of it is kept here. So a host that does as Asterisk gives that event to `ariws_event`, and returns
// ARIWS_APP_REPLACED: nothing has been taken over, and the channels that are in the application stay in it. A host
// whose applications need not see it leaves the event away.
//
// Returns ARIWS_APP_REGISTERED, ARIWS_APP_REPLACED, or a negative number for a failure.
//
// Thread: a pool of the library's for host calls, or one that is inside `ariws_stasis_start`. It may block.
typedef int32_t (*ariws_app_register_callback)(void *userdata,
                                               const char *app,
                                               int32_t subscribe_all);

// Ends the library's registration of a Stasis application. If somebody else has replaced it since, theirs stays.
// Thread and rules as for `ariws_app_register_callback`.
typedef void (*ariws_app_unregister_callback)(void *userdata,
                                              const char *app);

// Tells whether anybody has registered the Stasis application: 1 or 0.
//
// Thread: a pool of the library's for host calls, or one that is inside `ariws_stasis_start`. It may block.
typedef int32_t (*ariws_app_is_registered_callback)(void *userdata,
                                                    const char *app);

// Creates the dialplan context `context`, which is `stasis-` and the application's name, with extension `_.` priority
// 1 `Stasis(<app>)` and extension `h` priority 1 `NoOp`. It comes for each application of a persistent connection, and
// of a per-call one as well, when a load or a reload adds it: before any call, and without `app_register` where that
// is per call.
//
// Returns ARIWS_CONTEXT_CREATED, ARIWS_CONTEXT_EXISTS, or a negative number for a failure.
//
// Thread: a pool of the library's for host calls. It may block.
typedef int32_t (*ariws_context_create_callback)(void *userdata,
                                                 const char *context,
                                                 const char *app);

// Destroys a context that `context_create` created. Thread as there.
typedef void (*ariws_context_destroy_callback)(void *userdata,
                                               const char *context);

// The per-call connection that serves `application` is lost for good, or was shut down, or its persistent connection
// has been down for `down_grace` and its client says `fail_inside = yes`: the host ends Stasis for the channel with
// STASISSTATUS=FAILED and goes on in the dialplan, calling `ariws_stasis_end` as ever. If the channel is not in that
// application any more, there is nothing to do. It may come before the host has looked at the success of the channel's
// start: then the channel leaves the application as soon as it has entered it.
//
// It comes once for each channel whose start in `application` has succeeded, and for each that `ariws_event` was given
// a StasisStart of without a start, because an application has moved it there; unless its StasisEnd was given since,
// or `ariws_stasis_end` called. A channel of neither kind, and one whose start failed, has nothing to do with the
// connection.
//
// Thread: a pool of the library's for host calls. It may block.
typedef void (*ariws_stasis_failed_callback)(void *userdata,
                                             const char *channel_id,
                                             const char *application);

// The operator shut down a websocket that an application had opened to the host. Thread: the pool for host
// calls.
typedef void (*ariws_inbound_shutdown_callback)(void *userdata,
                                                const char *session_id);

// The last callback: `userdata` may be freed. Called once, on the thread that called `ariws_unload`, or an `ariws_load`
// that failed later than at its arguments: not with ARIWS_ERROR_NULL, _UTF8, _ARGUMENT or _FROM_CALLBACK, after which
// nothing of the table is kept.
typedef void (*ariws_finalize_callback)(void *userdata);

// Nobody waits for the answer to this request any more: its websocket has ended, or `request_timeout` has passed and
// the library has answered 504. The host may stop working on it. It may still answer: `ariws_request_complete` then
// returns ARIWS_OK before the timeout, and ARIWS_ERROR_NOT_FOUND after it. Called at most once for a request; it may
// come for one that is being answered in this moment. It does not come for requests that `ariws_unload` has ended.
//
// Thread: a pool of the library's for host calls. It may block.
typedef void (*ariws_request_cancelled_callback)(void *userdata,
                                                 uint64_t id);

// What a persistent connection has come to. Filled by the library; everything it points to lives until the callback
// returns.
typedef struct ariws_connection_state {
    // `sizeof(ariws_connection_state)` of the library; fields beyond it do not exist.
    size_t struct_size;
    // One of the ARIWS_STATE_ constants.
    int32_t state;
    // The connection id.
    const char *connection;
    // The server, "address:port", while the connection is up, else "".
    const char *server;
    // Why it is down, in words for the operator, else "".
    const char *reason;
} ariws_connection_state;

// A persistent connection is up, or is not any more: called for each change, in order for each connection.
//
// Thread: a pool of the library's for host calls. It may block.
typedef void (*ariws_connection_state_callback)(void *userdata,
                                                const struct ariws_connection_state *state);

// Receives a piece of output, on the thread that called, before the call returns. `text` is UTF-8, `length`
// bytes, not NUL-terminated, and lives until the callback returns. `data` is the caller's. One of the host's may call
// every function of the library but `ariws_load` and `ariws_unload`; one that the library gives to a callback of the
// host's copies the text, and is called from inside that callback only.
typedef void (*ariws_write_callback)(void *data,
                                     const char *text,
                                     size_t length);

// Evaluates an expression of the host's for a channel, such as `${CALLERID(num)}`: what the `uri` or a `header` of a
// per-call client asks for. `expression` is all from `$` to the closing brace. The host gives the text, UTF-8, to
// `write` with `write_data`, in one call or several, of at most 64 KiB together, before it returns.
//
// Returns ARIWS_TEXT_GIVEN, also for an empty text, or anything else for a failure, which ends the start of the
// channel.
//
// Thread: a pool of the library's for host calls, or one that is inside `ariws_stasis_start`. It may block.
typedef int32_t (*ariws_expand_callback)(void *userdata,
                                         const char *channel_id,
                                         const char *expression,
                                         ariws_write_callback write,
                                         void *write_data);

// Tells what is in a Stasis application now: a JSON object with the lists `channel_ids`, `bridge_ids` and
// `endpoint_ids`, such as ARI gives at `GET /applications/{app}`; other members are ignored. The host gives it to
// `write` as in `ariws_expand_callback`, at most 4 MiB.
//
// Returns ARIWS_TEXT_GIVEN, or anything else if it cannot tell.
//
// Thread: a pool of the library's for host calls. It may block.
typedef int32_t (*ariws_app_snapshot_callback)(void *userdata,
                                               const char *app,
                                               ariws_write_callback write,
                                               void *write_data);

// Gives the text of a part of the configuration: "ari.conf", "ari_outbound.conf", "websocket_client.conf", or what a
// text that it has given includes, by the name there, of which it may be sure of nothing. A host with this callback has
// its configuration where it likes. The text is given to `write` as in `ariws_expand_callback`; it is bounded as a file
// is, by 32 MiB with all that it includes.
//
// Returns ARIWS_TEXT_GIVEN, ARIWS_TEXT_ABSENT if the host has nothing of that name, or a negative number for a failure,
// which the host logs: then the configuration stays as it was. What is absent is looked for as a file in
// `config_directory`, if there is one.
//
// Thread: a pool of the library's for host calls, while a load or reload waits. It may block.
typedef int32_t (*ariws_config_read_callback)(void *userdata,
                                              const char *name,
                                              ariws_write_callback write,
                                              void *write_data);

// What the library calls. Copied by `ariws_load`; strings given to callbacks are UTF-8, NUL-terminated and live until
// the callback returns. Every callback may call every function of the library but `ariws_load` and `ariws_unload`; the
// library holds no lock while it calls. A host must never cancel (pthread_cancel) or end a thread from inside a
// callback, nor leave one by longjmp or a C++ exception. On threads of the library a callback has a stack of 2 MiB,
// less a few KiB that the library uses.
typedef struct ariws_host {
    // `sizeof(ariws_host)`; ARIWS_HOST_INIT sets it.
    size_t struct_size;
    // Given to every callback; the library does not look at it. It must stay valid until `finalize`, and may
    // be used from several threads at a time.
    void *userdata;
    // Required.
    ariws_log_callback log;
    // Required.
    ariws_ari_request_callback ari_request;
    // Required.
    ariws_app_register_callback app_register;
    // Required.
    ariws_app_unregister_callback app_unregister;
    // Required.
    ariws_app_is_registered_callback app_is_registered;
    // Required.
    ariws_context_create_callback context_create;
    // Required.
    ariws_context_destroy_callback context_destroy;
    // Required.
    ariws_stasis_failed_callback stasis_failed;
    // Optional: without it, inbound websockets are shown but not shut down.
    ariws_inbound_shutdown_callback inbound_shutdown;
    // Optional.
    ariws_finalize_callback finalize;
    // Optional: a host that does without it works in vain for applications that have left.
    ariws_request_cancelled_callback request_cancelled;
    // Optional.
    ariws_connection_state_callback connection_state;
    // Optional: without it, no `${...}` may stand in the `uri` or a `header` of a client.
    ariws_expand_callback expand;
    // Optional: without it, an ApplicationResumed does not tell what is in the application.
    ariws_app_snapshot_callback app_snapshot;
    // Optional: without it, the whole configuration is read from files in `config_directory`.
    ariws_config_read_callback config_read;
} ariws_host;

// How to load. Copied by `ariws_load`.
typedef struct ariws_options {
    // `sizeof(ariws_options)`; ARIWS_OPTIONS_INIT sets it.
    size_t struct_size;
    // The folder with `ari.conf`, `websocket_client.conf` and, optionally, `ari_outbound.conf`. Required, unless the
    // host has `config_read`: then it is where files are looked for that the host does not have, and may be NULL.
    const char *config_directory;
    // The host's entity id, added to events as `asterisk_id` where it is missing. Required.
    const char *asterisk_id;
    // The host's product token, e.g. "Asterisk/16.28.0", for the User-Agent (RFC 9110 section 10.1.5). NULL or "" for
    // none.
    const char *product;
    // Threads for input and output; 0 for the default: one per core, at most 4. At most 64.
    uint32_t io_threads;
    // Requests that the host runs at a time, over all connections; 0 for the default, 16. At most 256.
    uint32_t request_threads;
    // What may wait to be sent over all connections together, in bytes: events, with what each costs besides its text,
    // and answers. 0 for the default: a quarter of the memory that the machine or the control group of the process
    // has, at most 1 GiB. At least 1 MiB. `queue_max_total_bytes` in `[general]` goes before it.
    //
    // Where it is reached, `queue_overflow` of the connection that gets an event decides: its own oldest events make
    // room, or the new one is dropped; the latter also if it has none that could. Events are counted by the metrics;
    // an answer that finds no room, here or within `queue_max_bytes` of its connection, is replaced by a short one with
    // the status 507.
    size_t queue_max_total_bytes;
    // The least grave messages that `log` receives, one of the ARIWS_LOG_ constants; 0 for all. The others are not
    // even made, so that they cost nothing.
    int32_t log_level;
    // Sockets to applications that may be open at a time, over all connections; 0 for the default: three quarters of
    // the descriptors that the process may have (RLIMIT_NOFILE, soft, at the load), so that a quarter is left to the
    // host.
    //
    // An attempt beyond it fails with a text that says so, and is made again as one that failed for any other reason.
    // Besides them the library has three descriptors for each of `io_threads`, and one for each file that it reads or
    // name that is looked up, while that lasts.
    uint32_t max_sockets;
} ariws_options;

// One line of what a load or reload did. Filled by the library; everything it points to lives until the
// callback returns.
typedef struct ariws_report_entry {
    // `sizeof(ariws_report_entry)` of the library; fields beyond it do not exist.
    size_t struct_size;
    // One of the ARIWS_REPORT_ constants.
    int32_t kind;
    // The object's name: the section. "" where the whole file is concerned.
    const char *object;
    // What happened and why, in words for the operator, without what the other fields say. The library writes the same
    // to the log.
    const char *message;
    // The file, "" for entries that concern none.
    const char *file;
    // The line in that file; 0 if none.
    uint32_t line;
} ariws_report_entry;

// Receives the entries of a report, on the thread that called, before the call returns. `data` is the
// caller's. It may call every function of the library but `ariws_load` and `ariws_unload`.
typedef void (*ariws_report_callback)(void *data,
                                      const struct ariws_report_entry *entry);

// The end of `ariws_stasis_start_async`: `result` is what `ariws_stasis_start` would have returned, `application` the
// name that events and requests use (NULL unless `result` is ARIWS_OK; with a `fallback_app` it may be longer than the
// names of the application and the channel are), `message` the reason in words ("" on success). The strings live until
// the callback returns.
//
// Thread: a pool of the library's for host calls, never from inside `ariws_stasis_start_async`. Called exactly once.
// It is to tell the channel's own thread and return: other callbacks wait for their turn on that pool.
typedef void (*ariws_stasis_start_callback)(void *data,
                                            int32_t result,
                                            const char *application,
                                            const char *message);

// An event, with what its host knows of it.
typedef struct ariws_trusted_event {
    // `sizeof(ariws_trusted_event)`; ARIWS_TRUSTED_EVENT_INIT sets it.
    size_t struct_size;
    // One JSON object, from its first brace to its last, UTF-8, need not be NUL-terminated. Required.
    const char *json;
    // Its length in bytes.
    size_t json_length;
    // Its `type`. NULL if it has none.
    const char *type;
    // The `id` of its member `channel`. NULL if it has none; looked at only if `type` is StasisStart, StasisEnd or
    // ChannelDestroyed.
    const char *channel_id;
    // The `id` of its member `replace_channel`, which a StasisStart has after a transfer. NULL if it has none.
    const char *replaced_channel_id;
    // Which members it has: ARIWS_EVENT_HAS_APPLICATION and the like, added up. The others are added to it.
    uint32_t members;
} ariws_trusted_event;

// One command of the library's command line. Filled by the library; the strings are static.
typedef struct ariws_cli_command {
    // `sizeof(ariws_cli_command)` of the caller on the way in (ARIWS_CLI_COMMAND_INIT sets it); nothing beyond it
    // is written.
    size_t struct_size;
    // The fixed words, separated by blanks: "ari show outbound-websocket".
    const char *words;
    // What stands after them, such as `<connection id>`; "" for nothing.
    const char *arguments;
    // One line for lists of commands.
    const char *summary;
    // The usage, several lines, each ended by a line feed.
    const char *usage;
} ariws_cli_command;

// A websocket that an application opened to the host. Copied at the call.
typedef struct ariws_inbound {
    // `sizeof(ariws_inbound)`; ARIWS_INBOUND_INIT sets it.
    size_t struct_size;
    // The host's id of the session, unique among its open ones, and no connection's. Required, and not empty.
    const char *session_id;
    // The peer, "address:port". NULL if unknown.
    const char *remote_address;
    // Its applications, comma-separated. NULL for none.
    const char *apps;
} ariws_inbound;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Loads the library: checks the host's table and the options, reads the configuration, starts the threads,
// registers the applications and contexts of persistent connections, and begins to connect. It does not wait for a
// connection. Each call gives an instance of its own; several may live in one process.
//
// Where the system refuses one of those threads or a descriptor that they need, the load fails with
// ARIWS_ERROR_SYSTEM, the message names what was refused, and nothing is left behind.
//
// A faulty object of the configuration is refused by itself and does not fail the load; `report` receives one entry
// for each user, each connection and each fault, and every fault is logged as well. The load fails with
// ARIWS_ERROR_CONFIG if `ari.conf` is missing, or a file cannot be read or parsed. A missing `websocket_client.conf`
// counts as an empty one, with a warning.
//
// @param host           the host's callbacks; copied
// @param options        copied
// @param report         receives what was read; may be NULL
// @param report_data    given to `report`
// @param instance       receives the handle; written before the first callback runs, so that callbacks can use it;
//                       NULL after a failure
// @param message        receives the reason of a failure, NUL-terminated and cut to fit; may be NULL
// @param message_size   its size in bytes
// @return ARIWS_OK, or ARIWS_ERROR_NULL, _UTF8, _ARGUMENT, _CONFIG, _SYSTEM, _FROM_CALLBACK
//
// Thread: any that is not inside a callback. Blocks for the reading of files and for the callbacks
// `app_register` and `context_create`, which run on other threads: hold no lock here that they need.
//
// `host` and `options` begin with their `struct_size`.
int32_t ariws_load(const struct ariws_host *host,
                   const struct ariws_options *options,
                   ariws_report_callback report,
                   void *report_data,
                   struct ariws_instance **instance,
                   char *message,
                   size_t message_size);

// Reads the configuration again and applies what is different, object by object: a bad object leaves the one
// before in effect. If a file cannot be read or parsed, nothing changes; nor if `ari.conf` is missing, or
// `websocket_client.conf` while websocket clients are in effect: an empty file is what deletes them.
//
// @param instance       the instance
// @param report         receives what was added, changed, removed and refused: users, connections with their websocket
//                       clients, and as `general` the section of that name; may be NULL
// @param report_data    given to `report`
// @param message        receives the reason of a failure, NUL-terminated and cut to fit; may be NULL
// @param message_size   its size in bytes
// @return ARIWS_OK also when objects were refused; ARIWS_ERROR_CONFIG if nothing was changed; ARIWS_ERROR_BUSY from
//         inside a callback while another load or reload runs
//
// Thread: any. Blocks for the reading of files and for `app_register`, `app_unregister`, `context_create` and
// `context_destroy`, never for a connection. Concurrent reloads run one after the other.
int32_t ariws_reload(const struct ariws_instance *instance,
                     ariws_report_callback report,
                     void *report_data,
                     char *message,
                     size_t message_size);

// Unloads: takes no new work, ends starts that are under way (ARIWS_ERROR_CANCELLED), sends what is queued and the
// Close (1000) on every connection, unregisters applications and contexts, waits for callbacks that run, joins the
// threads, and calls `finalize`. Afterwards the handle is dead and no callback runs; the library itself stays mapped,
// so dlclose is safe.
//
// @param instance       the instance
// @param grace_ms       how long queued events and Close handshakes may take, in milliseconds
// @return ARIWS_OK, ARIWS_ERROR_NULL, ARIWS_ERROR_UNLOADED, or ARIWS_ERROR_FROM_CALLBACK
//
// Channels that are still in the application of a per-call connection get `stasis_failed`. Requests that the host has
// not answered are given up.
//
// Thread: any that is not inside a callback. Blocks up to `grace_ms` and, for Closes that nobody answers, up to two
// seconds more; beyond that for as long as a callback of the host that has begun takes to return. Messages for the log
// are delivered until `grace_ms` has passed, and for a quarter of a second at least; the last one says how many were
// dropped then.
//
// `instance` is a handle from `ariws_load`, live or not.
int32_t ariws_unload(struct ariws_instance *instance,
                     uint32_t grace_ms);

// A channel enters `Stasis(app)`.
//
// If somebody has registered the application, that is all: success, and `application` is `app`. If a valid per-call
// connection lists it, the connection is made, the application `<app>:<channel name>` is registered, and `application`
// is that name. The host sends StasisStart and what follows to `ariws_event` under that name, and calls
// `ariws_stasis_end` when the channel leaves, however it leaves; also if it hung up before StasisStart could be sent.
// Channels that enter `<app>:<channel name>` otherwise, by an application's request, are announced here in the same
// way: they keep the connection open.
//
// Where nobody serves the application, and the client of its connection has a `fallback_app`, the channel enters that
// one instead, as if it had been given; `application` then begins with another name than `app`. With `when_down =
// fail` an application is not served when its persistent connection has been down for `down_grace`.
//
// A start that fails is over: the channel gets no `stasis_failed` for it, and no `ariws_stasis_end` follows. A channel
// may enter an application again as soon as it has left it, and gets a connection of its own again.
//
// @param instance          the instance
// @param app               the application's name as the dialplan gives it
// @param channel_id        the channel's unique id, as in events; like the names, not empty
// @param channel_name      the channel's name, e.g. "PJSIP/1172-00000000"; channels of one name share a connection
// @param application       receives the application to use, NUL-terminated
// @param application_size  its size; at least the lengths of `app` and `channel_name` and 2, and of `fallback_app`
//                          likewise: where that does not fit, it is ARIWS_ERROR_BUFFER
// @param message           receives the reason of a failure, NUL-terminated and cut to fit; may be NULL
// @param message_size      its size in bytes
// @return ARIWS_OK; ARIWS_ERROR_NOT_FOUND if nobody serves the application, ARIWS_ERROR_INVALID_CONNECTION,
//         ARIWS_ERROR_CONNECT, ARIWS_ERROR_REFUSED or ARIWS_ERROR_TIMEOUT after the configured attempts,
//         ARIWS_ERROR_DOWN, ARIWS_ERROR_CANCELLED, ARIWS_ERROR_DUPLICATE, ARIWS_ERROR_BUFFER, ARIWS_ERROR_ARGUMENT
//         also if the server may not be told a value of the call, such as a header with a line break,
//         ARIWS_ERROR_HOST if `app_register` or `expand` failed. STASISSTATUS is FAILED for all but ARIWS_OK, and
//         `ariws_result_reason` gives what belongs into ARIWS_REASON beside it.
//
// Thread: any. Blocks, for a per-call connection, up to `reconnect_attempts` times `connection_timeout` and
// `reconnect_interval`; `ariws_stasis_cancel` ends it at once. `app_is_registered`, `expand` and `app_register` are
// called on this thread before it returns: hold no lock here that they need. A host that must serve the channel
// meanwhile uses `ariws_stasis_start_async`.
int32_t ariws_stasis_start(const struct ariws_instance *instance,
                           const char *app,
                           const char *channel_id,
                           const char *channel_name,
                           char *application,
                           size_t application_size,
                           char *message,
                           size_t message_size);

// As `ariws_stasis_start`, without blocking: `done` is called when it is over.
//
// @param instance       the instance
// @param app            the application's name as the dialplan gives it
// @param channel_id     the channel's unique id, as in events
// @param channel_name   the channel's name
// @param done           called exactly once if this function returns ARIWS_OK, else never
// @param data           given to `done`
// @param message        receives the reason of a failure, NUL-terminated and cut to fit; may be NULL
// @param message_size   its size in bytes
// @return ARIWS_OK if the start is under way; ARIWS_ERROR_NULL, _UTF8, _ARGUMENT, _DUPLICATE, _UNLOADED
//
// Thread: any. Never blocks.
//
// `data` is valid until `done` returns.
int32_t ariws_stasis_start_async(const struct ariws_instance *instance,
                                 const char *app,
                                 const char *channel_id,
                                 const char *channel_name,
                                 ariws_stasis_start_callback done,
                                 void *data,
                                 char *message,
                                 size_t message_size);

// The channel has hung up: its start ends at once with ARIWS_ERROR_CANCELLED. If none is under way its next one does,
// so that a host need not repeat a cancel that may have overtaken `ariws_stasis_start` on another thread.
//
// A cancel that has found no start waits for one for ten seconds, at most 4,096 of them do, and `ariws_stasis_end` for
// the channel takes it back. So it harms no channel that leaves an application and enters again. Where a start has
// failed no `ariws_stasis_end` is needed, but for one case: a channel that was cancelled without being hung up, as by
// a redirect. The cancel may have come when the start was over; so call it before that channel goes on.
//
// @param instance    the instance
// @param channel_id  the channel's unique id
// @return ARIWS_OK if a start was ended; ARIWS_ERROR_NOT_FOUND if none was under way, and the cancel waits for one: no
//         failure
//
// Thread: any. Never blocks.
int32_t ariws_stasis_cancel(const struct ariws_instance *instance,
                            const char *channel_id);

// Stasis returned for a channel whose start succeeded. A per-call connection closes by itself after the last of its
// channels' StasisEnd is on the wire and the events that trail it (ChannelVarset, ChannelDestroyed) had their time.
//
// The host gives the channel's StasisEnd to `ariws_event` before this call or soon after it, if it has given a
// StasisStart. If the channel enters the same application again, `ariws_stasis_start` waits until that StasisEnd has
// come and is on the wire: once the application is registered for the new connection, it could not be told from one of
// the new stay. If none comes it goes on after a second, with a warning.
//
// A cancel that waits for the next start of the channel is taken back (`ariws_stasis_cancel`).
//
// @param instance     the instance
// @param application  the name that `ariws_stasis_start` gave
// @param channel_id   the channel's unique id as `ariws_stasis_start` had it, also where a transfer has given it
//                     another
// @return ARIWS_OK, also if the application has no connection (any more)
//
// Thread: any. Never blocks.
int32_t ariws_stasis_end(const struct ariws_instance *instance,
                         const char *application,
                         const char *channel_id);

// Sends one ARI event to an application.
//
// `json` is a JSON object; `application`, `timestamp` and `asterisk_id` are added where they are missing. It is copied
// and queued; the queue is sent in order, across reconnects too, and bounded by `queue_max_bytes` and
// `queue_max_messages` of the connection. It is sent at once, but where more than twenty a millisecond come for one
// connection: then what a millisecond or two bring is sent together.
//
// @param instance     the instance
// @param application  the application: a configured one, or the name that `ariws_stasis_start` gave
// @param json         the event, UTF-8, need not be NUL-terminated
// @param json_length  its length in bytes
// @return ARIWS_OK; ARIWS_ERROR_NOT_FOUND if no connection serves the application (ordinary for events that trail the
//         end of a call: not worth a warning; a channel whose StasisStart gets it is in an application without a
//         connection, and the host ends its Stasis), ARIWS_ERROR_JSON if it is not a JSON object, ARIWS_ERROR_FULL or
//         ARIWS_ERROR_TOO_LARGE if it was dropped, ARIWS_ERROR_SYSTEM if it was because the system refused the memory
//         for it
//
// Thread: any. Never blocks; takes no lock that input or output can hold.
int32_t ariws_event(const struct ariws_instance *instance,
                    const char *application,
                    const char *json,
                    size_t json_length);

// Sends one ARI event to an application, as `ariws_event` does, for a host that made the JSON itself and knows what is
// in it. It keeps the thread for less time, as the text is not read: that it is UTF-8 and stands between braces is all
// that is looked at.
//
// A host that is wrong about it harms nothing but what the application gets: a text that is no JSON, members that are
// missing or there twice. With `delivery = at_least_once` it must have no member `ariws_sequence`. A wrong channel, or
// a wrong type, keeps a per-call connection open or lets it end early.
//
// @param instance     the instance
// @param application  the application: a configured one, or the name that `ariws_stasis_start` gave
// @param event        the event; copied
// @return as `ariws_event`; ARIWS_ERROR_JSON if the text does not begin and end with a brace or is not UTF-8,
//         ARIWS_ERROR_NULL, _UTF8, ARIWS_ERROR_ARGUMENT
//
// Thread: any. Never blocks; takes no lock that input or output can hold.
//
// `event` begins with its `struct_size`.
int32_t ariws_event_trusted(const struct ariws_instance *instance,
                            const char *application,
                            const struct ariws_trusted_event *event);

// Answers a request that `ari_request` delivered.
//
// @param instance     the instance
// @param request_id   `id` of the request
// @param status       the HTTP status code, 100 to 599; 406 for a resource that is not JSON
// @param reason       the reason phrase; NULL for the usual one of the status (RFC 9110 section 15)
// @param body         the JSON body, need not be NUL-terminated; NULL for none
// @param body_length  its length in bytes
// @return ARIWS_OK; ARIWS_ERROR_NOT_FOUND if the request was answered before, or never was: an answer counts once;
//         ARIWS_ERROR_ARGUMENT, _UTF8 or _JSON if the answer cannot be sent as it is, ARIWS_ERROR_SYSTEM if the system
//         refused the memory for it, and the request still waits for one
//
// Thread: any, also from inside the callback. Never blocks.
int32_t ariws_request_complete(const struct ariws_instance *instance,
                               uint64_t request_id,
                               int32_t status,
                               const char *reason,
                               const char *body,
                               size_t body_length);

// The commands, one by one, for the host to register.
//
// @param index    from 0 up, until ARIWS_ERROR_NOT_FOUND
// @param command  receives the command; `struct_size` must be set (ARIWS_CLI_COMMAND_INIT)
// @return ARIWS_OK, or ARIWS_ERROR_NOT_FOUND past the last command
//
// Thread: any. Never blocks. Needs no instance.
//
// `command` is NULL or points to as many bytes as its `struct_size` says.
int32_t ariws_cli_commands(size_t index,
                           struct ariws_cli_command *command);

// Runs a command.
//
// @param instance    the instance
// @param words       the words of the line as the operator typed them; the command's own words in any case
// @param count       how many
// @param write       receives the output
// @param write_data  given to `write`
// @return ARIWS_OK; ARIWS_ERROR_COMMAND if it failed (the output says why); ARIWS_ERROR_USAGE if the words are no
//         command or do not fit it (the output is its usage, if it is one)
//
// Thread: any. Blocks for commands that start or stop connections as `ariws_reload` does, and for `ari test` until the
// attempt has ended, for `connection_timeout` at most.
//
// `words` points to `count` strings.
int32_t ariws_cli_execute(const struct ariws_instance *instance,
                          const char *const *words,
                          size_t count,
                          ariws_write_callback write,
                          void *write_data);

// Completes a word of a command.
//
// @param instance    the instance
// @param words       the complete words before the one to complete
// @param count       how many
// @param prefix      what was typed of the word to complete, "" if nothing; compared without regard to case
// @param write       receives each candidate in a call of its own, in order
// @param write_data  given to `write`
// @return ARIWS_OK, also if there is no candidate
//
// Thread: any. Never blocks.
//
// `words` points to `count` strings.
int32_t ariws_cli_complete(const struct ariws_instance *instance,
                           const char *const *words,
                           size_t count,
                           const char *prefix,
                           ariws_write_callback write,
                           void *write_data);

// Writes one thing about a connection of the configuration, for dialplan functions, device states and the like.
//
// - "state": "up" while the websocket of a persistent connection is open, "down" while it is not, "stopped" if an
//   operator has shut it down or it is invalid; "per-call" for one that is made for each call
// - "since": since when it has been up or down, in seconds since the epoch; "" if it is neither
// - "server": "address:port" while it is up, else ""
// - "queued": how many events wait to be sent; for a per-call connection those of all its calls
// - "dropped": how many events were dropped since it began; likewise
//
// A connection that is made again after one that was lost at once is up when it has lasted, and told of by
// `connection_state` then.
//
// @param instance    the instance
// @param connection  the connection id
// @param item        one of those above
// @param write       receives the text, in one call
// @param write_data  given to `write`
// @return ARIWS_OK; ARIWS_ERROR_NOT_FOUND if there is no such connection, ARIWS_ERROR_ARGUMENT if there is no such item
//
// Thread: any, also from inside a callback. Never blocks.
int32_t ariws_connection_value(const struct ariws_instance *instance,
                               const char *connection,
                               const char *item,
                               ariws_write_callback write,
                               void *write_data);

// An application opened a websocket to the host: `ari show sessions` lists it and `ari shutdown websocket session`
// reaches it through the host's `inbound_shutdown`.
//
// @param instance  the instance
// @param inbound   the session; copied
// @return ARIWS_OK; ARIWS_ERROR_DUPLICATE if a session with that id is open, or a connection has it; ARIWS_ERROR_NULL,
//         _UTF8, ARIWS_ERROR_ARGUMENT if the id is empty
//
// Thread: any. Never blocks.
//
// `inbound` begins with its `struct_size`.
int32_t ariws_inbound_opened(const struct ariws_instance *instance,
                             const struct ariws_inbound *inbound);

// A websocket that `ariws_inbound_opened` reported is closed. Applications of persistent connections that it had taken
// over, and that nobody has registered now, are registered again.
//
// @param instance    the instance
// @param session_id  the host's id of the session
// @return ARIWS_OK; ARIWS_ERROR_NOT_FOUND if no such session was open
//
// Thread: any. Never blocks.
int32_t ariws_inbound_closed(const struct ariws_instance *instance,
                             const char *session_id);

// Writes the metrics as OpenMetrics text (version 1.0.0), which Prometheus reads.
//
// @param instance    the instance
// @param write       receives the text
// @param write_data  given to `write`
// @return ARIWS_OK, ARIWS_ERROR_NULL, ARIWS_ERROR_UNLOADED
//
// Thread: any. Never blocks.
int32_t ariws_metrics(const struct ariws_instance *instance,
                      ariws_write_callback write,
                      void *write_data);

// ARIWS_ABI_VERSION of the library that is loaded. A host that was compiled with another one must not use it.
//
// Thread: any. Never blocks.
uint32_t ariws_abi_version(void);

// The version of the library that is loaded, "major.minor.patch". Static.
//
// Thread: any. Never blocks.
const char *ariws_version(void);

// A result code in words, for logs. Static; never NULL.
//
// Thread: any. Never blocks.
const char *ariws_result_text(int32_t result);

// Why a start failed, in one word for a dialplan: what a host sets as ARIWS_REASON beside STASISSTATUS. Static; never
// NULL.
//
// - "" for ARIWS_OK
// - "no-server": every attempt to connect failed, as ARIWS_ERROR_CONNECT says
// - "refused", "timeout", "down": ARIWS_ERROR_REFUSED, ARIWS_ERROR_TIMEOUT, ARIWS_ERROR_DOWN. A channel that
//   `stasis_failed` has ended is "down" as well.
// - "cancelled": ARIWS_ERROR_CANCELLED, or the instance is being unloaded
// - "invalid": ARIWS_ERROR_INVALID_CONNECTION
// - "unknown-application": ARIWS_ERROR_NOT_FOUND
// - "error": any other
//
// Thread: any. Never blocks.
const char *ariws_result_reason(int32_t result);

// Calls FUNCTION with the name of each function, without `ariws_`: for a host that finds them with dlsym.
#define ARIWS_FUNCTIONS(FUNCTION) \
    FUNCTION(abi_version) \
    FUNCTION(cli_commands) \
    FUNCTION(cli_complete) \
    FUNCTION(cli_execute) \
    FUNCTION(connection_value) \
    FUNCTION(event) \
    FUNCTION(event_trusted) \
    FUNCTION(inbound_closed) \
    FUNCTION(inbound_opened) \
    FUNCTION(load) \
    FUNCTION(metrics) \
    FUNCTION(reload) \
    FUNCTION(request_complete) \
    FUNCTION(result_reason) \
    FUNCTION(result_text) \
    FUNCTION(stasis_cancel) \
    FUNCTION(stasis_end) \
    FUNCTION(stasis_start) \
    FUNCTION(stasis_start_async) \
    FUNCTION(unload) \
    FUNCTION(version)

// Pointers to the functions.
typedef uint32_t (*ariws_abi_version_function)(void);
typedef int32_t (*ariws_cli_commands_function)(size_t index, struct ariws_cli_command *command);
typedef int32_t (*ariws_cli_complete_function)(const struct ariws_instance *instance, const char *const *words,
    size_t count, const char *prefix, ariws_write_callback write, void *write_data);
typedef int32_t (*ariws_cli_execute_function)(const struct ariws_instance *instance, const char *const *words,
    size_t count, ariws_write_callback write, void *write_data);
typedef int32_t (*ariws_connection_value_function)(const struct ariws_instance *instance,
    const char *connection, const char *item, ariws_write_callback write, void *write_data);
typedef int32_t (*ariws_event_function)(const struct ariws_instance *instance, const char *application,
    const char *json, size_t json_length);
typedef int32_t (*ariws_event_trusted_function)(const struct ariws_instance *instance, const char *application,
    const struct ariws_trusted_event *event);
typedef int32_t (*ariws_inbound_closed_function)(const struct ariws_instance *instance, const char *session_id);
typedef int32_t (*ariws_inbound_opened_function)(const struct ariws_instance *instance,
    const struct ariws_inbound *inbound);
typedef int32_t (*ariws_load_function)(const struct ariws_host *host, const struct ariws_options *options,
    ariws_report_callback report, void *report_data, struct ariws_instance **instance, char *message,
    size_t message_size);
typedef int32_t (*ariws_metrics_function)(const struct ariws_instance *instance, ariws_write_callback write,
    void *write_data);
typedef int32_t (*ariws_reload_function)(const struct ariws_instance *instance, ariws_report_callback report,
    void *report_data, char *message, size_t message_size);
typedef int32_t (*ariws_request_complete_function)(const struct ariws_instance *instance, uint64_t request_id,
    int32_t status, const char *reason, const char *body, size_t body_length);
typedef const char *(*ariws_result_reason_function)(int32_t result);
typedef const char *(*ariws_result_text_function)(int32_t result);
typedef int32_t (*ariws_stasis_cancel_function)(const struct ariws_instance *instance, const char *channel_id);
typedef int32_t (*ariws_stasis_end_function)(const struct ariws_instance *instance, const char *application,
    const char *channel_id);
typedef int32_t (*ariws_stasis_start_function)(const struct ariws_instance *instance, const char *app,
    const char *channel_id, const char *channel_name, char *application, size_t application_size, char *message,
    size_t message_size);
typedef int32_t (*ariws_stasis_start_async_function)(const struct ariws_instance *instance, const char *app,
    const char *channel_id, const char *channel_name, ariws_stasis_start_callback done, void *data,
    char *message, size_t message_size);
typedef int32_t (*ariws_unload_function)(struct ariws_instance *instance, uint32_t grace_ms);
typedef const char *(*ariws_version_function)(void);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* ARIWS_H */
