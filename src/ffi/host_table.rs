//! The host's table as a [`Host`].

use std::ffi::{c_char, c_void};
use std::mem::{offset_of, take};
use std::ptr;

use zeroize::Zeroizing;

use super::given::Given;
use super::guard::calling_host;
use super::strings::{CTexts, c_text};
use super::types::*;
use super::{SendPointer, sized};
use crate::error::{Error, Result};
use crate::host::{ConnectionState, ContextState, Failed, Host, HostRequest, Level, Optional, Registration};
use crate::text::visible;

type Log = unsafe extern "C" fn(*mut c_void, i32, *const c_char, *const c_char);
type Request = unsafe extern "C" fn(*mut c_void, *const ariws_request);
type Register = unsafe extern "C" fn(*mut c_void, *const c_char, i32) -> i32;
type Text = unsafe extern "C" fn(*mut c_void, *const c_char);
type TwoTexts = unsafe extern "C" fn(*mut c_void, *const c_char, *const c_char);
type TextResult = unsafe extern "C" fn(*mut c_void, *const c_char) -> i32;
type Context = unsafe extern "C" fn(*mut c_void, *const c_char, *const c_char) -> i32;
type Number = unsafe extern "C" fn(*mut c_void, u64);
type State = unsafe extern "C" fn(*mut c_void, *const ariws_connection_state);
type Expand = unsafe extern "C" fn(*mut c_void, *const c_char, *const c_char, ariws_write_callback, *mut c_void) -> i32;
type AskText = unsafe extern "C" fn(*mut c_void, *const c_char, ariws_write_callback, *mut c_void) -> i32;
type Finalize = unsafe extern "C" fn(*mut c_void);

/// A checked copy of an `ariws_host`.
pub(super) struct HostTable {
    userdata: SendPointer,
    log: Log,
    ari_request: Request,
    app_register: Register,
    app_unregister: Text,
    app_is_registered: TextResult,
    context_create: Context,
    context_destroy: Text,
    stasis_failed: TwoTexts,
    inbound_shutdown: Option<Text>,
    finalize: Option<Finalize>,
    request_cancelled: Option<Number>,
    connection_state: Option<State>,
    expand: Option<Expand>,
    app_snapshot: Option<AskText>,
    config_read: Option<AskText>,
}

impl HostTable {
    /// # Safety
    /// `host` is NULL or begins with its `struct_size`; its callbacks keep the promises of their types.
    pub(super) unsafe fn copy(host: *const ariws_host) -> Result<Self> {
        fn required<T>(callback: Option<T>, name: &str) -> Result<T> {
            callback.ok_or_else(|| Error::Argument(format!("the callback {name} is missing")))
        }
        // SAFETY: the caller's promise; absent callbacks are None.
        let host = unsafe { sized::copy(host, offset_of!(ariws_host, inbound_shutdown), "host")? };
        Ok(Self {
            userdata: SendPointer(host.userdata),
            log: required(host.log, "log")?,
            ari_request: required(host.ari_request, "ari_request")?,
            app_register: required(host.app_register, "app_register")?,
            app_unregister: required(host.app_unregister, "app_unregister")?,
            app_is_registered: required(host.app_is_registered, "app_is_registered")?,
            context_create: required(host.context_create, "context_create")?,
            context_destroy: required(host.context_destroy, "context_destroy")?,
            stasis_failed: required(host.stasis_failed, "stasis_failed")?,
            inbound_shutdown: host.inbound_shutdown,
            finalize: host.finalize,
            request_cancelled: host.request_cancelled,
            connection_state: host.connection_state,
            expand: host.expand,
            app_snapshot: host.app_snapshot,
            config_read: host.config_read,
        })
    }

    fn with_text(&self, callback: Text, text: &str) {
        let text = c_text(text);
        calling_host(|| {
            // SAFETY: the host vouched for its callback and userdata; the string lives until it returns.
            unsafe { callback(self.userdata.get(), text.as_ptr()) };
        });
    }
}

impl Host for HostTable {
    fn log(&self, level: Level, subject: &str, message: &str) {
        let level = match level {
            Level::Error => ARIWS_LOG_ERROR,
            Level::Warning => ARIWS_LOG_WARNING,
            Level::Notice => ARIWS_LOG_NOTICE,
            Level::Info => ARIWS_LOG_INFO,
            Level::Debug => ARIWS_LOG_DEBUG,
        };
        let (subject, message) = (c_text(subject), c_text(message));
        calling_host(|| {
            // SAFETY: the host vouched for its callback and userdata; the strings live until it returns.
            unsafe {
                (self.log)(self.userdata.get(), level, subject.as_ptr(), message.as_ptr());
            }
        });
    }

    fn ari_request(&self, request: &HostRequest<'_>) {
        let length = |text: &str| text.len() + 1;
        let of_parameters = request.parameters.iter().map(|(name, value)| length(name) + length(value));
        let others = [
            request.application,
            request.session_id,
            request.method,
            request.path,
            request.user,
            request.content_type.unwrap_or_default(),
            request.body.unwrap_or_default(),
        ];
        let bytes = others.into_iter().map(length).chain(of_parameters).sum();
        let mut texts = CTexts::with_capacity(bytes);
        let [application, session_id, method, path, user] = [
            request.application,
            request.session_id,
            request.method,
            request.path,
            request.user,
        ]
        .map(|text| texts.push(text));
        let content_type = request.content_type.map(|text| texts.push(text));
        let body = request.body.map(|text| texts.push(text));
        let parameters: Vec<_> = request
            .parameters
            .iter()
            .map(|(name, value)| (texts.push_whole(name), texts.push_whole(value)))
            .collect();
        let parameters: Vec<ariws_parameter> = request
            .parameters
            .iter()
            .zip(parameters)
            .map(|((name, value), (name_text, value_text))| ariws_parameter {
                name: texts.get(name_text),
                name_length: name.len(),
                value: texts.get(value_text),
                value_length: value.len(),
            })
            .collect();
        // By itself, as it is wiped.
        let password = Zeroizing::new(c_text(request.password.reveal()).into_bytes_with_nul());
        let optional = |text: Option<_>| text.map_or(ptr::null(), |text| texts.get(text));
        let request = ariws_request {
            struct_size: size_of::<ariws_request>(),
            id: request.id,
            application: texts.get(application),
            session_id: texts.get(session_id),
            method: texts.get(method),
            path: texts.get(path),
            parameters: parameters.as_ptr(),
            parameters_count: parameters.len(),
            content_type: optional(content_type),
            body: optional(body),
            body_length: request.body.map_or(0, str::len),
            user: texts.get(user),
            password: password.as_ptr().cast(),
            read_only: request.read_only.into(),
        };
        calling_host(|| {
            // SAFETY: the host vouched for its callback and userdata; everything lives until it returns.
            unsafe { (self.ari_request)(self.userdata.get(), &raw const request) };
        });
    }

    fn request_cancelled(&self, id: u64) {
        if let Some(callback) = self.request_cancelled {
            calling_host(|| {
                // SAFETY: the host vouched for its callback and userdata.
                unsafe { callback(self.userdata.get(), id) };
            });
        }
    }

    fn app_register(&self, app: &str, subscribe_all: bool) -> std::result::Result<Registration, Failed> {
        let app = c_text(app);
        let result = calling_host(|| {
            // SAFETY: the host vouched for its callback and userdata; the string lives until it returns.
            unsafe { (self.app_register)(self.userdata.get(), app.as_ptr(), subscribe_all.into()) }
        });
        match result {
            ARIWS_APP_REGISTERED => Ok(Registration::New),
            ARIWS_APP_REPLACED => Ok(Registration::Replaced),
            _ => Err(Failed),
        }
    }

    fn app_unregister(&self, app: &str) {
        self.with_text(self.app_unregister, app);
    }

    fn app_is_registered(&self, app: &str) -> bool {
        let app = c_text(app);
        calling_host(|| {
            // SAFETY: the host vouched for its callback and userdata; the string lives until it returns.
            unsafe { (self.app_is_registered)(self.userdata.get(), app.as_ptr()) > 0 }
        })
    }

    fn context_create(&self, context: &str, app: &str) -> std::result::Result<ContextState, Failed> {
        let (context, app) = (c_text(context), c_text(app));
        let result = calling_host(|| {
            // SAFETY: the host vouched for its callback and userdata; the strings live until it returns.
            unsafe { (self.context_create)(self.userdata.get(), context.as_ptr(), app.as_ptr()) }
        });
        match result {
            ARIWS_CONTEXT_CREATED => Ok(ContextState::Created),
            ARIWS_CONTEXT_EXISTS => Ok(ContextState::Existed),
            _ => Err(Failed),
        }
    }

    fn context_destroy(&self, context: &str) {
        self.with_text(self.context_destroy, context);
    }

    fn stasis_failed(&self, channel_id: &str, application: &str) {
        let (channel_id, application) = (c_text(channel_id), c_text(application));
        calling_host(|| {
            // SAFETY: the host vouched for its callback and userdata; the strings live until it returns.
            unsafe {
                (self.stasis_failed)(self.userdata.get(), channel_id.as_ptr(), application.as_ptr());
            }
        });
    }

    fn inbound_shutdown(&self, session_id: &str) -> bool {
        match self.inbound_shutdown {
            Some(callback) => {
                self.with_text(callback, session_id);
                true
            }
            None => false,
        }
    }

    fn offers(&self, callback: Optional) -> bool {
        match callback {
            Optional::ConnectionState => self.connection_state.is_some(),
            Optional::Expand => self.expand.is_some(),
            Optional::AppSnapshot => self.app_snapshot.is_some(),
            Optional::ConfigRead => self.config_read.is_some(),
        }
    }

    fn connection_state(&self, state: &ConnectionState) {
        let Some(callback) = self.connection_state else {
            return;
        };
        let (number, server, reason) = match &state.state {
            Ok(server) => (ARIWS_STATE_UP, server.as_str(), ""),
            Err(reason) => (ARIWS_STATE_DOWN, "", reason.as_str()),
        };
        let (connection, server, reason) = (c_text(&state.connection), c_text(server), c_text(&visible(reason)));
        let state = ariws_connection_state {
            struct_size: size_of::<ariws_connection_state>(),
            state: number,
            connection: connection.as_ptr(),
            server: server.as_ptr(),
            reason: reason.as_ptr(),
        };
        calling_host(|| {
            // SAFETY: the host vouched for its callback and userdata; everything lives until it returns.
            unsafe { callback(self.userdata.get(), &raw const state) };
        });
    }

    fn expand(&self, channel_id: &str, expression: &str) -> std::result::Result<String, Failed> {
        let callback = self.expand.ok_or(Failed)?;
        let (channel_id, expression) = (c_text(channel_id), c_text(expression));
        let given = Given::ask(LONGEST_EXPANSION, |write, data| {
            // SAFETY: the host vouched for its callback and userdata; everything lives until it returns.
            unsafe { callback(self.userdata.get(), channel_id.as_ptr(), expression.as_ptr(), write, data) }
        });
        given?.ok_or(Failed).and_then(utf8)
    }

    fn app_snapshot(&self, app: &str) -> std::result::Result<String, Failed> {
        let callback = self.app_snapshot.ok_or(Failed)?;
        let app = c_text(app);
        let given = Given::ask(LONGEST_SNAPSHOT, |write, data| {
            // SAFETY: the host vouched for its callback and userdata; everything lives until it returns.
            unsafe { callback(self.userdata.get(), app.as_ptr(), write, data) }
        });
        given?.ok_or(Failed).and_then(utf8)
    }

    fn config_read(&self, name: &str, limit: usize) -> std::result::Result<Option<Zeroizing<Vec<u8>>>, Failed> {
        let callback = self.config_read.ok_or(Failed)?;
        let name = c_text(name);
        Given::ask(limit, |write, data| {
            // SAFETY: the host vouched for its callback and userdata; everything lives until it returns.
            unsafe { callback(self.userdata.get(), name.as_ptr(), write, data) }
        })
    }

    fn finalize(&self) {
        if let Some(callback) = self.finalize {
            calling_host(|| {
                // SAFETY: the host vouched for its callback and userdata.
                unsafe { callback(self.userdata.get()) };
            });
        }
    }
}

/// A text that was evaluated for a channel is a part of a uri or of a header, and servers bound these to less.
const LONGEST_EXPANSION: usize = 64 << 10;
/// Room for about 100,000 channels.
const LONGEST_SNAPSHOT: usize = 4 << 20;

fn utf8(mut text: Zeroizing<Vec<u8>>) -> std::result::Result<String, Failed> {
    String::from_utf8(take(&mut *text)).map_err(|_| Failed)
}
