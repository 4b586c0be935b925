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
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{
    CommonState, DigitallySignedStruct, DistinguishedName, Error, HandshakeKind, OtherError, ServerConfig,
    SignatureScheme,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use sekisho_identity::{Version1Key, version_1_key};
use sekisho_workers::TlsDetails;

use crate::TlsPolicy;
use crate::tls_sessions::Sessions;

/// Sessions kept for resumption. And then: the oldest must do a full handshake.
const SESSIONS_MAX: usize = 20_000;
/// Tickets given at a handshake of TLS 1.3. A device resumes one connection at a time, and is given another when it does; each costs a
/// kept session, and bytes on its link.
const TICKETS: usize = 1;
/// Bytes of a client's end-entity certificate; those of AWS have less than 1 KiB. And then: the handshake fails.
const END_ENTITY_BYTES_MAX: usize = 16 * 1024;
/// Bytes of all certificates a client sends, which a connection keeps as long as it lives. And then: the handshake fails.
const CHAIN_BYTES_MAX: usize = 32 * 1024;

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
pub fn config(
    certificate: Arc<ServerCertificate>,
    policy: TlsPolicy,
    protocols: &[&[u8]],
) -> Result<Arc<ServerConfig>, Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Arc::new(PossessionOnly(provider.signature_verification_algorithms));
    let config = builder(provider, policy)?.with_client_cert_verifier(verifier).with_cert_resolver(certificate);
    Ok(offering(config, protocols))
}

/// A server configuration that asks for no client certificate: whoever comes proves who they are by their signature.
///
/// # Errors
/// As [`config`].
pub fn config_for_everybody(
    certificate: Arc<ServerCertificate>,
    policy: TlsPolicy,
    protocols: &[&[u8]],
) -> Result<Arc<ServerConfig>, Error> {
    let config =
        builder(Arc::new(aws_lc_rs::default_provider()), policy)?.with_no_client_auth().with_cert_resolver(certificate);
    Ok(offering(config, protocols))
}

/// With the protocols it offers, and sessions to resume.
fn offering(mut config: ServerConfig, protocols: &[&[u8]]) -> Arc<ServerConfig> {
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    config.session_storage = Arc::new(Sessions::new(SESSIONS_MAX));
    config.send_tls13_tickets = TICKETS;
    Arc::new(config)
}

fn builder(
    provider: Arc<CryptoProvider>,
    policy: TlsPolicy,
) -> Result<rustls::ConfigBuilder<ServerConfig, rustls::WantsVerifier>, Error> {
    ServerConfig::builder_with_provider(provider).with_protocol_versions(&policy.versions())
}

/// What the handshake of a connection agreed on; `None` before it is done.
pub fn details(connection: &CommonState) -> Option<TlsDetails> {
    Some(TlsDetails {
        version: connection.protocol_version()?.into(),
        cipher: connection.negotiated_cipher_suite()?.suite().into(),
        group: connection.negotiated_key_exchange_group().map(|group| group.name().into()),
        resumed: connection.handshake_kind()? == HandshakeKind::Resumed,
    })
}

/// The client's certificates are larger than anybody needs.
#[derive(Debug, thiserror::Error)]
#[error("{what} has {bytes} bytes, over {most}")]
struct TooLarge {
    what: &'static str,
    bytes: usize,
    most: usize,
}

fn bounded(what: &'static str, bytes: usize, most: usize) -> Result<(), Error> {
    if bytes <= most {
        return Ok(());
    }
    Err(Error::Other(OtherError(Arc::new(TooLarge { what, bytes, most }))))
}

/// Accepts any certificate of a sane size whose key signs the handshake.
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
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let others: usize = intermediates.iter().map(|certificate| certificate.len()).sum();
        bounded("the client's certificate", end_entity.len(), END_ENTITY_BYTES_MAX)?;
        bounded("the client's chain", end_entity.len() + others, CHAIN_BYTES_MAX)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_have_a_size() {
        let verifier = PossessionOnly(aws_lc_rs::default_provider().signature_verification_algorithms);
        #[rustfmt::skip] // end entity, KiB  others, KiB            refused as
        const SIZES: &[(usize,           &[usize],              &str)] = &[
            (1,                          &[],                   ""),
            (16,                         &[],                   ""),
            (17,                         &[],                   "the client's certificate has 17408 bytes, over 16384"),
            (1,                          &[2, 2, 27],           ""),
            (1,                          &[2, 2, 28],           "the client's chain has 33792 bytes, over 32768"),
            (16,                         &[17],                 "the client's chain has 33792 bytes, over 32768"),
        ];
        for (end_entity, others, refused) in SIZES {
            let certificate = |kib: &usize| CertificateDer::from(vec![0; kib * 1024]);
            let others: Vec<_> = others.iter().map(certificate).collect();
            let verified = verifier.verify_client_cert(&certificate(end_entity), &others, UnixTime::now());
            let reason = verified.err().map(|error| error.to_string()).unwrap_or_default();
            assert!(reason.ends_with(refused) && reason.is_empty() == refused.is_empty(), "{reason} / {refused}");
        }
    }

    /// Client and server in one thread, until both are done.
    fn shake_hands(server: &Arc<ServerConfig>, client: &Arc<rustls::ClientConfig>) -> Option<TlsDetails> {
        let mut client = rustls::ClientConnection::new(client.clone(), "localhost".try_into().unwrap()).unwrap();
        let mut server = rustls::ServerConnection::new(server.clone()).unwrap();
        assert_eq!(details(&server), None, "nothing is agreed on yet");
        for _ in 0..4 {
            let mut flight = Vec::new();
            while client.wants_write() {
                client.write_tls(&mut flight).unwrap();
            }
            let mut flight = &flight[..];
            while !flight.is_empty() {
                server.read_tls(&mut flight).unwrap();
                server.process_new_packets().ok()?;
            }
            let mut flight = Vec::new();
            while server.wants_write() {
                server.write_tls(&mut flight).unwrap();
            }
            let mut flight = &flight[..];
            while !flight.is_empty() {
                client.read_tls(&mut flight).unwrap();
                client.process_new_packets().ok()?;
            }
        }
        details(&server)
    }

    #[test]
    fn a_policy_chooses_the_version_and_what_was_agreed_on_is_known() {
        let rcgen::CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
        let certificate = Arc::new(ServerCertificate::new(vec![cert.der().clone()], key).unwrap());
        let mut roots = rustls::RootCertStore::empty();
        roots.add(cert.der().clone()).unwrap();
        let client = |versions: &[&'static rustls::SupportedProtocolVersion]| {
            let builder = rustls::ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
            let builder = builder.with_protocol_versions(versions).unwrap().with_root_certificates(roots.clone());
            Arc::new(builder.with_no_client_auth())
        };
        let clients = [client(&[&rustls::version::TLS12]), client(&[&rustls::version::TLS13])];
        #[rustfmt::skip] // policy                             agreed on by a client of 1.2 twice, of 1.3 twice
        let table = [
            ("IoTSecurityPolicy_TLS13_1_2_2022_10", [
                "TLSv1.2 TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 x25519", "TLSv1.2 TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 -, resumed",
                "TLSv1.3 TLS_AES_256_GCM_SHA384 X25519MLKEM768", "TLSv1.3 TLS_AES_256_GCM_SHA384 X25519MLKEM768, resumed"]),
            ("IoTSecurityPolicy_TLS13_1_3_2022_10", [
                "refused", "refused",
                "TLSv1.3 TLS_AES_256_GCM_SHA384 X25519MLKEM768", "TLSv1.3 TLS_AES_256_GCM_SHA384 X25519MLKEM768, resumed"]),
            ("IoTSecurityPolicy_TLS12_1_2_2022_10", [
                "TLSv1.2 TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 x25519", "TLSv1.2 TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 -, resumed",
                "refused", "refused"]),
        ];
        for (policy, expected) in table {
            let policy = TlsPolicy::parse(policy).unwrap();
            let server = config_for_everybody(certificate.clone(), policy, &[]).unwrap();
            let agreed = [0, 0, 1, 1].map(|client| {
                shake_hands(&server, &clients[client]).map_or("refused".to_owned(), |details| details.to_string())
            });
            assert_eq!(agreed, expected, "{policy:?}");
        }
    }
}
