//! Loading: what is needed, what is reported.

use std::{fs, ptr};

use ariws::ffi::*;

use crate::support::configuration::Configuration;
use crate::support::host::{Call, Host};
use crate::support::library::Library;
use crate::support::server::Server;

#[test]
fn a_missing_file_fails_the_load_with_its_name() {
    let (host, folder) = (Host::new(), tempfile::tempdir().expect("a folder"));
    let failure = Library::try_load(&host, folder.path(), &mut Vec::new());
    let (code, message) = failure.err().expect("a failure");
    assert_eq!(code, ARIWS_ERROR_CONFIG);
    assert!(message.contains("ari.conf"), "{message}");
    host.wait_for(|call| *call == Call::Finalize);
}

#[test]
fn without_websocket_client_conf_the_library_waits_for_a_reload() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = Configuration::with("persistent", server.address(), "app1");
    let path = configuration.folder().join("websocket_client.conf");
    let clients = fs::read(&path).expect("the file");
    fs::remove_file(&path).expect("the file");
    let library = Library::load(&host, &configuration);
    host.wait_for_log("websocket_client.conf: the file is missing");
    assert!(server.is_quiet());
    fs::write(&path, clients).expect("a file");
    library.reload();
    assert_eq!(server.accept().summary(), "ApplicationRegistered app1");
}

#[test]
fn a_faulty_object_is_reported_and_harms_no_other() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = Configuration::with("persistent", server.address(), "app1").connection(
        "faulty",
        "persistent",
        server.address(),
        "app2",
        "colour = blue",
    );
    let mut report = Vec::new();
    let _library = Library::try_load(&host, configuration.folder(), &mut report)
        .unwrap_or_else(|failure| panic!("{failure:?}"));
    let refused: Vec<_> = report
        .iter()
        .filter(|line| line.kind == ARIWS_REPORT_REFUSED)
        .collect();
    assert!(
        refused
            .iter()
            .any(|line| line.message.starts_with("colour: ") && line.line == 22),
        "{refused:#?}"
    );
    assert!(
        refused.iter().all(|line| line.object == "faulty"),
        "{refused:#?}"
    );
    assert_eq!(server.accept().summary(), "ApplicationRegistered app1");
}

#[test]
fn what_was_loaded_is_reported() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = Configuration::with("persistent", server.address(), "app1");
    let mut report = Vec::new();
    let _library = Library::try_load(&host, configuration.folder(), &mut report);
    let objects: Vec<_> = report
        .iter()
        .map(|line| (line.kind, line.object.as_str()))
        .collect();
    assert_eq!(
        objects,
        ["reader", "user1", "connection1"].map(|object| (ARIWS_REPORT_ADDED, object))
    );
}

#[test]
fn several_instances_live_side_by_side() {
    let server = Server::start();
    let (one, two) = (Host::new(), Host::new());
    let first = Configuration::with("persistent", server.address(), "app1");
    let second = Configuration::with("persistent", server.address(), "app2");
    let _one = Library::load(&one, &first);
    assert_eq!(server.accept().summary(), "ApplicationRegistered app1");
    let two = Library::load(&two, &second);
    assert_eq!(server.accept().summary(), "ApplicationRegistered app2");
    assert_eq!(two.event("app1", r#"{"type":"x"}"#), ARIWS_ERROR_NOT_FOUND);
}

#[test]
fn a_missing_callback_is_named() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = Configuration::with("persistent", server.address(), "app1");
    let mut table = host.table();
    table.stasis_failed = None;
    let folder = std::ffi::CString::new(configuration.folder().to_str().expect("a path"));
    let folder = folder.expect("no NUL");
    let options = ariws_options {
        struct_size: size_of::<ariws_options>(),
        config_directory: folder.as_ptr(),
        asterisk_id: c"id".as_ptr(),
        product: ptr::null(),
        io_threads: 0,
        request_threads: 0,
        queue_max_total_bytes: 0,
        log_level: 0,
    };
    let mut instance = ptr::null_mut();
    let mut message = [0; 128];
    // SAFETY: everything lives until the call returns.
    let (code, text) = unsafe {
        let code = ariws_load(
            &raw const table,
            &raw const options,
            None,
            ptr::null_mut(),
            &raw mut instance,
            message.as_mut_ptr(),
            message.len(),
        );
        (code, std::ffi::CStr::from_ptr(message.as_ptr()))
    };
    assert_eq!(code, ARIWS_ERROR_ARGUMENT);
    assert_eq!(text, c"the callback stasis_failed is missing");
}

#[test]
fn null_everywhere_is_a_code() {
    let null = ptr::null();
    // SAFETY: every function takes NULL.
    unsafe {
        let load = ariws_load(
            ptr::null(),
            ptr::null(),
            None,
            ptr::null_mut(),
            ptr::null_mut(),
            ptr::null_mut(),
            0,
        );
        assert_eq!(load, ARIWS_ERROR_NULL);
        assert_eq!(
            ariws_reload(ptr::null(), None, ptr::null_mut(), ptr::null_mut(), 0),
            ARIWS_ERROR_NULL
        );
        assert_eq!(ariws_unload(ptr::null_mut(), 0), ARIWS_ERROR_NULL);
        assert_eq!(ariws_event(ptr::null(), null, null, 0), ARIWS_ERROR_NULL);
        assert_eq!(ariws_stasis_cancel(ptr::null(), null), ARIWS_ERROR_NULL);
        assert_eq!(ariws_stasis_end(ptr::null(), null, null), ARIWS_ERROR_NULL);
        assert_eq!(
            ariws_request_complete(ptr::null(), 1, 200, null, null, 0),
            ARIWS_ERROR_NULL
        );
        assert_eq!(ariws_cli_commands(0, ptr::null_mut()), ARIWS_ERROR_NULL);
        assert_eq!(
            ariws_cli_execute(ptr::null(), ptr::null(), 0, None, ptr::null_mut()),
            ARIWS_ERROR_NULL
        );
        assert_eq!(
            ariws_cli_complete(ptr::null(), ptr::null(), 0, null, None, ptr::null_mut()),
            ARIWS_ERROR_NULL
        );
        assert_eq!(
            ariws_inbound_opened(ptr::null(), ptr::null()),
            ARIWS_ERROR_NULL
        );
        assert_eq!(ariws_inbound_closed(ptr::null(), null), ARIWS_ERROR_NULL);
        assert_eq!(
            ariws_metrics(ptr::null(), None, ptr::null_mut()),
            ARIWS_ERROR_NULL
        );
        let start = ariws_stasis_start(
            ptr::null(),
            null,
            null,
            null,
            ptr::null_mut(),
            0,
            ptr::null_mut(),
            0,
        );
        assert_eq!(start, ARIWS_ERROR_NULL);
        let start = ariws_stasis_start_async(
            ptr::null(),
            null,
            null,
            null,
            None,
            ptr::null_mut(),
            ptr::null_mut(),
            0,
        );
        assert_eq!(start, ARIWS_ERROR_NULL);
    }
}
