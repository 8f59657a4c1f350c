//! `verify_server_cert` and `verify_server_hostname`, each by itself.

use std::sync::Arc;

use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::client::{WebPkiServerVerifier, verify_server_name};
use tokio_rustls::rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{CertificateError, DigitallySignedStruct, Error as TlsError, SignatureScheme};

use super::{explain, files};
use crate::config::Client;

#[derive(Debug)]
pub(super) struct Verifier {
    provider: Arc<CryptoProvider>,
    chain: Option<Arc<WebPkiServerVerifier>>,
    name: bool,
    /// Certificates that the configuration names as authorities.
    named: Vec<CertificateDer<'static>>,
}

impl Verifier {
    pub(super) fn new(client: &Client, provider: &Arc<CryptoProvider>) -> Result<Self, files::Unusable> {
        let mut verifier = Self {
            provider: Arc::clone(provider),
            chain: None,
            name: client.verify_server_hostname,
            named: Vec::new(),
        };
        if client.verify_server_cert {
            let (roots, named) = files::anchors(client)?;
            let chain = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider))
                .build()
                .map_err(|error| error.to_string())?;
            (verifier.chain, verifier.named) = (Some(chain), named);
        }
        Ok(verifier)
    }

    fn verify(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<(), TlsError> {
        let Some(chain) = &self.chain else {
            return self.verify_name(certificate, name);
        };
        match chain.verify_server_cert(certificate, intermediates, name, ocsp_response, now) {
            Ok(_) => Ok(()),
            // The name is looked at last, so all the rest is in order.
            Err(TlsError::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.name => Ok(()),
            // A server may show the very certificate that the operator trusts, one that is its own authority.
            Err(TlsError::InvalidCertificate(CertificateError::Other(_) | CertificateError::UnknownIssuer))
                if self.named.iter().any(|named| named == certificate) =>
            {
                explain::check_validity(certificate, now)?;
                self.verify_name(certificate, name)
            }
            Err(error) => Err(error),
        }
    }

    fn verify_name(&self, certificate: &CertificateDer<'_>, name: &ServerName<'_>) -> Result<(), TlsError> {
        if self.name {
            verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
        }
        Ok(())
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        self.verify(certificate, intermediates, name, ocsp_response, now)
            .map(|()| ServerCertVerified::assertion())
            .inspect_err(|error| explain::keep(error, certificate, intermediates, now))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
