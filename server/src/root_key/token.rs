//! A key in a token behind PKCS#11: a hardware module, or software that looks like one. It never leaves the token, which seals and
//! opens 32 bytes for us (AES-256-GCM, PKCS #11 v2.40 §2.12.5).
use std::fs;

use anyhow::{Context, Result, bail, ensure};
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::object::{Attribute, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;
use sekisho_types::Random;

use super::AAD;
use super::source::{PinSource, TokenKey};

const NONCE_BYTES: usize = 12;
const TAG_BITS: u64 = 128;

/// Seals: nonce, ciphertext, tag, as `docs/format/root-key.md` has them.
pub fn seal(key: &TokenKey, plaintext: &[u8], random: &mut dyn Random) -> Result<Vec<u8>> {
    let mut nonce = [0; NONCE_BYTES];
    random.fill(&mut nonce);
    let (session, handle) = open_session(key)?;
    // Some tokens choose a nonce of their own and put it here.
    let params = GcmParams::new(&mut nonce, AAD, TAG_BITS.into())?;
    let mechanism = Mechanism::AesGcm(params);
    let sealed = session
        .encrypt(&mechanism, handle, plaintext)
        .map_err(told)
        .context("the token does not encrypt with that key")?;
    drop(mechanism);
    ensure!(sealed.len() == plaintext.len() + TAG_BITS as usize / 8, "the token's AES-GCM gives no tag");
    Ok([&nonce[..], &sealed].concat())
}

/// Opens what [`seal`] sealed; `None` if that key did not seal it.
pub fn open(key: &TokenKey, sealed: &[u8]) -> Result<Option<Vec<u8>>> {
    let Some((nonce, sealed)) = sealed.split_first_chunk::<NONCE_BYTES>() else { return Ok(None) };
    let (session, handle) = open_session(key)?;
    let mut nonce = *nonce;
    let mechanism = Mechanism::AesGcm(GcmParams::new(&mut nonce, AAD, TAG_BITS.into())?);
    match session.decrypt(&mechanism, handle, sealed) {
        Ok(plaintext) => Ok(Some(plaintext)),
        Err(Error::Pkcs11(
            RvError::EncryptedDataInvalid | RvError::EncryptedDataLenRange | RvError::GeneralError,
            _,
        )) => Ok(None),
        Err(error) => Err(told(error)).context("the token does not decrypt with that key"),
    }
}

/// Makes the key if there is none of its label: AES-256, which the token keeps and never shows.
pub fn make_if_absent(key: &TokenKey) -> Result<()> {
    let session = log_in(key)?;
    if find(&session, key)?.is_empty() {
        let template = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::AES),
            Attribute::Label(key.object.clone().into_bytes()),
            Attribute::ValueLen(32.into()),
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Encrypt(true),
            Attribute::Decrypt(true),
        ];
        session
            .generate_key(&Mechanism::AesKeyGen, &template)
            .map_err(told)
            .context("the token makes no AES-256 key")?;
    }
    Ok(())
}

fn open_session(key: &TokenKey) -> Result<(Session, ObjectHandle)> {
    let session = log_in(key)?;
    match find(&session, key)?.as_slice() {
        [handle] => Ok((session, *handle)),
        [] => bail!("the token `{}` has no secret key `{}`", key.token, key.object),
        _ => bail!("the token `{}` has more than one secret key `{}`", key.token, key.object),
    }
}

fn find(session: &Session, key: &TokenKey) -> Result<Vec<ObjectHandle>> {
    let template = [Attribute::Class(ObjectClass::SECRET_KEY), Attribute::Label(key.object.clone().into_bytes())];
    session.find_objects(&template).map_err(told)
}

fn log_in(key: &TokenKey) -> Result<Session> {
    let module = Pkcs11::new(&key.module).with_context(|| format!("cannot load `{}`", key.module.display()))?;
    match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
        Err(error) => return Err(error).with_context(|| format!("cannot begin with `{}`", key.module.display())),
    }
    let mut slots = module.get_slots_with_token().map_err(told)?;
    slots.retain(|slot| module.get_token_info(*slot).is_ok_and(|token| token.label() == key.token));
    let [slot] = slots.as_slice() else {
        bail!("{} tokens are called `{}`; one must be", slots.len(), key.token);
    };
    let session = module.open_rw_session(*slot).map_err(told)?;
    match session.login(UserType::User, Some(&AuthPin::new(pin(&key.pin)?.into()))) {
        Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(session),
        Err(error) => Err(told(error)).with_context(|| format!("the token `{}` does not take the PIN", key.token)),
    }
}

/// What the token said, without the specification's prose.
fn told(error: Error) -> anyhow::Error {
    match error {
        Error::Pkcs11(value, function) => anyhow::anyhow!("{function:?}: {value:?}"),
        other => other.into(),
    }
}

fn pin(source: &PinSource) -> Result<String> {
    match source {
        PinSource::Env(name) => std::env::var(name).with_context(|| format!("the PIN's variable {name} is not set")),
        PinSource::File(path) => {
            let text =
                fs::read_to_string(path).with_context(|| format!("cannot read the PIN in `{}`", path.display()))?;
            Ok(text.trim_end_matches(['\r', '\n']).to_owned())
        }
    }
}
