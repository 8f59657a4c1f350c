//! The callbacks of `ariws_host` as a trait without pointers, and the table that calls its methods.

use std::ffi::{CStr, c_char, c_void};

use crate::abi::*;

/// A host. What most hosts have nothing to do for does nothing.
pub trait Callbacks: Sync {
    fn log(&self, level: i32, subject: &str, message: &str);
    fn ari_request(&self, request: RequestView<'_>);
    fn request_cancelled(&self, _id: u64) {}
    fn app_register(&self, _app: &str, _subscribe_all: bool) -> i32 {
        ARIWS_APP_REGISTERED
    }
    fn app_unregister(&self, _app: &str) {}
    fn app_is_registered(&self, _app: &str) -> bool {
        false
    }
    fn context_create(&self, _context: &str, _app: &str) -> i32 {
        ARIWS_CONTEXT_CREATED
    }
    fn context_destroy(&self, _context: &str) {}
    fn stasis_failed(&self, _channel_id: &str, _application: &str) {}
    fn inbound_shutdown(&self, _session_id: &str) {}
    /// The server of a persistent connection that is up, or why it is down.
    fn connection_state(&self, _connection: &str, _state: Result<&str, &str>) {}
    /// Whether the table has the callback that asks for such a text.
    fn gives(&self, _kind: TextKind) -> bool {
        false
    }
    /// A text that the library asks for; none if there is none, or if the host fails.
    fn text(&self, _asked: &Asked) -> Option<String> {
        None
    }
    fn finalize(&self) {}
}

/// What the library asks for a text for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextKind {
    Expand,
    AppSnapshot,
    ConfigRead,
}

/// A text that the library asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// A channel and an expression.
    Expand(String, String),
    /// An application.
    AppSnapshot(String),
    /// A name.
    ConfigRead(String),
}

/// The table of a host, which has to outlive what is loaded with it.
pub fn table<H: Callbacks>(host: &H) -> ariws_host {
    ariws_host {
        struct_size: size_of::<ariws_host>(),
        userdata: std::ptr::from_ref(host).cast_mut().cast(),
        log: Some(log::<H>),
        ari_request: Some(ari_request::<H>),
        app_register: Some(app_register::<H>),
        app_unregister: Some(app_unregister::<H>),
        app_is_registered: Some(app_is_registered::<H>),
        context_create: Some(context_create::<H>),
        context_destroy: Some(context_destroy::<H>),
        stasis_failed: Some(stasis_failed::<H>),
        inbound_shutdown: Some(inbound_shutdown::<H>),
        finalize: Some(finalize::<H>),
        request_cancelled: Some(request_cancelled::<H>),
        connection_state: Some(connection_state::<H>),
        expand: host.gives(TextKind::Expand).then_some(expand::<H>),
        app_snapshot: host.gives(TextKind::AppSnapshot).then_some(app_snapshot::<H>),
        config_read: host.gives(TextKind::ConfigRead).then_some(config_read::<H>),
    }
}

/// A request that the library asks for, while the callback runs.
#[derive(Clone, Copy)]
pub struct RequestView<'a>(&'a ariws_request);

impl<'a> RequestView<'a> {
    pub fn id(self) -> u64 {
        self.0.id
    }

    pub fn path(self) -> &'a str {
        text(self.0.path)
    }

    /// All of it, to keep.
    pub fn to_owned(self) -> Request {
        let request = self.0;
        assert_eq!(request.struct_size, size_of::<ariws_request>());
        let parameters = (0..request.parameters_count).map(|index| {
            // SAFETY: the library gives as many as it says.
            let parameter = unsafe { &*request.parameters.add(index) };
            (text(parameter.name).into(), text(parameter.value).into())
        });
        let optional = |value: *const c_char| (!value.is_null()).then(|| text(value).into());
        Request {
            id: request.id,
            application: text(request.application).into(),
            session_id: text(request.session_id).into(),
            method: text(request.method).into(),
            path: text(request.path).into(),
            parameters: parameters.collect(),
            content_type: optional(request.content_type),
            body: optional(request.body),
            user: text(request.user).into(),
            password: text(request.password).into(),
            read_only: request.read_only == 1,
        }
    }
}

/// An ARI request as the host got it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub id: u64,
    pub application: String,
    pub session_id: String,
    pub method: String,
    pub path: String,
    pub parameters: Vec<(String, String)>,
    pub content_type: Option<String>,
    pub body: Option<String>,
    pub user: String,
    pub password: String,
    pub read_only: bool,
}

fn host<'a, H: Callbacks>(userdata: *mut c_void) -> &'a H {
    // SAFETY: `table` took it from a host that outlives what is loaded with it.
    unsafe { &*userdata.cast() }
}

/// A text that the library gives.
pub(crate) fn text<'a>(pointer: *const c_char) -> &'a str {
    // SAFETY: the library gives NUL-terminated strings, which live as long as they are used here.
    let text = unsafe { CStr::from_ptr(pointer) };
    text.to_str().expect("UTF-8")
}

unsafe extern "C" fn log<H: Callbacks>(userdata: *mut c_void, level: i32, subject: *const c_char, message: *const c_char) {
    host::<H>(userdata).log(level, text(subject), text(message));
}

unsafe extern "C" fn ari_request<H: Callbacks>(userdata: *mut c_void, request: *const ariws_request) {
    // SAFETY: the library gives a request that lives until this returns.
    host::<H>(userdata).ari_request(RequestView(unsafe { &*request }));
}

unsafe extern "C" fn request_cancelled<H: Callbacks>(userdata: *mut c_void, id: u64) {
    host::<H>(userdata).request_cancelled(id);
}

unsafe extern "C" fn app_register<H: Callbacks>(userdata: *mut c_void, app: *const c_char, subscribe_all: i32) -> i32 {
    host::<H>(userdata).app_register(text(app), subscribe_all == 1)
}

unsafe extern "C" fn app_unregister<H: Callbacks>(userdata: *mut c_void, app: *const c_char) {
    host::<H>(userdata).app_unregister(text(app));
}

unsafe extern "C" fn app_is_registered<H: Callbacks>(userdata: *mut c_void, app: *const c_char) -> i32 {
    host::<H>(userdata).app_is_registered(text(app)).into()
}

unsafe extern "C" fn context_create<H: Callbacks>(userdata: *mut c_void, context: *const c_char, app: *const c_char) -> i32 {
    host::<H>(userdata).context_create(text(context), text(app))
}

unsafe extern "C" fn context_destroy<H: Callbacks>(userdata: *mut c_void, context: *const c_char) {
    host::<H>(userdata).context_destroy(text(context));
}

unsafe extern "C" fn stasis_failed<H: Callbacks>(userdata: *mut c_void, channel_id: *const c_char, application: *const c_char) {
    host::<H>(userdata).stasis_failed(text(channel_id), text(application));
}

unsafe extern "C" fn inbound_shutdown<H: Callbacks>(userdata: *mut c_void, session_id: *const c_char) {
    host::<H>(userdata).inbound_shutdown(text(session_id));
}

unsafe extern "C" fn connection_state<H: Callbacks>(userdata: *mut c_void, state: *const ariws_connection_state) {
    // SAFETY: the library gives a state that lives until this returns.
    let state = unsafe { &*state };
    assert_eq!(state.struct_size, size_of::<ariws_connection_state>());
    let (server, reason) = (text(state.server), text(state.reason));
    let is_up = state.state == ARIWS_STATE_UP;
    let server = if is_up { Ok(server) } else { Err(reason) };
    host::<H>(userdata).connection_state(text(state.connection), server);
}

unsafe extern "C" fn expand<H: Callbacks>(
    userdata: *mut c_void,
    channel_id: *const c_char,
    expression: *const c_char,
    write: ariws_write_callback,
    data: *mut c_void,
) -> i32 {
    let asked = Asked::Expand(text(channel_id).into(), text(expression).into());
    give::<H>(userdata, &asked, write, data)
}

unsafe extern "C" fn app_snapshot<H: Callbacks>(
    userdata: *mut c_void,
    app: *const c_char,
    write: ariws_write_callback,
    data: *mut c_void,
) -> i32 {
    give::<H>(userdata, &Asked::AppSnapshot(text(app).into()), write, data)
}

unsafe extern "C" fn config_read<H: Callbacks>(
    userdata: *mut c_void,
    name: *const c_char,
    write: ariws_write_callback,
    data: *mut c_void,
) -> i32 {
    give::<H>(userdata, &Asked::ConfigRead(text(name).into()), write, data)
}

/// Gives a text in two pieces.
fn give<H: Callbacks>(userdata: *mut c_void, asked: &Asked, write: ariws_write_callback, data: *mut c_void) -> i32 {
    let Some(given) = host::<H>(userdata).text(asked) else {
        return ARIWS_TEXT_ABSENT;
    };
    let write = write.expect("a function");
    let (one, other) = given.as_bytes().split_at(given.len() / 2);
    for piece in [one, other] {
        // SAFETY: the library's own pair, and a piece as long as it says.
        unsafe { write(data, piece.as_ptr().cast(), piece.len()) };
    }
    ARIWS_TEXT_GIVEN
}

unsafe extern "C" fn finalize<H: Callbacks>(userdata: *mut c_void) {
    host::<H>(userdata).finalize();
}
