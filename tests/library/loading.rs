//! Loading: what is needed, what is reported.

use std::{fs, ptr};

use ariws::ffi::*;
use ariws_testkit::functions::Functions;
use ariws_testkit::{Call, Configuration, Handle, Host, Library, Pbx, ReportLine, Server};

#[test]
fn a_missing_file_fails_the_load_with_its_name() {
    let (host, folder) = (Host::new(), tempfile::tempdir().expect("a folder"));
    let failure = Library::try_load(&host, folder.path(), &mut Vec::new());
    let (code, message) = failure.err().expect("a failure");
    assert_eq!(code, ARIWS_ERROR_CONFIG);
    assert!(message.contains("ari.conf"), "{message}");
    host.wait_for_call(&Call::Finalize);
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
    server.accept().says(["ApplicationRegistered app1"]);
}

#[test]
fn a_faulty_object_is_reported_and_harms_no_other() {
    let faulty = Pbx::persistent("app1").connection("faulty", "persistent", "app2", "colour = blue");
    let mut pbx = faulty.load();
    pbx.report.retain(|line| line.kind == ARIWS_REPORT_REFUSED);
    let colour = |line: &ReportLine| line.message.starts_with("colour: ") && line.line == 22;
    assert!(pbx.report.iter().any(colour), "{:#?}", pbx.report);
    assert!(pbx.report.iter().all(|line| line.object == "faulty"));
    pbx.accept().says(["ApplicationRegistered app1"]);
}

#[test]
fn what_was_loaded_is_reported() {
    let pbx = Pbx::persistent("app1").load();
    let objects = pbx.report.iter();
    let objects: Vec<_> = objects.map(|line| (line.kind, line.object.as_str())).collect();
    assert_eq!(
        objects,
        ["reader", "user1", "connection1"].map(|object| (ARIWS_REPORT_ADDED, object))
    );
}

#[test]
fn several_instances_live_side_by_side() {
    let one = Pbx::persistent("app1").load();
    let two = Pbx::persistent("app2").load();
    one.accept().says(["ApplicationRegistered app1"]);
    two.accept().says(["ApplicationRegistered app2"]);
    assert_eq!(two.event("app1", r#"{"type":"x"}"#), ARIWS_ERROR_NOT_FOUND);
}

#[test]
fn a_missing_callback_is_named() {
    let (host, configuration) = (Host::new(), Configuration::empty());
    let table = ariws_host {
        stasis_failed: None,
        ..host.table()
    };
    let folder = configuration.folder();
    let loaded = Handle::load(Functions::linked(), &table, folder, &mut Vec::new(), |_| {});
    let (code, message) = loaded.err().expect("a failure");
    assert_eq!(code, ARIWS_ERROR_ARGUMENT);
    assert_eq!(message, "the callback stasis_failed is missing");
}

/// Calls every function that takes a handle, with NULL for everything else.
fn with_null(handle: *mut ariws_instance) -> [i32; 14] {
    let (null, nothing) = (ptr::null(), ptr::null_mut());
    // SAFETY: every function takes NULL.
    unsafe {
        [
            ariws_reload(handle, None, nothing, ptr::null_mut(), 0),
            ariws_unload(handle, 0),
            ariws_event(handle, null, null, 1),
            ariws_request_complete(handle, 1, 200, null, null, 0),
            ariws_stasis_start(handle, null, null, null, ptr::null_mut(), 0, ptr::null_mut(), 0),
            ariws_stasis_start_async(handle, null, null, null, None, nothing, ptr::null_mut(), 0),
            ariws_stasis_cancel(handle, null),
            ariws_stasis_end(handle, null, null),
            ariws_inbound_opened(handle, ptr::null()),
            ariws_inbound_closed(handle, null),
            ariws_cli_execute(handle, ptr::null(), 1, None, nothing),
            ariws_cli_complete(handle, ptr::null(), 1, null, None, nothing),
            ariws_metrics(handle, None, nothing),
            ariws_request_complete(handle, 1, -1, c"\xff".as_ptr(), null, 0),
        ]
    }
}

#[test]
fn null_everywhere_is_a_code() {
    assert_eq!(with_null(ptr::null_mut()), [ARIWS_ERROR_NULL; 14]);
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
        assert_eq!(ariws_cli_commands(0, ptr::null_mut()), ARIWS_ERROR_NULL);
    }
}

#[test]
fn a_dead_handle_is_told_before_all_else() {
    let never = ptr::without_provenance_mut(0xdead);
    assert_eq!(with_null(never), [ARIWS_ERROR_UNLOADED; 14]);
}

#[test]
fn what_has_no_id_is_refused() {
    let pbx = Pbx::without_connections().load();
    let handle = pbx.handle().0;
    let mut name = [0; 64];
    for (app, id, channel) in [(c"", c"1", c"SIP/1"), (c"a", c"", c"SIP/1"), (c"a", c"1", c"")] {
        // SAFETY: the strings live until the call returns.
        let start = unsafe {
            ariws_stasis_start(
                handle,
                app.as_ptr(),
                id.as_ptr(),
                channel.as_ptr(),
                name.as_mut_ptr(),
                name.len(),
                ptr::null_mut(),
                0,
            )
        };
        assert_eq!(start, ARIWS_ERROR_ARGUMENT);
    }
    assert_eq!(pbx.stasis_cancel(""), ARIWS_ERROR_ARGUMENT);
    // SAFETY: the strings are static.
    let end = unsafe { ariws_stasis_end(handle, c"a".as_ptr(), c"".as_ptr()) };
    assert_eq!(end, ARIWS_ERROR_ARGUMENT);
    assert_eq!(pbx.inbound_opened("", "", ""), ARIWS_ERROR_ARGUMENT);
    assert_eq!(pbx.inbound_closed(""), ARIWS_ERROR_ARGUMENT);
}
