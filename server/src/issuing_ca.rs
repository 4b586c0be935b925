//! The account's own CA, by command: another one in its place, or an intermediate under a customer's root.
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sekisho_identity::{
    DEVICE_CA_SUBJECT, DEVICE_CERTIFICATE_NOT_AFTER, DistinguishedName, Issuer, Lifetime, PEM_CERTIFICATE,
    PresentedCertificate, SigningKey, check_ca, decode_pem, encode_pem, issue_ca, request_certificate,
};
use sekisho_registry::{CaRecord, Event};
use sekisho_state::State;
use sekisho_types::Secret;
use sekisho_workers::DEVICE_CA_KEY_AAD;

/// The common name of an intermediate that a customer's CA is asked to certify.
const INTERMEDIATE_SUBJECT: &str = "sekisho device CA";

/// Makes the CA that signs device certificates, if it is not there. An RSA key takes some tenths of a second: nobody waits for
/// it but the first who wants a certificate.
pub async fn ensure(state: Arc<State>) -> Result<()> {
    if state.read().registry.issuing_ca().is_some() {
        return Ok(());
    }
    rotate(state).await.map(drop)
}

/// Puts a new self-signed CA in the place of the one there is. What that one signed keeps working: a certificate is let in
/// because it is registered, not because of who signed it. Answers the new CA's certificate.
pub async fn rotate(state: Arc<State>) -> Result<String> {
    let making = state.clone();
    let record = tokio::task::spawn_blocking(move || {
        let pkcs8 = new_key()?;
        let signer = SigningKey::from_pkcs8(&pkcs8)?;
        let subject = DistinguishedName::organizational_unit(DEVICE_CA_SUBJECT);
        let lifetime = Lifetime::until(making.now(), DEVICE_CERTIFICATE_NOT_AFTER);
        let der = issue_ca(&signer, &subject, lifetime, &mut making.random())?;
        let certificate_pem = encode_pem(PEM_CERTIFICATE, &der);
        anyhow::Ok(CaRecord { certificate_pem, sealed_private_key: seal(&making, &pkcs8) })
    });
    let record = record.await??;
    let pem = record.certificate_pem.clone();
    commit(&state, |registry| registry.set_issuing_ca(record)).await?;
    Ok(pem)
}

/// Makes a key for an intermediate and answers a request that a customer's CA can certify. The present CA stays in force until
/// the certificate is installed.
pub async fn request(state: Arc<State>) -> Result<String> {
    let making = state.clone();
    let (sealed, csr) = tokio::task::spawn_blocking(move || {
        let pkcs8 = new_key()?;
        let signer = SigningKey::from_pkcs8(&pkcs8)?;
        let csr = request_certificate(&signer, &DistinguishedName::common_name(INTERMEDIATE_SUBJECT))?;
        anyhow::Ok((seal(&making, &pkcs8), encode_pem("CERTIFICATE REQUEST", &csr)))
    })
    .await??;
    commit(&state, |registry| registry.set_pending_ca_key(sealed)).await?;
    Ok(csr)
}

/// Takes the intermediate's certificate, which must hold the key the request was made with; certificates behind it (the way to
/// the root) are kept with it. Devices' certificates are signed by it from now on.
pub async fn install(state: Arc<State>, pem: &str) -> Result<String> {
    let chain = decode_pem(&[PEM_CERTIFICATE], pem).context("not PEM")?;
    let first = chain.first().context("no certificate in PEM was found")?;
    let presented = PresentedCertificate::parse(first)?;
    check_ca(&presented, state.now())?;
    let sealed = state.read().registry.pending_ca_key().map(str::to_owned);
    let Some(sealed) = sealed else { bail!("no request was made: begin with `sekisho ca csr`") };
    let bytes = STANDARD.decode(&sealed)?;
    let pkcs8 = state.root_key().open(DEVICE_CA_KEY_AAD, &bytes).context("cannot open the intermediate's key")?;
    let signer = SigningKey::from_pkcs8(&pkcs8)?;
    Issuer::new(first, &signer).context("the certificate is not for the key of the last request")?;
    let mut links = chain.windows(2).map(|pair| {
        PresentedCertificate::parse(&pair[0])?.verify_signed_by(&PresentedCertificate::parse(&pair[1])?)?;
        anyhow::Ok(())
    });
    links.try_for_each(|link| link).context("a certificate of the chain is not signed by the one behind it")?;
    let certificate_pem = chain.iter().map(|der| encode_pem(PEM_CERTIFICATE, der)).collect();
    commit(&state, |registry| registry.set_issuing_ca(CaRecord { certificate_pem, sealed_private_key: sealed }))
        .await?;
    Ok(format!("devices' certificates are signed by `{}` from now on\n", presented.subject()))
}

fn new_key() -> Result<Secret> {
    let key = KeyPair::generate(KeySize::Rsa2048)?;
    let der: Pkcs8V1Der<'_> = key.as_der()?;
    Ok(Secret::new(der.as_ref().to_vec()))
}

fn seal(state: &State, pkcs8: &Secret) -> String {
    STANDARD.encode(state.root_key().seal(DEVICE_CA_KEY_AAD, pkcs8.expose(), &mut state.random()))
}

async fn commit(state: &State, events: impl FnOnce(&sekisho_registry::Registry) -> Vec<Event>) -> Result<()> {
    let committed = state.commit(|cores| {
        let events = events(&cores.registry).into_iter().map(Into::into).collect();
        Ok::<_, std::convert::Infallible>((events, ()))
    });
    committed.await.context("cannot record the CA")
}
