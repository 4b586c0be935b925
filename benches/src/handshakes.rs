//! Full mTLS handshakes with CONNECT and DISCONNECT, beside the library's own handshake in memory and the signatures alone.
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair, UnparsedPublicKey,
};
use rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use sekisho_client::{ConnectOptions, DeviceKey, KeyKind, MqttDevice, OwnCa};
use sekisho_listeners::{MQTT_PROTOCOLS, ServerCertificate};

use crate::server::{Bench, template};

pub async fn run(binary: &Path, count: usize, runs: usize) -> Result<()> {
    let bench = Bench::start(binary, &["--first-connection", "admit"]).await?;
    bench.policy().await?;
    let ca = OwnCa::new("Bench Root")?;
    ca.register(&bench.client, Some(&template())).await?;
    let key = DeviceKey::generate(KeyKind::P256)?;
    let certificate = ca.certify("device", &key)?;
    let endpoint = bench.server.endpoints().mqtt.clone();
    let connect = async || {
        // A new configuration has no tickets: every handshake is a full one.
        let tls = bench.tls(&certificate, key.to_pem().expose())?;
        MqttDevice::connect(&endpoint, &tls, &ConnectOptions::new("device")).await?.disconnect().await?;
        anyhow::Ok(())
    };
    connect().await.context("the first connection provisions")?;
    let memory = InMemory::new(&certificate, &key, &ca)?;
    println!("| µs of one processor, server's side | median of {runs} | ratio |\n|---|---|---|");
    let (mut ours, mut library, mut signatures) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..runs {
        let began = bench.cpu()?;
        for _ in 0..count {
            connect().await?;
        }
        ours.push((bench.cpu()? - began) * 1e6 / count as f64);
        library.push(memory.server_side(count)?);
        signatures.push(signature_alone(count)?);
    }
    let median = |values: &mut Vec<f64>| {
        values.sort_by(f64::total_cmp);
        crate::percentile(values, 0.5)
    };
    let (ours, library, signatures) = (median(&mut ours), median(&mut library), median(&mut signatures));
    println!(
        "| TCP, full mTLS 1.3 handshake (X25519MLKEM768, P-256), CONNECT, policy, CONNACK, DISCONNECT | {ours:.0} | {:.2} |",
        ours / library
    );
    println!("| the library's server in memory, the same handshake | {library:.0} | 1 |");
    println!(
        "| one ECDSA P-256 signature and one verification, the same library | {signatures:.0} | {:.2} |",
        signatures / library
    );
    println!("\n{:.0} connections a second and processor, {:.0} by the library alone", 1e6 / ours, 1e6 / library);
    Ok(())
}

/// A handshake over memory with our own configuration, the server's side timed.
struct InMemory {
    server: Arc<ServerConfig>,
    client: ClientConfig,
}

impl InMemory {
    fn new(certificate: &str, key: &DeviceKey, ca: &OwnCa) -> Result<Self> {
        let server_key = DeviceKey::generate(KeyKind::P256)?;
        let server_pem = ca.certify("localhost", &server_key)?;
        let chain = |pem: &str| CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<Vec<_>, _>>();
        let shown =
            ServerCertificate::new(chain(&server_pem)?, PrivateKeyDer::from_pem_slice(server_key.to_pem().expose())?)?;
        let server =
            sekisho_listeners::config(Arc::new(shown), sekisho_listeners::TlsPolicy::default(), MQTT_PROTOCOLS)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let client = ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(trust::Anybody(provider)))
            .with_client_auth_cert(chain(certificate)?, PrivateKeyDer::from_pem_slice(key.to_pem().expose())?)?;
        Ok(Self { server, client })
    }

    fn server_side(&self, count: usize) -> Result<f64> {
        let mut spent = 0.0;
        for _ in 0..count {
            let mut config = self.client.clone();
            config.resumption = rustls::client::Resumption::disabled();
            let mut client = ClientConnection::new(Arc::new(config), ServerName::try_from("localhost")?)?;
            let began = Instant::now();
            let mut server = ServerConnection::new(self.server.clone())?;
            spent += began.elapsed().as_secs_f64();
            let mut buffer = Vec::new();
            while client.is_handshaking() || server.is_handshaking() {
                buffer.clear();
                while client.wants_write() {
                    client.write_tls(&mut buffer)?;
                }
                let began = Instant::now();
                let mut input = buffer.as_slice();
                while !input.is_empty() {
                    server.read_tls(&mut input)?;
                    server.process_new_packets()?;
                }
                let mut output = Vec::new();
                while server.wants_write() {
                    server.write_tls(&mut output)?;
                }
                spent += began.elapsed().as_secs_f64();
                let mut input = output.as_slice();
                while !input.is_empty() {
                    client.read_tls(&mut input)?;
                    client.process_new_packets()?;
                }
            }
            client.writer().write_all(b"x")?;
            let _ = server.reader().read(&mut [0; 1]);
        }
        Ok(spent * 1e6 / count as f64)
    }
}

/// What no handshake can do without: the server signs, and verifies the device's signature.
fn signature_alone(count: usize) -> Result<f64> {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random)?;
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref())?;
    let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, pair.public_key().as_ref().to_vec());
    let began = Instant::now();
    for _ in 0..count {
        let signature = pair.sign(&random, b"a handshake's transcript hash")?;
        public.verify(b"a handshake's transcript hash", signature.as_ref())?;
    }
    Ok(began.elapsed().as_secs_f64() * 1e6 / count as f64)
}

/// The client's side is not measured: it believes anybody whose key signs.
mod trust {
    use std::sync::Arc;

    use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
    use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
    use rustls::{DigitallySignedStruct, Error, SignatureScheme};
    use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

    #[derive(Debug)]
    pub(super) struct Anybody(pub(super) Arc<CryptoProvider>);

    impl ServerCertVerifier for Anybody {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            Ok(ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.0.signature_verification_algorithms.supported_schemes()
        }
    }
}
