// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::conversation::Lead;

pub(crate) const USAGE: &str = "\
usage: ariws-application [options]
  --listen ADDRESS:PORT  where to listen; port 0 takes a free one (127.0.0.1:0)
  --username NAME        with --password: what the PBX must present (nothing)
  --password WORD
  --certificate FILE     with --key: serve TLS with this chain (PEM)
  --key FILE
  --digit-timeout MS     how long a call waits for a digit after the playback (3000)
  --calls N              end with status 0 after N calls ran from ApplicationRegistered to StasisEnd
                         without an error and their connections were closed with 1000
  --deadline MS          end with status 1 after this time
  --journal FILE         write a line for each event that has a number and was handled, and handle none again that is in
                         it: for clients with delivery = at_least_once
  --page ADDRESS:PORT    serve a page that shows connections, calls, events and answers, with buttons for the calls; only on
                         an address of this machine such as 127.0.0.1 or [::1]; port 0 takes a free one (no page)
  --manual               with --page: calls wait for its buttons, and for digits, as long as it takes
  --quiet                print the port, errors and the summary only
";

#[derive(Clone)]
pub(crate) struct Options {
    pub(crate) listen: String,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
    pub(crate) lead: Lead,
    pub(crate) page: Option<SocketAddr>,
    pub(crate) calls: Option<usize>,
    pub(crate) deadline: Option<Duration>,
    pub(crate) journal: Option<PathBuf>,
    pub(crate) quiet: bool,
}

impl Options {
    /// The options of the command line; none if it asks for help.
    pub(crate) fn parse() -> Result<Option<Self>, lexopt::Error> {
        use lexopt::prelude::*;
        let mut options = Self {
            listen: "127.0.0.1:0".to_owned(),
            username: None,
            password: None,
            certificate: None,
            key: None,
            lead: Lead::Page,
            page: None,
            calls: None,
            deadline: None,
            journal: None,
            quiet: false,
        };
        let mut digit_timeout = Duration::from_millis(3000);
        let mut manual = false;
        let mut arguments = lexopt::Parser::from_env();
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("listen") => options.listen = arguments.value()?.string()?,
                Long("username") => options.username = Some(arguments.value()?.string()?),
                Long("password") => options.password = Some(arguments.value()?.string()?),
                Long("certificate") => options.certificate = Some(arguments.value()?.into()),
                Long("key") => options.key = Some(arguments.value()?.into()),
                Long("digit-timeout") => {
                    digit_timeout = Duration::from_millis(arguments.value()?.parse()?);
                }
                Long("calls") => options.calls = Some(arguments.value()?.parse()?),
                Long("deadline") => options.deadline = Some(Duration::from_millis(arguments.value()?.parse()?)),
                Long("journal") => options.journal = Some(arguments.value()?.into()),
                Long("page") => options.page = Some(arguments.value()?.parse()?),
                Long("manual") => manual = true,
                Long("quiet") => options.quiet = true,
                Long("help") | Short('h') => return Ok(None),
                other => return Err(other.unexpected()),
            }
        }
        if options.username.is_some() != options.password.is_some() {
            return Err("--username and --password belong together".into());
        }
        if options.certificate.is_some() != options.key.is_some() {
            return Err("--certificate and --key belong together".into());
        }
        if options.page.is_some_and(|address| !address.ip().is_loopback()) {
            return Err("--page: whoever sees the page has the calls, so its address must be one of this machine".into());
        }
        if manual && options.page.is_none() {
            return Err("--manual needs --page".into());
        }
        if !manual {
            options.lead = Lead::Application { digit_timeout };
        }
        Ok(Some(options))
    }

    /// The value of the Authorization header that the PBX must send.
    pub(crate) fn authorization(&self) -> Option<String> {
        let (username, password) = (self.username.as_ref()?, self.password.as_ref()?);
        Some(format!("Basic {}", BASE64_STANDARD.encode(format!("{username}:{password}"))))
    }
}
