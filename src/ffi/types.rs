//! The structures and callback types that a host and the library share.
//!
//! Every structure but `ariws_parameter`, which never changes, begins with `struct_size` and grows only at its end.

use std::ffi::{c_char, c_void};

/// One loaded library: its configuration, its connections, its threads.
///
/// A handle, never dereferenced: a call with a handle that was unloaded, or that never was one, returns
/// ARIWS_ERROR_UNLOADED and does nothing.
pub struct ariws_instance {
    _private: [u8; 0],
}

/// Log level: something does not work.
pub const ARIWS_LOG_ERROR: i32 = 1;
/// Log level: something may not work as the operator expects.
pub const ARIWS_LOG_WARNING: i32 = 2;
/// Log level: a change that operators want to see.
pub const ARIWS_LOG_NOTICE: i32 = 3;
/// Log level: the ordinary course of things.
pub const ARIWS_LOG_INFO: i32 = 4;
/// Log level: for finding faults.
pub const ARIWS_LOG_DEBUG: i32 = 5;

/// What `app_register` returns when the application was not registered before.
pub const ARIWS_APP_REGISTERED: i32 = 0;
/// What `app_register` returns when an existing registration was replaced.
pub const ARIWS_APP_REPLACED: i32 = 1;
/// What `context_create` returns when it created the dialplan context.
pub const ARIWS_CONTEXT_CREATED: i32 = 0;
/// What `context_create` returns when the context was there already; the library will not destroy it.
pub const ARIWS_CONTEXT_EXISTS: i32 = 1;
/// What a callback returns when it failed; it logs the reason itself.
pub const ARIWS_HOST_FAILED: i32 = -1;

/// Receives a message for the log.
///
/// `level` is one of the ARIWS_LOG_ constants. `subject` is the connection, session or channel that the
/// message concerns, "" if none. Both strings are UTF-8 without control characters and live until the
/// callback returns.
///
/// What the other end of a connection can bring about at will, such as bad requests, has ten lines at once and then one
/// each five seconds, which says how many there were besides.
///
/// Thread: one thread of the library, for this purpose only; messages come in order. It may block; while it does,
/// messages queue up, at most 4,096 and one MiB. When the queue is full they are dropped, and a message in their place
/// says how many.
pub type ariws_log_callback =
    Option<unsafe extern "C" fn(userdata: *mut c_void, level: i32, subject: *const c_char, message: *const c_char)>;

/// One parameter of a request, decoded. Both strings are NUL-terminated and hold no other NUL. A name has no control
/// characters; a value may, as a text of several lines has: a host that writes it into a log or a header escapes them.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ariws_parameter {
    /// The name.
    pub name: *const c_char,
    /// Its length in bytes.
    pub name_length: usize,
    /// The value, "" if none was given.
    pub value: *const c_char,
    /// Its length in bytes.
    pub value_length: usize,
}

/// An ARI request that an application sent over its websocket. Filled by the library; everything it
/// points to lives until the callback returns.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ariws_request {
    /// `sizeof(ariws_request)` of the library; fields beyond it do not exist.
    pub struct_size: usize,
    /// The number to give to `ariws_request_complete`.
    pub id: u64,
    /// The first application of the connection.
    pub application: *const c_char,
    /// The session that the request came over: a connection id, or `connection:channel`.
    pub session_id: *const c_char,
    /// "GET", "POST", "PUT", "DELETE", "HEAD" or "OPTIONS".
    pub method: *const c_char,
    /// The path as it was sent, without the query: "channels/1732.4/answer", still percent-encoded and without control
    /// characters. The library answers `events` itself, and what a read-only user may not do; all else, such as an odd
    /// path or a method that a resource does not have, is the host's to answer.
    pub path: *const c_char,
    /// The parameters in the order query string, `query_strings`, form body. Where a name occurs more
    /// than once the last one counts (as Asterisk does); members of a JSON body override them all.
    pub parameters: *const ariws_parameter,
    /// Their number.
    pub parameters_count: usize,
    /// The content type of the JSON body as the application wrote it, without control characters; NULL if there is
    /// none.
    pub content_type: *const c_char,
    /// The JSON body, checked to be a JSON object or array and NUL-terminated; NULL if there is none.
    pub body: *const c_char,
    /// Its length in bytes without the NUL.
    pub body_length: usize,
    /// The local ARI user that the request runs as.
    pub user: *const c_char,
    /// That user's password in plain text, for hosts that authenticate every request.
    pub password: *const c_char,
    /// 1 if that user is read-only, else 0. The library has refused what such a user may not do.
    pub read_only: i32,
}

/// Runs one ARI request. The host answers with `ariws_request_complete`, from inside this callback or later
/// from any thread, exactly once.
///
/// An application asks with one text message, and is answered with another:
///
/// ```json
/// {"type": "RESTRequest", "transaction_id": "t1", "request_id": "r1", "method": "POST",
///  "uri": "channels/1732.4/play?media=sound%3Abeep", "query_strings": [{"name": "lang", "value": "en"}],
///  "content_type": "application/json", "message_body": "{\"playbackId\": \"p1\"}"}
/// ```
/// ```json
/// {"type": "RESTResponse", "transaction_id": "t1", "request_id": "r1", "status_code": 201, "reason_phrase": "Created",
///  "uri": "channels/1732.4/play", "content_type": "application/json", "message_body": "{\"id\":\"p1\"}",
///  "application": "app1", "timestamp": "2026-11-23T00:34:16.313+0000", "asterisk_id": "02:fc:00:00:00:01"}
/// ```
///
/// Of the request, `type`, `method` and `uri` are required. The defaults of the others: "" for `transaction_id` and
/// `request_id`, which may be numbers as well and come back as strings; none for `query_strings` and `message_body`. A
/// `message_body` that is not empty needs its `content_type`: `application/json`, or
/// `application/x-www-form-urlencoded` for more parameters, which are at most 1,000 in all. Of the answer,
/// `reason_phrase` is the usual one of the status unless the host gives another, `uri` is the path of the request, and
/// `content_type` and `message_body` are there if the host gives a body; `application` is the first one of the
/// connection.
///
/// Thread: one of the library's: that which read the request, while the host usually returns at once, or else one of a
/// pool. It may block: then another thread goes on with input and output. Requests of one connection come in order
/// and, unless `request_concurrency` allows more, one at a time: the next after the answer to the one before, or after
/// the 504 that the library gives in its place when `request_timeout` has passed.
pub type ariws_ari_request_callback = Option<unsafe extern "C" fn(userdata: *mut c_void, request: *const ariws_request)>;

/// Nobody waits for the answer to this request any more: its websocket has ended, or `request_timeout` has passed and
/// the library has answered 504. The host may stop working on it. It may still answer: `ariws_request_complete` then
/// returns ARIWS_OK before the timeout, and ARIWS_ERROR_NOT_FOUND after it. Called at most once for a request; it may
/// come for one that is being answered in this moment. It does not come for requests that `ariws_unload` has ended.
///
/// Thread: a pool of the library's for host calls. It may block.
pub type ariws_request_cancelled_callback = Option<unsafe extern "C" fn(userdata: *mut c_void, id: u64)>;

/// Registers a Stasis application whose events the host will give to `ariws_event`.
///
/// `subscribe_all` is 1 if the application wants the events of every resource, else 0. Registering an
/// application anew that is registered already replaces its handler; a host that sends ApplicationReplaced to
/// the one before may do so from inside this callback.
///
/// The one before may be the library's own, and in one case only: a reload has changed `apps` of a persistent
/// connection, be it their order or spelling, and this is one of those that were there before and stay. Asterisk
/// registers them anew, and they hear so by ApplicationReplaced, on the connection that stays open; what was recorded
/// of it is kept here. So a host that does as Asterisk gives that event to `ariws_event`, and returns
/// ARIWS_APP_REPLACED: nothing has been taken over, and the channels that are in the application stay in it. A host
/// whose applications need not see it leaves the event away.
///
/// Returns ARIWS_APP_REGISTERED, ARIWS_APP_REPLACED, or a negative number for a failure.
///
/// Thread: a pool of the library's for host calls, or one that is inside `ariws_stasis_start`. It may block.
pub type ariws_app_register_callback =
    Option<unsafe extern "C" fn(userdata: *mut c_void, app: *const c_char, subscribe_all: i32) -> i32>;

/// Ends the library's registration of a Stasis application. If somebody else has replaced it since, theirs stays.
/// Thread and rules as for `ariws_app_register_callback`.
pub type ariws_app_unregister_callback = Option<unsafe extern "C" fn(userdata: *mut c_void, app: *const c_char)>;

/// Tells whether anybody has registered the Stasis application: 1 or 0.
///
/// Thread: a pool of the library's for host calls, or one that is inside `ariws_stasis_start`. It may block.
pub type ariws_app_is_registered_callback = Option<unsafe extern "C" fn(userdata: *mut c_void, app: *const c_char) -> i32>;

/// Creates the dialplan context `context`, which is `stasis-` and the application's name, with extension `_.` priority
/// 1 `Stasis(<app>)` and extension `h` priority 1 `NoOp`. It comes for each application of a persistent connection, and
/// of a per-call one as well, when a load or a reload adds it: before any call, and without `app_register` where that
/// is per call.
///
/// Returns ARIWS_CONTEXT_CREATED, ARIWS_CONTEXT_EXISTS, or a negative number for a failure.
///
/// Thread: a pool of the library's for host calls. It may block.
pub type ariws_context_create_callback =
    Option<unsafe extern "C" fn(userdata: *mut c_void, context: *const c_char, app: *const c_char) -> i32>;

/// Destroys a context that `context_create` created. Thread as there.
pub type ariws_context_destroy_callback = Option<unsafe extern "C" fn(userdata: *mut c_void, context: *const c_char)>;

/// The per-call connection that serves `application` is lost for good, or was shut down, or its persistent connection
/// has been down for `down_grace` and its client says `fail_inside = yes`: the host ends Stasis for the channel with
/// STASISSTATUS=FAILED and goes on in the dialplan, calling `ariws_stasis_end` as ever. If the channel is not in that
/// application any more, there is nothing to do. It may come before the host has looked at the success of the channel's
/// start: then the channel leaves the application as soon as it has entered it.
///
/// It comes once for each channel whose start in `application` has succeeded, and for each that `ariws_event` was given
/// a StasisStart of without a start, because an application has moved it there; unless its StasisEnd was given since,
/// or `ariws_stasis_end` called. A channel of neither kind, and one whose start failed, has nothing to do with the
/// connection.
///
/// Thread: a pool of the library's for host calls. It may block.
pub type ariws_stasis_failed_callback =
    Option<unsafe extern "C" fn(userdata: *mut c_void, channel_id: *const c_char, application: *const c_char)>;

/// The operator shut down a websocket that an application had opened to the host. Thread: the pool for host
/// calls.
pub type ariws_inbound_shutdown_callback = Option<unsafe extern "C" fn(userdata: *mut c_void, session_id: *const c_char)>;

/// What `ariws_connection_state` says of a persistent connection without an open websocket.
pub const ARIWS_STATE_DOWN: i32 = 0;
/// What it says of one whose websocket is open.
pub const ARIWS_STATE_UP: i32 = 1;

/// What a persistent connection has come to. Filled by the library; everything it points to lives until the callback
/// returns.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ariws_connection_state {
    /// `sizeof(ariws_connection_state)` of the library; fields beyond it do not exist.
    pub struct_size: usize,
    /// One of the ARIWS_STATE_ constants.
    pub state: i32,
    /// The connection id.
    pub connection: *const c_char,
    /// The server, "address:port", while the connection is up, else "".
    pub server: *const c_char,
    /// Why it is down, in words for the operator, else "".
    pub reason: *const c_char,
}

/// A persistent connection is up, or is not any more: called for each change, in order for each connection.
///
/// Thread: a pool of the library's for host calls. It may block.
pub type ariws_connection_state_callback =
    Option<unsafe extern "C" fn(userdata: *mut c_void, state: *const ariws_connection_state)>;

/// What a callback that is asked for a text returns when it has given it.
pub const ARIWS_TEXT_GIVEN: i32 = 0;
/// What it returns when there is no such text.
pub const ARIWS_TEXT_ABSENT: i32 = 1;

/// Evaluates an expression of the host's for a channel, such as `${CALLERID(num)}`: what the `uri` or a `header` of a
/// per-call client asks for. `expression` is all from `$` to the closing brace. The host gives the text, UTF-8, to
/// `write` with `write_data`, in one call or several, of at most 64 KiB together, before it returns.
///
/// Returns ARIWS_TEXT_GIVEN, also for an empty text, or anything else for a failure, which ends the start of the
/// channel.
///
/// Thread: a pool of the library's for host calls, or one that is inside `ariws_stasis_start`. It may block.
pub type ariws_expand_callback = Option<
    unsafe extern "C" fn(
        userdata: *mut c_void,
        channel_id: *const c_char,
        expression: *const c_char,
        write: ariws_write_callback,
        write_data: *mut c_void,
    ) -> i32,
>;

/// Tells what is in a Stasis application now: a JSON object with the lists `channel_ids`, `bridge_ids` and
/// `endpoint_ids`, such as ARI gives at `GET /applications/{app}`; other members are ignored. The host gives it to
/// `write` as in `ariws_expand_callback`, at most 4 MiB.
///
/// Returns ARIWS_TEXT_GIVEN, or anything else if it cannot tell.
///
/// Thread: a pool of the library's for host calls. It may block.
pub type ariws_app_snapshot_callback = Option<
    unsafe extern "C" fn(
        userdata: *mut c_void,
        app: *const c_char,
        write: ariws_write_callback,
        write_data: *mut c_void,
    ) -> i32,
>;

/// Gives the text of a part of the configuration: "ari.conf", "ari_outbound.conf", "websocket_client.conf", or what a
/// text that it has given includes, by the name there, of which it may be sure of nothing. A host with this callback has
/// its configuration where it likes. The text is given to `write` as in `ariws_expand_callback`; it is bounded as a file
/// is, by 32 MiB with all that it includes.
///
/// Returns ARIWS_TEXT_GIVEN, ARIWS_TEXT_ABSENT if the host has nothing of that name, or a negative number for a failure,
/// which the host logs: then the configuration stays as it was. What is absent is looked for as a file in
/// `config_directory`, if there is one.
///
/// Thread: a pool of the library's for host calls, while a load or reload waits. It may block.
pub type ariws_config_read_callback = Option<
    unsafe extern "C" fn(
        userdata: *mut c_void,
        name: *const c_char,
        write: ariws_write_callback,
        write_data: *mut c_void,
    ) -> i32,
>;

/// The last callback: `userdata` may be freed. Called once, on the thread that called `ariws_unload`, or an `ariws_load`
/// that failed later than at its arguments: not with ARIWS_ERROR_NULL, _UTF8, _ARGUMENT or _FROM_CALLBACK, after which
/// nothing of the table is kept.
pub type ariws_finalize_callback = Option<unsafe extern "C" fn(userdata: *mut c_void)>;

/// What the library calls. Copied by `ariws_load`; strings given to callbacks are UTF-8, NUL-terminated and live until
/// the callback returns. Every callback may call every function of the library but `ariws_load` and `ariws_unload`; the
/// library holds no lock while it calls. A host must never cancel (pthread_cancel) or end a thread from inside a
/// callback, nor leave one by longjmp or a C++ exception. On threads of the library a callback has a stack of 2 MiB,
/// less a few KiB that the library uses.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ariws_host {
    /// `sizeof(ariws_host)`; ARIWS_HOST_INIT sets it.
    pub struct_size: usize,
    /// Given to every callback; the library does not look at it. It must stay valid until `finalize`, and may
    /// be used from several threads at a time.
    pub userdata: *mut c_void,
    /// Required.
    pub log: ariws_log_callback,
    /// Required.
    pub ari_request: ariws_ari_request_callback,
    /// Required.
    pub app_register: ariws_app_register_callback,
    /// Required.
    pub app_unregister: ariws_app_unregister_callback,
    /// Required.
    pub app_is_registered: ariws_app_is_registered_callback,
    /// Required.
    pub context_create: ariws_context_create_callback,
    /// Required.
    pub context_destroy: ariws_context_destroy_callback,
    /// Required.
    pub stasis_failed: ariws_stasis_failed_callback,
    /// Optional: without it, inbound websockets are shown but not shut down.
    pub inbound_shutdown: ariws_inbound_shutdown_callback,
    /// Optional.
    pub finalize: ariws_finalize_callback,
    /// Optional: a host that does without it works in vain for applications that have left.
    pub request_cancelled: ariws_request_cancelled_callback,
    /// Optional.
    pub connection_state: ariws_connection_state_callback,
    /// Optional: without it, no `${...}` may stand in the `uri` or a `header` of a client.
    pub expand: ariws_expand_callback,
    /// Optional: without it, an ApplicationResumed does not tell what is in the application.
    pub app_snapshot: ariws_app_snapshot_callback,
    /// Optional: without it, the whole configuration is read from files in `config_directory`.
    pub config_read: ariws_config_read_callback,
}

/// How to load. Copied by `ariws_load`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ariws_options {
    /// `sizeof(ariws_options)`; ARIWS_OPTIONS_INIT sets it.
    pub struct_size: usize,
    /// The folder with `ari.conf`, `websocket_client.conf` and, optionally, `ari_outbound.conf`. Required, unless the
    /// host has `config_read`: then it is where files are looked for that the host does not have, and may be NULL.
    pub config_directory: *const c_char,
    /// The host's entity id, added to events as `asterisk_id` where it is missing. Required.
    pub asterisk_id: *const c_char,
    /// The host's product token, e.g. "Asterisk/16.28.0", for the User-Agent (RFC 9110 section 10.1.5). NULL or "" for
    /// none.
    pub product: *const c_char,
    /// Threads for input and output; 0 for the default: one per core, at most 4. At most 64.
    pub io_threads: u32,
    /// Requests that the host runs at a time, over all connections; 0 for the default, 16. At most 256.
    pub request_threads: u32,
    /// What may wait to be sent over all connections together, in bytes: events, with what each costs besides its text,
    /// and answers. 0 for the default: a quarter of the memory that the machine or the control group of the process
    /// has, at most 1 GiB. At least 1 MiB. `queue_max_total_bytes` in `[general]` goes before it.
    ///
    /// Where it is reached, `queue_overflow` of the connection that gets an event decides: its own oldest events make
    /// room, or the new one is dropped; the latter also if it has none that could. Events are counted by the metrics;
    /// an answer that finds no room, here or within `queue_max_bytes` of its connection, is replaced by a short one with
    /// the status 507.
    pub queue_max_total_bytes: usize,
    /// The least grave messages that `log` receives, one of the ARIWS_LOG_ constants; 0 for all. The others are not
    /// even made, so that they cost nothing.
    pub log_level: i32,
    /// Sockets to applications that may be open at a time, over all connections; 0 for the default: three quarters of
    /// the descriptors that the process may have (RLIMIT_NOFILE, soft, at the load), so that a quarter is left to the
    /// host.
    ///
    /// An attempt beyond it fails with a text that says so, and is made again as one that failed for any other reason.
    /// Besides them the library has three descriptors for each of `io_threads`, and one for each file that it reads or
    /// name that is looked up, while that lasts.
    pub max_sockets: u32,
}

/// A report entry: an object was added by a load or reload.
pub const ARIWS_REPORT_ADDED: i32 = 1;
/// A report entry: an object was changed.
pub const ARIWS_REPORT_CHANGED: i32 = 2;
/// A report entry: an object was removed.
pub const ARIWS_REPORT_REMOVED: i32 = 3;
/// A report entry: an object was refused, or is invalid; `message` says why.
pub const ARIWS_REPORT_REFUSED: i32 = 4;
/// A report entry: something was accepted that the operator should look at.
pub const ARIWS_REPORT_WARNING: i32 = 5;

/// One line of what a load or reload did. Filled by the library; everything it points to lives until the
/// callback returns.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ariws_report_entry {
    /// `sizeof(ariws_report_entry)` of the library; fields beyond it do not exist.
    pub struct_size: usize,
    /// One of the ARIWS_REPORT_ constants.
    pub kind: i32,
    /// The object's name: the section. "" where the whole file is concerned.
    pub object: *const c_char,
    /// What happened and why, in words for the operator, without what the other fields say. The library writes the same
    /// to the log.
    pub message: *const c_char,
    /// The file, "" for entries that concern none.
    pub file: *const c_char,
    /// The line in that file; 0 if none.
    pub line: u32,
}

/// Receives the entries of a report, on the thread that called, before the call returns. `data` is the
/// caller's. It may call every function of the library but `ariws_load` and `ariws_unload`.
pub type ariws_report_callback = Option<unsafe extern "C" fn(data: *mut c_void, entry: *const ariws_report_entry)>;

/// Receives a piece of output, on the thread that called, before the call returns. `text` is UTF-8, `length`
/// bytes, not NUL-terminated, and lives until the callback returns. `data` is the caller's. One of the host's may call
/// every function of the library but `ariws_load` and `ariws_unload`; one that the library gives to a callback of the
/// host's copies the text, and is called from inside that callback only.
pub type ariws_write_callback = Option<unsafe extern "C" fn(data: *mut c_void, text: *const c_char, length: usize)>;

/// The end of `ariws_stasis_start_async`: `result` is what `ariws_stasis_start` would have returned, `application` the
/// name that events and requests use (NULL unless `result` is ARIWS_OK; with a `fallback_app` it may be longer than the
/// names of the application and the channel are), `message` the reason in words ("" on success). The strings live until
/// the callback returns.
///
/// Thread: a pool of the library's for host calls, never from inside `ariws_stasis_start_async`. Called exactly once.
/// It is to tell the channel's own thread and return: other callbacks wait for their turn on that pool.
pub type ariws_stasis_start_callback =
    Option<unsafe extern "C" fn(data: *mut c_void, result: i32, application: *const c_char, message: *const c_char)>;

/// A websocket that an application opened to the host. Copied at the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ariws_inbound {
    /// `sizeof(ariws_inbound)`; ARIWS_INBOUND_INIT sets it.
    pub struct_size: usize,
    /// The host's id of the session, unique among its open ones, and no connection's. Required, and not empty.
    pub session_id: *const c_char,
    /// The peer, "address:port". NULL if unknown.
    pub remote_address: *const c_char,
    /// Its applications, comma-separated. NULL for none.
    pub apps: *const c_char,
}

/// ARI's member `application` is in the text of an event.
pub const ARIWS_EVENT_HAS_APPLICATION: u32 = 1;
/// `timestamp` is.
pub const ARIWS_EVENT_HAS_TIMESTAMP: u32 = 2;
/// `asterisk_id` is.
pub const ARIWS_EVENT_HAS_ASTERISK_ID: u32 = 4;

/// An event, with what its host knows of it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ariws_trusted_event {
    /// `sizeof(ariws_trusted_event)`; ARIWS_TRUSTED_EVENT_INIT sets it.
    pub struct_size: usize,
    /// One JSON object, from its first brace to its last, UTF-8, need not be NUL-terminated. Required.
    pub json: *const c_char,
    /// Its length in bytes.
    pub json_length: usize,
    /// Its `type`. NULL if it has none.
    pub r#type: *const c_char,
    /// The `id` of its member `channel`. NULL if it has none; looked at only if `type` is StasisStart, StasisEnd or
    /// ChannelDestroyed.
    pub channel_id: *const c_char,
    /// The `id` of its member `replace_channel`, which a StasisStart has after a transfer. NULL if it has none.
    pub replaced_channel_id: *const c_char,
    /// Which members it has: ARIWS_EVENT_HAS_APPLICATION and the like, added up. The others are added to it.
    pub members: u32,
}

/// One command of the library's command line. Filled by the library; the strings are static.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ariws_cli_command {
    /// `sizeof(ariws_cli_command)` of the caller on the way in (ARIWS_CLI_COMMAND_INIT sets it); nothing beyond it
    /// is written.
    pub struct_size: usize,
    /// The fixed words, separated by blanks: "ari show outbound-websocket".
    pub words: *const c_char,
    /// What stands after them, such as `<connection id>`; "" for nothing.
    pub arguments: *const c_char,
    /// One line for lists of commands.
    pub summary: *const c_char,
    /// The usage, several lines, each ended by a line feed.
    pub usage: *const c_char,
}
