//! The certificate devices and tools see: the operator's own, or one signed by a CA made at the first start.
//!
//! The CA's key is sealed under the root key in the account's state. The server's own key is made at each start, lives in
//! memory, and is never written; its certificate is renewed by itself.
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use sekisho_identity::{
    DEVICE_CERTIFICATE_NOT_AFTER, DistinguishedName, Issuer, Lifetime, PEM_CERTIFICATE, SERVER_CA_SUBJECT, ServerName,
    Signer, SigningKey, decode_pem, encode_pem, issue_ca, issue_server_certificate,
};
use sekisho_kms::RootKey;
use sekisho_listeners::ServerCertificate;
use sekisho_registry::CaRecord;
use sekisho_state::State;
use sekisho_types::{Secret, Timestamp};

use crate::config::{Config, ConfigError};

/// A server certificate lives this long and is renewed when half of it is over.
const VALIDITY: Duration = Duration::from_secs(90 * 24 * 3600);

/// Additional data the CA's key is sealed with.
const SERVER_CA_KEY_AAD: &[u8] = b"sekisho server ca key";

/// Makes the CA that signs the server's certificate, if it is not there.
pub async fn ensure_server_ca(state: &State) -> Result<()> {
    if state.read().registry.server_ca().is_some() {
        return Ok(());
    }
    let record = make_ca(state, &p256()?, &DistinguishedName::common_name(SERVER_CA_SUBJECT), state.now())?;
    let commit = state.commit(|cores| {
        let events = cores.registry.set_server_ca(record);
        Ok::<_, std::convert::Infallible>((events.into_iter().map(Into::into).collect(), ()))
    });
    commit.await.context("cannot record the server CA")
}

fn p256() -> Result<Secret> {
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING)?;
    Ok(Secret::new(key.to_pkcs8v1()?.as_ref().to_vec()))
}

fn make_ca(state: &State, pkcs8: &Secret, subject: &DistinguishedName, now: Timestamp) -> Result<CaRecord> {
    let signer = SigningKey::from_pkcs8(pkcs8)?;
    let lifetime = Lifetime::until(now, DEVICE_CERTIFICATE_NOT_AFTER);
    let der = issue_ca(&signer, subject, lifetime, &mut state.random())?;
    let sealed = state.root_key().seal(SERVER_CA_KEY_AAD, pkcs8.expose(), &mut state.random());
    Ok(CaRecord { certificate_pem: encode_pem(PEM_CERTIFICATE, &der), sealed_private_key: STANDARD.encode(sealed) })
}

/// Opens a CA's key.
fn open(root_key: &RootKey, record: &CaRecord) -> Result<(Vec<u8>, SigningKey)> {
    let sealed = STANDARD.decode(&record.sealed_private_key)?;
    let pkcs8 = root_key.open(SERVER_CA_KEY_AAD, &sealed).context("cannot open a CA's key")?;
    let der = decode_pem(&[PEM_CERTIFICATE], &record.certificate_pem).and_then(|mut all| all.pop());
    Ok((der.context("the CA's certificate is not PEM")?, SigningKey::from_pkcs8(&pkcs8)?))
}

/// The certificate every TLS listener shows, and a task that renews it. Writes `DIR/tls/server-ca.pem`.
pub fn server_certificate(config: &Config, state: Arc<State>) -> Result<Arc<ServerCertificate>> {
    let directory = config.data.join("tls");
    fs::create_dir_all(&directory).with_context(|| format!("cannot make `{}`", directory.display()))?;
    if let Some((certificate, key)) = &config.tls {
        let (chain, key) = (read_chain(certificate)?, read_key(key)?);
        let shown = ServerCertificate::new(chain, key).map_err(|error| ConfigError::Value {
            setting: "tls_cert",
            value: certificate.display().to_string(),
            problem: error.to_string(),
        });
        return Ok(Arc::new(shown?));
    }
    let record = state.read().registry.server_ca().cloned().context("the server CA was just made")?;
    write(&directory.join("server-ca.pem"), record.certificate_pem.as_bytes())?;
    let names: Vec<ServerName> = config
        .hostnames
        .iter()
        .flat_map(|name| match name.parse() {
            Ok(address) => vec![ServerName::Ip(address)],
            // S3 puts the bucket before the host's name.
            Err(_) => vec![ServerName::Dns(name.clone()), ServerName::Dns(format!("*.{name}"))],
        })
        .collect();
    let (chain, key) = issue(&state, &record, &names)?;
    let shown = Arc::new(ServerCertificate::new(chain, key)?);
    tokio::spawn(renew(shown.clone(), state, record, names));
    Ok(shown)
}

async fn renew(shown: Arc<ServerCertificate>, state: Arc<State>, record: CaRecord, names: Vec<ServerName>) {
    loop {
        tokio::time::sleep(VALIDITY / 2).await;
        let renewed = issue(&state, &record, &names).and_then(|(chain, key)| Ok(shown.replace(chain, key)?));
        match renewed {
            Ok(()) => tracing::info!("the server certificate was renewed"),
            Err(error) => tracing::error!(%error, "the server certificate could not be renewed"),
        }
    }
}

type Chain = Vec<CertificateDer<'static>>;

fn issue(state: &State, record: &CaRecord, names: &[ServerName]) -> Result<(Chain, PrivateKeyDer<'static>)> {
    let (ca_der, ca_key) = open(state.root_key(), record)?;
    let pkcs8 = p256()?;
    let key = SigningKey::from_pkcs8(&pkcs8)?;
    let spki = key.subject_public_key_info();
    let issuer = Issuer::new(&ca_der, &ca_key)?;
    let lifetime = Lifetime::of(state.now(), VALIDITY);
    let der = issue_server_certificate(&issuer, spki, names, lifetime, &mut state.random())?;
    let chain = vec![CertificateDer::from(der), CertificateDer::from(ca_der)];
    Ok((chain, PrivatePkcs8KeyDer::from(pkcs8.expose().to_vec()).into()))
}

fn read_chain(path: &PathBuf) -> Result<Chain, ConfigError> {
    let unusable =
        |problem: String| ConfigError::Value { setting: "tls_cert", value: path.display().to_string(), problem };
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| unusable(error.to_string()))?;
    let chain: Chain = certificates.collect::<Result<_, _>>().map_err(|error| unusable(error.to_string()))?;
    if chain.is_empty() { Err(unusable("no certificate in it".into())) } else { Ok(chain) }
}

fn read_key(path: &PathBuf) -> Result<PrivateKeyDer<'static>, ConfigError> {
    let unusable =
        |problem: String| ConfigError::Value { setting: "tls_key", value: path.display().to_string(), problem };
    PrivateKeyDer::from_pem_file(path).map_err(|error| unusable(error.to_string()))
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let unfinished = path.with_extension("unfinished");
    fs::write(&unfinished, bytes).with_context(|| format!("cannot write `{}`", unfinished.display()))?;
    Ok(fs::rename(&unfinished, path)?)
}
