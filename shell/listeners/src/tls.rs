//! TLS for devices: 1.2 and 1.3, X25519MLKEM768 first, a client certificate required.
//!
//! The handshake proves possession of the certificate's key and nothing else. Who it belongs to, and whether it is still
//! welcome, is decided at CONNECT from the registry: a resumed session does not run this verifier again.
use std::sync::{Arc, PoisonError, RwLock};

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature,
};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, ResolvesServerCert, ServerSessionMemoryCache};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, DistinguishedName, Error, ServerConfig, SignatureScheme};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use sekisho_identity::{Version1Key, version_1_key};

/// Sessions kept for resumption. And then: the oldest must do a full handshake.
const SESSIONS_MAX: usize = 20_000;

/// The certificate a server shows, replaceable while it runs.
#[derive(Debug)]
pub struct ServerCertificate(RwLock<Arc<CertifiedKey>>);

impl ServerCertificate {
    /// A chain (end entity first) and its private key.
    ///
    /// # Errors
    /// If the key is not one TLS can sign with, or does not belong to the certificate.
    pub fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Self, Error> {
        Ok(Self(RwLock::new(Arc::new(Self::pair(chain, key)?))))
    }

    /// Shows another one from the next handshake on.
    pub fn replace(&self, chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<(), Error> {
        let pair = Arc::new(Self::pair(chain, key)?);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = pair;
        Ok(())
    }

    fn pair(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<CertifiedKey, Error> {
        CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())
    }
}

impl ResolvesServerCert for ServerCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

/// A server configuration that requires a client certificate and offers `protocols` by ALPN.
///
/// # Errors
/// If the TLS library does not know the versions (it does).
pub fn config(certificate: Arc<ServerCertificate>, protocols: &[&[u8]]) -> Result<Arc<ServerConfig>, Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Arc::new(PossessionOnly(provider.signature_verification_algorithms));
    let mut config = builder(provider)?.with_client_cert_verifier(verifier).with_cert_resolver(certificate);
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    config.session_storage = ServerSessionMemoryCache::new(SESSIONS_MAX);
    Ok(Arc::new(config))
}

fn builder(provider: Arc<CryptoProvider>) -> Result<rustls::ConfigBuilder<ServerConfig, rustls::WantsVerifier>, Error> {
    ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
}

/// Accepts any certificate whose key signs the handshake.
#[derive(Debug)]
struct PossessionOnly(WebPkiSupportedAlgorithms);

impl PossessionOnly {
    /// The library refuses to look at certificates of version 1, which `openssl x509 -req` makes unless it is given extensions
    /// and AWS takes. Their key is as good as another, and all that counts here.
    fn by_key(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
        error: Error,
        tls13: bool,
    ) -> Result<HandshakeSignatureValid, Error> {
        let Some(Version1Key { algorithm, key }) = version_1_key(certificate) else { return Err(error) };
        // RFC 8446 §4.2.3: PKCS#1 v1.5 signs no handshake of TLS 1.3, and a curve goes with its hash.
        let pkcs1 = matches!(
            signature.scheme,
            SignatureScheme::RSA_PKCS1_SHA256 | SignatureScheme::RSA_PKCS1_SHA384 | SignatureScheme::RSA_PKCS1_SHA512
        );
        if tls13 && pkcs1 {
            return Err(error);
        }
        let of_scheme = self.0.mapping.iter().filter(|(scheme, _)| *scheme == signature.scheme);
        let mut candidates =
            of_scheme.flat_map(|(_, candidates)| &candidates[..if tls13 { 1 } else { candidates.len() }]);
        let verifies = candidates.any(|candidate| {
            *candidate.public_key_alg_id() == *algorithm
                && candidate.verify_signature(&key, message, signature.signature()).is_ok()
        });
        if verifies { Ok(HandshakeSignatureValid::assertion()) } else { Err(error) }
    }
}

impl ClientCertVerifier for PossessionOnly {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[] // any issuer: what counts is registration (AWS IoT: "The chain is not verified to a public root")
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.0)
            .or_else(|error| self.by_key(message, certificate, signature, error, false))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.0)
            .or_else(|error| self.by_key(message, certificate, signature, error, true))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
