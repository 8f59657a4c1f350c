// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where websockets come in, plain and over TLS; both fail and return together.

use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::net::{TcpListener, TcpSocket};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::{Application, connection};
use crate::Result;

/// As many as the system allows: thousands come back at once.
const BACKLOG: u32 = 16_384;

pub(super) struct Listeners {
    pub(super) plain: SocketAddr,
    pub(super) tls: SocketAddr,
    pub(super) authority: String,
    config: Arc<ServerConfig>,
    sockets: (TcpListener, TcpListener),
}

impl Listeners {
    pub(super) fn bind() -> Result<Self> {
        let (authority, config) = certificate()?;
        let any: SocketAddr = ([127, 0, 0, 1], 0).into();
        let sockets = (listen(any)?, listen(any)?);
        Ok(Self {
            plain: sockets.0.local_addr()?,
            tls: sockets.1.local_addr()?,
            authority,
            config: Arc::new(config),
            sockets,
        })
    }

    /// Accepts while the application is up, and again when it returns.
    pub(super) async fn serve(self, application: Arc<Application>) -> Result<()> {
        let acceptor = TlsAcceptor::from(self.config);
        let mut sockets = Some(self.sockets);
        let mut up = application.up.subscribe();
        loop {
            let (plain, tls) = match sockets.take() {
                Some(sockets) => sockets,
                None => (listen(self.plain)?, listen(self.tls)?),
            };
            while *up.borrow_and_update() {
                tokio::select! {
                    Ok((tcp, _)) = plain.accept() => {
                        tokio::spawn(connection::accept(Arc::clone(&application), tcp, None));
                    }
                    Ok((tcp, _)) = tls.accept() => {
                        let acceptor = Some(acceptor.clone());
                        tokio::spawn(connection::accept(Arc::clone(&application), tcp, acceptor));
                    }
                    _ = up.changed() => {}
                }
            }
            drop((plain, tls));
            up.wait_for(|up| *up).await?;
        }
    }
}

fn listen(address: SocketAddr) -> Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket.listen(BACKLOG)?)
}

/// ECDSA P-256 for 127.0.0.1, from an authority made for the occasion.
fn certificate() -> Result<(String, ServerConfig)> {
    let mut params = CertificateParams::new(["authority".to_owned()])?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let leaf = CertificateParams::new(["127.0.0.1".to_owned()])?.signed_by(&key, &authority)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)?;
    Ok((authority.pem(), config))
}
