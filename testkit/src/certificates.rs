//! Certificates and keys, made anew for each test.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, date_time_ymd};

/// A certificate authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its certificate.
    pub pem: String,
    /// Itself and those above it, without the root: what a server adds to its own certificate.
    intermediates: String,
}

impl Authority {
    /// One that has signed itself.
    pub fn root(name: &str) -> Self {
        let (parameters, key) = (authority(name), generate());
        let pem = parameters.self_signed(&key).expect("a certificate").pem();
        Self {
            issuer: Issuer::new(parameters, key),
            pem,
            intermediates: String::new(),
        }
    }

    /// One below it.
    pub fn intermediate(&self, name: &str) -> Self {
        let (parameters, key) = (authority(name), generate());
        let certificate = parameters.signed_by(&key, &self.issuer);
        let pem = certificate.expect("a certificate").pem();
        Self {
            issuer: Issuer::new(parameters, key),
            intermediates: pem.clone() + &self.intermediates,
            pem,
        }
    }

    /// A certificate for these names or addresses.
    pub fn issue(&self, names: &[&str]) -> Identity {
        self.sign(&leaf(names), &generate())
    }

    /// One that was valid until 2020.
    pub fn issue_expired(&self, names: &[&str]) -> Identity {
        let mut parameters = leaf(names);
        parameters.not_after = date_time_ymd(2020, 1, 1);
        self.sign(&parameters, &generate())
    }

    /// One that is valid from 2090 on.
    pub fn issue_not_yet_valid(&self, names: &[&str]) -> Identity {
        let mut parameters = leaf(names);
        parameters.not_before = date_time_ymd(2090, 1, 1);
        self.sign(&parameters, &generate())
    }

    /// One for a key that exists.
    pub fn certify(&self, names: &[&str], key: &KeyPair) -> Identity {
        self.sign(&leaf(names), key)
    }

    fn sign(&self, parameters: &CertificateParams, key: &KeyPair) -> Identity {
        let certificate = parameters.signed_by(key, &self.issuer);
        Identity {
            certificate: certificate.expect("a certificate").pem(),
            intermediates: self.intermediates.clone(),
            key: key.serialize_pem(),
        }
    }
}

/// What somebody proves with who it is.
#[derive(Clone)]
pub struct Identity {
    pub certificate: String,
    pub intermediates: String,
    pub key: String,
}

impl Identity {
    /// One that nobody else vouches for.
    pub fn self_signed(names: &[&str]) -> Self {
        let key = generate();
        let certificate = leaf(names).self_signed(&key);
        Self {
            certificate: certificate.expect("a certificate").pem(),
            intermediates: String::new(),
            key: key.serialize_pem(),
        }
    }

    /// The same, and called an authority: so openssl(1) makes them unless it is told otherwise.
    pub fn self_signed_authority(names: &[&str]) -> Self {
        let key = generate();
        let mut parameters = leaf(names);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self {
            certificate: parameters.self_signed(&key).expect("a certificate").pem(),
            intermediates: String::new(),
            key: key.serialize_pem(),
        }
    }

    /// The certificate and the intermediate ones.
    pub fn chain(&self) -> String {
        format!("{}{}", self.certificate, self.intermediates)
    }

    /// Without what leads to the root.
    pub fn without_intermediates(mut self) -> Self {
        self.intermediates.clear();
        self
    }
}

fn generate() -> KeyPair {
    KeyPair::generate().expect("a key")
}

fn authority(name: &str) -> CertificateParams {
    let mut parameters = leaf(&[]);
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    parameters
}

fn leaf(names: &[&str]) -> CertificateParams {
    let list: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut parameters = CertificateParams::new(list).expect("names");
    let name = names.first().copied().unwrap_or_default();
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.use_authority_key_identifier_extension = true;
    parameters
}
