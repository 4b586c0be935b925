//! A device's side of mutual TLS: whom it trusts, and the certificate it shows.
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// ALPN name AWS IoT Core asks for on port 443.
const MQTT_ALPN: &[u8] = b"x-amzn-mqtt-ca";

/// Certificate, key and trusted CA, ready for handshakes. Cloning shares them, resumption tickets included.
#[derive(Clone, Debug)]
pub struct DeviceTls {
    pub(crate) config: Arc<ClientConfig>,
}

/// What of a device's credentials cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsMaterialError {
    /// Not PEM, or none in it.
    #[error("no certificate in PEM among the trusted CAs")]
    Ca,
    /// Not PEM, or none in it.
    #[error("no certificate in PEM to show")]
    Certificate,
    /// Not PKCS#8, PKCS#1 or SEC1 in PEM.
    #[error("no private key in PEM")]
    PrivateKey,
    /// For instance: the key is another certificate's.
    #[error("certificate and private key cannot be used")]
    Pair(#[source] rustls::Error),
}

impl DeviceTls {
    /// Trusts the CAs in `ca_pem` and shows the chain in `certificate_pem`.
    ///
    /// # Errors
    /// [`TlsMaterialError`], by which part cannot be used.
    pub fn new(ca_pem: &[u8], certificate_pem: &[u8], private_key_pem: &[u8]) -> Result<Self, TlsMaterialError> {
        let mut roots = RootCertStore::empty();
        let (added, _) = roots.add_parsable_certificates(certificates(ca_pem).ok_or(TlsMaterialError::Ca)?);
        if added == 0 {
            return Err(TlsMaterialError::Ca);
        }
        let chain = certificates(certificate_pem).ok_or(TlsMaterialError::Certificate)?;
        let key = PrivateKeyDer::from_pem_slice(private_key_pem).map_err(|_| TlsMaterialError::PrivateKey)?;
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(TlsMaterialError::Pair)?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)
            .map_err(TlsMaterialError::Pair)?;
        Ok(Self { config: Arc::new(config) })
    }

    /// The configuration for `port`: on 443 AWS tells MQTT from HTTPS by ALPN, elsewhere none is offered.
    pub(crate) fn for_port(&self, port: u16) -> Arc<ClientConfig> {
        if port != 443 {
            return self.config.clone();
        }
        let mut config = ClientConfig::clone(&self.config);
        config.alpn_protocols = vec![MQTT_ALPN.to_vec()];
        Arc::new(config)
    }
}

fn certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().ok()?;
    if found.is_empty() { None } else { Some(found) }
}
