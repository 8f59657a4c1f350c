//! A configuration that the host has elsewhere than in files, and gives through its callback `config_read`.

use std::collections::BTreeMap;
use std::ptr;
use std::sync::{Arc, Mutex};

use ariws::ffi::{ARIWS_ERROR_CONFIG, ARIWS_ERROR_NULL};
use ariws_testkit::{Asked, Call, Configuration, Host, Library, Pbx, Setup, TextKind};

const ARI: &str = "[general]\n[user1]\ntype = user\npassword = x\n\
    [connection1]\ntype = outbound_websocket\nwebsocket_client_id = client1\napps = app1\nlocal_ari_user = user1\n";

/// What a host has, by name.
#[derive(Clone, Default)]
struct Texts(Arc<Mutex<BTreeMap<&'static str, String>>>);

impl Texts {
    fn set(&self, name: &'static str, text: impl Into<String>) {
        self.0.lock().expect("no panic").insert(name, text.into());
    }

    fn host(&self) -> Box<Host> {
        let texts = self.clone();
        Host::giving(&[TextKind::ConfigRead], move |asked| match asked {
            Asked::ConfigRead(name) => texts.0.lock().expect("no panic").get(name.as_str()).cloned(),
            _ => None,
        })
    }

    /// One that has the usual connection to the server, without a folder.
    fn usual() -> (Self, Setup) {
        let setup = Pbx::without_connections();
        let texts = Self::default();
        texts.set("ari.conf", ARI);
        let uri = format!("uri = ws://{}/ari", setup.server().address());
        let client =
            format!("[client1]\ntype = websocket_client\n{uri}\nconnection_type = persistent\nconnection_timeout = 5000\n");
        texts.set("websocket_client.conf", client);
        let setup = setup.host(texts.host());
        (texts, setup.options(|options| options.config_directory = ptr::null()))
    }
}

#[test]
fn a_host_with_texts_needs_no_folder() {
    let (_, setup) = Texts::usual();
    let pbx = setup.load();
    pbx.accept().says(["ApplicationRegistered app1"]);
    let asked = pbx.host.calls().into_iter().filter_map(|call| match call {
        Call::Text(Asked::ConfigRead(name)) => Some(name),
        _ => None,
    });
    assert!(asked.eq(["ari.conf", "ari_outbound.conf", "websocket_client.conf"]));
}

#[test]
fn a_reload_asks_the_host_again() {
    let (texts, setup) = Texts::usual();
    let pbx = setup.load();
    pbx.accept().says(["ApplicationRegistered app1"]);
    texts.set("ari.conf", ARI.replace("app1", "app2"));
    let mut report = Vec::new();
    pbx.try_reload(&mut report);
    assert!(report.iter().any(|line| line.message.contains("apps")), "{report:#?}");
}

#[test]
fn what_a_text_includes_is_asked_for_by_its_name() {
    let (texts, setup) = Texts::usual();
    texts.set(
        "ari.conf",
        format!(
            "#include \"users\"\n#tryinclude none*\n{}",
            ARI.replace("[user1]\ntype = user\npassword = x\n", "")
        ),
    );
    texts.set("users", "[user1]\ntype = user\npassword = x\n#include <users>\n");
    let (code, message) = Library::try_load_without_folder(&texts.host()).err().expect("a circle");
    assert_eq!(code, ARIWS_ERROR_CONFIG);
    assert!(message.starts_with("users:4: users would be included for ever"), "{message}");
    texts.set("users", "[user1]\ntype = user\npassword = x\n");
    let pbx = setup.load();
    pbx.accept().says(["ApplicationRegistered app1"]);
}

#[test]
fn faults_name_the_text_and_the_line() {
    let (texts, setup) = Texts::usual();
    texts.set("ari.conf", ARI.replace("apps = app1", "apps = app1\nnone = 1"));
    let mut pbx = setup.load();
    let told = pbx
        .report
        .iter()
        .find(|line| line.message.contains("there is no such parameter"));
    let told = told.expect("a fault");
    assert_eq!((told.file.as_str(), told.line), ("ari.conf", 9));
    texts.set("ari.conf", "[x");
    let mut report = std::mem::take(&mut pbx.report);
    assert_eq!(pbx.try_reload(&mut report), ARIWS_ERROR_CONFIG);
}

#[test]
fn what_the_host_does_not_have_is_a_file_if_there_is_a_folder() {
    let setup = Pbx::persistent("app1");
    let texts = Texts::default();
    texts.set(
        "ari_outbound.conf",
        "[user7]\ntype = user\npassword = x\n#include extra.conf\n",
    );
    let setup = setup.host(texts.host());
    std::fs::write(setup.folder().join("extra.conf"), "[user8]\ntype = user\npassword = x\n").expect("a file");
    let pbx = setup.load();
    pbx.accept().says(["ApplicationRegistered app1"]);
    let added = |name| pbx.report.iter().any(|line| line.object == name);
    assert!(added("user1") && added("user7") && added("user8"), "{:#?}", pbx.report);
}

#[test]
fn without_files_and_without_a_text_the_text_is_missing() {
    let host = Texts::default().host();
    let (code, message) = Library::try_load_without_folder(&host).err().expect("no ari.conf");
    assert_eq!(code, ARIWS_ERROR_CONFIG);
    assert!(message.starts_with("ari.conf: the host has no such text"), "{message}");
}

#[test]
fn a_host_without_texts_needs_a_folder() {
    let (code, message) = Library::try_load_without_folder(&Host::new()).err().expect("no folder");
    assert_eq!(
        (code, message.as_str()),
        (ARIWS_ERROR_NULL, "options.config_directory is NULL")
    );
}

#[test]
fn a_text_that_the_host_cannot_give_changes_nothing() {
    unsafe extern "C" fn fails(
        _: *mut std::ffi::c_void,
        _: *const std::ffi::c_char,
        _: ariws::ffi::ariws_write_callback,
        _: *mut std::ffi::c_void,
    ) -> i32 {
        -1
    }
    let host = Host::new();
    let mut table = host.table();
    table.config_read = Some(fails);
    let configuration = Configuration::empty();
    let (code, message) = Library::try_load_table(&host, &table, configuration.folder())
        .err()
        .expect("no text");
    assert_eq!(code, ARIWS_ERROR_CONFIG);
    assert!(message.starts_with("ari.conf: the host did not give it"), "{message}");
}

#[test]
fn paths_of_secrets_are_whole_where_there_is_no_folder() {
    let (texts, setup) = Texts::usual();
    let client = "[client1]\ntype = websocket_client\nuri = ws://127.0.0.1:1\nconnection_type = persistent\nheader_file = x\n";
    texts.set("websocket_client.conf", client);
    let pbx = setup.load();
    let told = pbx.report.iter().any(|line| line.message.contains("write the whole path"));
    assert!(told, "{:#?}", pbx.report);
}
