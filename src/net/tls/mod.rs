//! TLS by rustls (RFC 8446, RFC 5246), with the checks that the configuration asks for.
//!
//! The cryptography is ring's: it has what TLS needs and little more, and builds with a C compiler alone wherever PBXs run.
//! aws-lc-rs brings the whole of AWS-LC, and wants cmake for some targets. ring is handed to each configuration; nothing is
//! installed for the whole process, which may have a rustls of its own.

mod explain;
mod files;
#[cfg(test)]
mod tests;
mod verifier;

use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, HandshakeKind, ProtocolVersion};
use tokio_util::task::AbortOnDropHandle;

use super::stream::Counted;
use super::{AttemptError, Stage};
use crate::config::{Client, TlsVersion};
use crate::threads::Blocking;
use files::{Stamps, Unusable};
use verifier::Verifier;

pub(crate) use explain::told;

/// The sessions of each server that are kept to be resumed: as many as rustls keeps.
const SESSIONS: usize = 8;

/// The TLS configuration of one connection. It is made at the first handshake, and anew when one of its files has changed;
/// sessions are resumed through it (RFC 8446 section 2.2), from call to call too.
#[derive(Clone, Default)]
pub struct TlsContext(Arc<Mutex<Option<Made>>>);

/// What came of the files, and their state when they were read.
#[derive(Clone)]
struct Made {
    config: Result<Arc<ClientConfig>, String>,
    stamps: Arc<Stamps>,
}

/// Which state of the files connections are made with. Whoever keeps it can tell whether they would be made with another now.
#[derive(Debug, Clone)]
pub struct Version(Arc<ClientConfig>);

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// A configuration that is being looked after, beside whatever else an attempt does meanwhile, and as long as that lasts.
pub(super) struct Preparing(AbortOnDropHandle<Result<Arc<ClientConfig>, String>>);

impl TlsContext {
    /// Begins to look whether the files have changed, so that this takes no time of its own.
    pub(super) fn prepare(&self, client: &Client, blocking: &Blocking) -> Preparing {
        let (made, client) = (Arc::clone(&self.0), client.clone());
        let task = tokio::spawn(up_to_date(made, client, blocking.clone()));
        Preparing(AbortOnDropHandle::new(task))
    }

    /// Looks at the files; gives nothing where there are none, or they do not do.
    pub(super) async fn version(&self, client: &Client, blocking: &Blocking) -> Option<Version> {
        let Preparing(preparing) = self.prepare(client, blocking);
        let config = preparing.await.ok()?;
        config.ok().map(Version)
    }
}

/// The configuration, made anew if one of its files has changed.
async fn up_to_date(made: Arc<Mutex<Option<Made>>>, client: Client, blocking: Blocking) -> Result<Arc<ClientConfig>, String> {
    let mut made = made.lock_owned().await;
    if let Some(made) = &*made
        && !files::are_used(&client)
    {
        return made.config.clone();
    }
    // Goes on though the attempt be over: a slow disk is asked once at a time.
    let looking = tokio::spawn(async move {
        let before = made.clone();
        let (outcome, now) = blocking
            .run(move || look(&client, before))
            .await
            .map_err(|error| format!("the files of TLS were not read: {error}"))?;
        *made = now;
        outcome
    });
    looking.await.map_err(|error| error.to_string())?
}

/// Looks at the files, and reads them if they have changed; gives what to use, and what to remember.
fn look(client: &Client, before: Option<Made>) -> (Result<Arc<ClientConfig>, String>, Option<Made>) {
    let stamps = Arc::new(Stamps::take(client));
    if let Some(made) = &before
        && made.stamps == stamps
    {
        return (made.config.clone(), before);
    }
    let usable = before.as_ref().and_then(|made| made.config.clone().ok());
    match (configure(client), usable) {
        (Ok(config), _) => {
            let config = Ok(config);
            (config.clone(), Some(Made { config, stamps }))
        }
        // As long as they stay as they are, it is the same; what was usable before is used on.
        (Err(unusable), usable) if unusable.is_lasting() => {
            let config = usable.ok_or(unusable.text);
            (config.clone(), Some(Made { config, stamps }))
        }
        // The next attempt looks again.
        (Err(unusable), usable) => (usable.ok_or(unusable.text), before),
    }
}

impl Preparing {
    /// Shakes hands with the server that has this name in `uri`.
    pub(super) async fn handshake(self, tcp: TcpStream, host: &str) -> Result<TlsStream<Counted>, AttemptError> {
        let fail = |cause: String| AttemptError::new(Stage::Tls, cause);
        let name =
            ServerName::try_from(host.to_owned()).map_err(|_| fail(format!("{host} cannot stand in a certificate (uri)")))?;
        let config = self.0.await.map_err(|error| fail(error.to_string()))?.map_err(fail)?;
        explain::with_explanation(TlsConnector::from(config).connect(name, Counted::new(tcp)))
            .await
            .map_err(|(error, explanation)| match explanation {
                // The certificate stays what it is.
                Some(explanation) => AttemptError {
                    refused: true,
                    ..fail(explanation)
                },
                None => fail(explain::told(&error)),
            })
    }
}

/// What was agreed, for operators.
pub(super) fn describe(stream: &TlsStream<Counted>, client: &Client) -> String {
    let (_, session) = stream.get_ref();
    let version = match session.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
        _ => "TLS 1.2",
    };
    let suite = session
        .negotiated_cipher_suite()
        .and_then(|suite| suite.suite().as_str())
        .unwrap_or("unknown cipher suite");
    let checked = match (client.verify_server_cert, client.verify_server_hostname) {
        (true, true) => "certificate and name verified",
        (true, false) => "certificate verified, name not (verify_server_hostname)",
        (false, true) => "name verified, certificate not (verify_server_cert)",
        (false, false) => "certificate not verified (verify_server_cert)",
    };
    let resumed = match session.handshake_kind() {
        Some(HandshakeKind::Resumed) => ", session resumed",
        _ => "",
    };
    let certificate = session
        .peer_certificates()
        .and_then(<[_]>::first)
        .map_or_else(String::new, |leaf| format!(": {}", explain::certificate(leaf)));
    format!("{version}, {suite}{resumed}, {checked}{certificate}")
}

fn configure(client: &Client) -> Result<Arc<ClientConfig>, Unusable> {
    let provider = Arc::new(ring::default_provider());
    let versions: &[_] = match client.tls_min_version {
        TlsVersion::Tls12 => &[&TLS13, &TLS12],
        TlsVersion::Tls13 => &[&TLS13],
    };
    let verifier = Verifier::new(client, &provider)?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match files::identity(client)? {
        None => builder.with_no_client_auth(),
        Some(identity) => builder
            .with_client_auth_cert(identity.chain, identity.key)
            .map_err(|error| Unusable::new(identity.parameter, &identity.key_file, error))?,
    };
    // As it is by default it has room for 32 servers from the beginning, which is more than all else of a connection.
    config.resumption = Resumption::in_memory_sessions(SESSIONS * client.servers.len());
    Ok(Arc::new(config))
}
