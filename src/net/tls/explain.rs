//! Why a handshake failed: which certificate, which rule, and the parameter that concerns it.

use std::cell::RefCell;
use std::io;
use std::time::Duration;

use tokio_rustls::rustls::pki_types::{CertificateDer, UnixTime};
use tokio_rustls::rustls::{AlertDescription, CertificateError, Error as TlsError};
use x509_cert::Certificate;
use x509_cert::der::Decode;

use crate::text::brief;

tokio::task_local! {
    /// What the verifier found in the handshake of this task. The verifier is shared by all handshakes of a connection, and
    /// its error only becomes the alert that the server gets.
    static EXPLANATION: RefCell<Option<String>>;
}

/// Waits for a handshake; an error comes with what the verifier had to say.
pub(super) async fn with_explanation<T>(
    handshake: impl Future<Output = io::Result<T>>,
) -> Result<T, (io::Error, Option<String>)> {
    let explained = async {
        let outcome = handshake.await;
        outcome.map_err(|error| (error, EXPLANATION.with(RefCell::take)))
    };
    EXPLANATION.scope(RefCell::default(), explained).await
}

/// Keeps what is wrong with a certificate for [`with_explanation`].
pub(super) fn keep(error: &TlsError, certificate: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>], now: UnixTime) {
    let TlsError::InvalidCertificate(cause) = error else {
        return;
    };
    let text = verdict(cause, certificate, intermediates, now);
    // Fails outside a handshake only.
    let _ = EXPLANATION.try_with(|explanation| explanation.replace(Some(text)));
}

fn verdict(cause: &CertificateError, leaf: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>], now: UnixTime) -> String {
    let chain = || std::iter::once(leaf).chain(intermediates);
    let at_fault = |outside: fn(&Certificate, Duration) -> bool| {
        let now = Duration::from_secs(now.as_secs());
        let found = chain().find(|certificate| Certificate::from_der(certificate).is_ok_and(|parsed| outside(&parsed, now)));
        found.unwrap_or(leaf)
    };
    match cause {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            let expired = at_fault(|parsed, now| not_after(parsed) < now);
            format!("{} has expired (verify_server_cert)", certificate(expired))
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            let early = at_fault(|parsed, now| not_before(parsed) > now);
            format!(
                "{} is not valid yet: check the clocks (verify_server_cert)",
                certificate(early)
            )
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!(
                "{} is for another name: {} (uri, verify_server_hostname)",
                certificate(leaf),
                brief(&cause.to_string())
            )
        }
        CertificateError::UnknownIssuer if is_self_signed(leaf) => format!(
            "{} is self-signed; to trust it, put it into ca_list_file (verify_server_cert)",
            certificate(leaf)
        ),
        CertificateError::UnknownIssuer => {
            let sent = match intermediates.len() {
                0 => "no intermediate certificate".to_owned(),
                1 => "1 intermediate certificate".to_owned(),
                count => format!("{count} intermediate certificates"),
            };
            format!(
                "{} leads to no authority that is trusted; the server sent {sent} (ca_list_file, ca_list_path)",
                certificate(leaf)
            )
        }
        _ => {
            let cause = cause.to_string();
            format!("{}: {} (verify_server_cert)", certificate(leaf), brief(&cause))
        }
    }
}

/// A certificate in words: its subject, who issued it, and for how long.
pub(super) fn certificate(der: &CertificateDer<'_>) -> String {
    let Ok(parsed) = Certificate::from_der(der) else {
        return "a certificate that cannot be read".into();
    };
    let content = parsed.tbs_certificate();
    let validity = content.validity();
    format!(
        "the certificate \"{}\" (issued by \"{}\", valid from {} to {})",
        brief(&content.subject().to_string()),
        brief(&content.issuer().to_string()),
        validity.not_before,
        validity.not_after
    )
}

/// Whether a certificate that is trusted by itself is within its time.
pub(super) fn check_validity(der: &CertificateDer<'_>, now: UnixTime) -> Result<(), TlsError> {
    let parsed = Certificate::from_der(der).map_err(|_| TlsError::from(CertificateError::BadEncoding))?;
    let now = Duration::from_secs(now.as_secs());
    if now < not_before(&parsed) {
        Err(CertificateError::NotValidYet.into())
    } else if now > not_after(&parsed) {
        Err(CertificateError::Expired.into())
    } else {
        Ok(())
    }
}

fn not_before(certificate: &Certificate) -> Duration {
    let validity = certificate.tbs_certificate().validity();
    validity.not_before.to_unix_duration()
}

fn not_after(certificate: &Certificate) -> Duration {
    let validity = certificate.tbs_certificate().validity();
    validity.not_after.to_unix_duration()
}

fn is_self_signed(der: &CertificateDer<'_>) -> bool {
    Certificate::from_der(der).is_ok_and(|parsed| {
        let content = parsed.tbs_certificate();
        content.subject() == content.issuer()
    })
}

/// An error of a stream that may run under TLS, in words. With TLS 1.3 the alert for a missing client certificate comes when
/// the handshake is over.
pub(crate) fn told(error: &io::Error) -> String {
    let cause = error.get_ref().and_then(|inner| inner.downcast_ref());
    match cause {
        Some(TlsError::AlertReceived(alert)) => refusal(*alert),
        Some(TlsError::InvalidMessage(_)) => {
            format!("what the server sends is not TLS: {error} (uri, tls_enabled)")
        }
        // What TLS itself says of it is an address to read at.
        _ if error.kind() == io::ErrorKind::UnexpectedEof => {
            "the peer closed the connection without ending TLS (close_notify)".into()
        }
        _ => error.to_string(),
    }
}

fn refusal(alert: AlertDescription) -> String {
    let remedy = match alert {
        AlertDescription::CertificateRequired => ": it wants a client certificate (cert_file)",
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnknownCA
        | AlertDescription::AccessDenied => ": it does not take the client certificate (cert_file, priv_key_file)",
        AlertDescription::ProtocolVersion => ": it speaks no TLS version that is allowed here (tls_min_version)",
        AlertDescription::HandshakeFailure => "; it may want a client certificate (cert_file)",
        AlertDescription::UnrecognisedName => ": it knows no host of that name (uri)",
        _ => "",
    };
    format!("the server refused with the TLS alert {alert:?}{remedy}")
}
