//! Reloading: what changes, what stays.
//!
//! `up`, `connecting`, `retrying`, `hanging` and `per_call` have a test of each parameter, from the tables of `changes`. The
//! others tell what more there is to say of applications, of values that are used later, of connections that end, of objects
//! that are faulty, and of the report.

#[macro_use]
mod changes;

mod applications;
mod connecting;
mod ending;
mod hanging;
mod objects;
mod per_call;
mod report;
mod retrying;
mod up;
mod values;

use ariws_testkit::{Call, Configuration, Connection, Host, Library, MuteServer, Server};

const EVENT: &str = r#"{"type":"Event"}"#;

/// A persistent connection with `app1`, up.
fn up(host: &Host) -> (Server, Configuration, Library<'_>, Connection) {
    let server = Server::start();
    let configuration = Configuration::with("persistent", server.address(), "app1");
    let library = Library::load(host, &configuration);
    let mut connection = server.accept();
    assert_eq!(connection.summary(), "ApplicationRegistered app1");
    (server, configuration, library, connection)
}
