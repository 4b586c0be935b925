//! Imported material: wrapped by its owner under a key pair that is made for this alone, and gone when its time is over.
//!
//! Nothing is kept between the two calls: the private key comes back in the import token, sealed under the root key.
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrapPadded};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sekisho_types::{KeyId, Random, Secret, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::crypto::{hex, material_aad};
use crate::spec::words;
use crate::store::{DAY, Outcome};
use crate::{EncryptionAlgorithm, Event, Key, KeySpec, KeyState, Kms, KmsError, Material, Origin, RootKey, pair};

/// What an import token is sealed for.
const TOKEN_AAD: &[u8] = b"sekisho kms import token";
/// How long a token and its public key may be used, as on AWS.
const TOKEN_VALID_D: u32 = 1;
/// How far away ValidTo may be, as on AWS.
const VALID_TO_MAX_D: u32 = 365;
/// A key that wraps another by AES-KWP has 256 bits.
const AES_KEY_BYTES: usize = 32;

words! {
    /// `AlgorithmSpec`: how the owner wraps the material.
    WrappingAlgorithm {
        RsaesOaepSha1 = "RSAES_OAEP_SHA_1",
        RsaesOaepSha256 = "RSAES_OAEP_SHA_256",
        RsaAesKeyWrapSha1 = "RSA_AES_KEY_WRAP_SHA_1",
        RsaAesKeyWrapSha256 = "RSA_AES_KEY_WRAP_SHA_256",
    }

    /// Whether the key has had this material before.
    ImportType {
        New = "NEW_KEY_MATERIAL",
        Existing = "EXISTING_KEY_MATERIAL",
    }
}

/// What is known of imported material beside the bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imported {
    /// KeyMaterialDescription.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// ValidTo; none for KEY_MATERIAL_DOES_NOT_EXPIRE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_to: Option<Timestamp>,
}

impl Imported {
    /// What `RotationsListEntry` tells of it.
    pub(crate) fn describe(&self, is_here: bool, entry: &mut Value) {
        entry["ImportState"] = json!(if is_here { "IMPORTED" } else { "PENDING_IMPORT" });
        entry["ExpirationModel"] = json!("KEY_MATERIAL_DOES_NOT_EXPIRE");
        if let Some(valid_to) = self.valid_to {
            entry["ExpirationModel"] = json!("KEY_MATERIAL_EXPIRES");
            entry["ValidTo"] = json!(valid_to.epoch_seconds());
        }
        if let Some(description) = &self.description {
            entry["KeyMaterialDescription"] = json!(description);
        }
    }
}

/// What GetParametersForImport answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportParameters {
    /// The key's ARN.
    pub key_arn: String,
    /// To come back with the material.
    pub import_token: Vec<u8>,
    /// What to wrap it under: SubjectPublicKeyInfo in DER.
    pub public_key: Vec<u8>,
    /// Until when.
    pub valid_to: Timestamp,
}

/// What ImportKeyMaterial is asked for, beside the material.
#[derive(Clone, Debug, Default)]
pub struct Import {
    /// New material, or material the key has had; by default, the first is new and others are not.
    pub import_type: Option<ImportType>,
    /// Which material it is said to be.
    pub material_id: Option<String>,
    /// Description and expiry.
    pub imported: Imported,
}

/// What comes back.
#[derive(Serialize, Deserialize)]
struct Token {
    key_id: KeyId,
    algorithm: WrappingAlgorithm,
    valid_to: Timestamp,
    /// PKCS#8 in base64.
    private_key: String,
}

impl WrappingAlgorithm {
    fn unwrap(self, private_key: &Secret, wrapped: &[u8]) -> Option<Secret> {
        let (oaep, is_two_steps) = match self {
            Self::RsaesOaepSha1 => (EncryptionAlgorithm::RsaesOaepSha1, false),
            Self::RsaesOaepSha256 => (EncryptionAlgorithm::RsaesOaepSha256, false),
            Self::RsaAesKeyWrapSha1 => (EncryptionAlgorithm::RsaesOaepSha1, true),
            Self::RsaAesKeyWrapSha256 => (EncryptionAlgorithm::RsaesOaepSha256, true),
        };
        if !is_two_steps {
            return pair::decrypt(oaep, private_key, wrapped).ok();
        }
        // The AES key under RSA, then the material under the AES key (PKCS #11 2.40, CKM_RSA_AES_KEY_WRAP).
        let (aes_key, wrapped) = wrapped.split_at_checked(pair::modulus_bytes(private_key).ok()?)?;
        let aes_key = pair::decrypt(oaep, private_key, aes_key).ok()?;
        if aes_key.expose().len() != AES_KEY_BYTES {
            return None;
        }
        let mut out = vec![0; wrapped.len()];
        let length = AesKek::new(&AES_256, aes_key.expose()).ok()?.unwrap_with_padding(wrapped, &mut out).ok()?.len();
        out.truncate(length);
        Some(Secret::new(out))
    }
}

impl Kms {
    /// That the key that `key` names takes imported material: asked before a key pair is made for it.
    ///
    /// # Errors
    /// As [`Kms::parameters_for_import`].
    pub fn awaits_import(&self, key: &str) -> Result<(), KmsError> {
        self.importable(self.resolve_key(key)?)
    }

    /// GetParametersForImport. `private_key` is a new RSA key pair's, in PKCS#8.
    ///
    /// # Errors
    /// [`KmsError::Unsupported`] for a key whose material is ours, [`KmsError::PendingDeletion`], and those of [`Kms::resolve_key`].
    pub fn parameters_for_import(
        &self,
        now: Timestamp,
        root_key: &RootKey,
        key: &str,
        (algorithm, wrapping_spec, private_key): (WrappingAlgorithm, KeySpec, &Secret),
        random: &mut dyn Random,
    ) -> Result<ImportParameters, KmsError> {
        let key = self.resolve_key(key)?;
        self.importable(key)?;
        let key_arn = key.arn(self.tenant());
        let broken = |_| KmsError::Material(key_arn.clone());
        let public_key = pair::public_key(wrapping_spec, private_key).map_err(|_| broken(()))?;
        let valid_to = now.plus(DAY * TOKEN_VALID_D);
        let private_key = STANDARD.encode(private_key.expose());
        let token = Token { key_id: key.key_id.clone(), algorithm, valid_to, private_key };
        let token = Secret::new(serde_json::to_vec(&token).map_err(|_| broken(()))?);
        let import_token = root_key.seal(TOKEN_AAD, token.expose(), random);
        Ok(ImportParameters { key_arn, import_token, public_key, valid_to })
    }

    /// ImportKeyMaterial; answers the key and the id of the material.
    ///
    /// # Errors
    /// [`KmsError::InvalidImportToken`], [`KmsError::ExpiredImportToken`], [`KmsError::InvalidCiphertext`],
    /// [`KmsError::IncorrectKeyMaterial`], [`KmsError::Validation`], and as [`Kms::parameters_for_import`].
    pub fn import_material(
        &self,
        now: Timestamp,
        root_key: &RootKey,
        key: &str,
        (token, wrapped): (&[u8], &[u8]),
        import: &Import,
        random: &mut dyn Random,
    ) -> Outcome<(Key, String)> {
        let known = self.resolve_key(key)?;
        self.importable(known)?;
        let latest = now.plus(DAY * VALID_TO_MAX_D);
        if import.imported.valid_to.is_some_and(|valid_to| valid_to <= now || valid_to > latest) {
            return Err(KmsError::Validation(format!("ValidTo is in the future, and within {VALID_TO_MAX_D} days")));
        }
        let opened = root_key.open(TOKEN_AAD, token).map_err(|_| KmsError::InvalidImportToken)?;
        let token: Token = serde_json::from_slice(opened.expose()).map_err(|_| KmsError::InvalidImportToken)?;
        if token.key_id != known.key_id {
            return Err(KmsError::InvalidImportToken);
        }
        if token.valid_to <= now {
            return Err(KmsError::ExpiredImportToken);
        }
        let private_key = STANDARD.decode(&token.private_key).map_err(|_| KmsError::InvalidImportToken)?;
        let secret = token.algorithm.unwrap(&Secret::new(private_key), wrapped).ok_or(KmsError::InvalidCiphertext)?;
        let id = material_id(root_key, &known.key_id, &secret);
        let mut material = sealed(known, root_key, &id, &secret, random);
        let (events, key) = self.change(key, |key| key.take_in(&mut material, &secret, import))?;
        Ok((events, (key, id)))
    }

    /// DeleteImportedKeyMaterial: the current one, or the one that is named; answers the key and its id, if there was one.
    ///
    /// # Errors
    /// [`KmsError::Unsupported`], [`KmsError::IncorrectKeyMaterial`], and those of [`Kms::resolve_key`].
    pub fn delete_imported_material(&self, key: &str, id: Option<&str>) -> Outcome<(Key, Option<String>)> {
        let known = self.resolve_key(key)?;
        self.is_external(known)?;
        let current = known.materials.last().map(|material| material.id.clone());
        let Some(id) = id.map(str::to_owned).or(current) else { return Ok((Vec::new(), ((**known).clone(), None))) };
        let (events, key) = self.change(key, |key| {
            if key.pending.as_ref().is_some_and(|material| material.id == id) {
                key.pending = None;
                return Ok(());
            }
            let material = key.materials.iter_mut().find(|material| material.id == id);
            material.ok_or(KmsError::IncorrectKeyMaterial)?.wrapped = None;
            key.lose();
            Ok(())
        })?;
        Ok((events, (key, Some(id))))
    }

    /// Keys whose imported material is over at `now`.
    pub(crate) fn expirations_due(&self, now: Timestamp) -> Vec<Event> {
        let expiring = self.keys().filter(|key| key.material_expires(now));
        expiring
            .map(|key| {
                let mut key = key.clone();
                key.pending = key.pending.take().filter(|material| !material.expires(now));
                let over = key.materials.iter_mut().filter(|material| material.expires(now));
                if over.map(|material| material.wrapped = None).count() > 0 {
                    key.lose();
                }
                Event::KeyPut { key: Box::new(key) }
            })
            .collect()
    }

    fn is_external(&self, key: &Key) -> Result<(), KmsError> {
        match key.origin {
            Origin::External => Ok(()),
            Origin::AwsKms => {
                let arn = key.arn(self.tenant());
                Err(KmsError::Unsupported(format!("{arn} origin is AWS_KMS which is not valid for this operation.")))
            }
        }
    }

    fn importable(&self, key: &Key) -> Result<(), KmsError> {
        self.is_external(key)?;
        key.changeable(self.tenant())
    }
}

impl Key {
    /// That imported material of it is over at `now`.
    pub(crate) fn material_expires(&self, now: Timestamp) -> bool {
        self.origin == Origin::External
            && self.materials.iter().chain(&self.pending).any(|material| material.expires(now))
    }

    /// Some of its material is gone: it waits for its return, unless it is about to go itself.
    fn lose(&mut self) {
        match self.state {
            KeyState::Enabled | KeyState::Disabled | KeyState::PendingImport => self.state = KeyState::PendingImport,
            KeyState::PendingDeletion { .. } => {}
        }
    }

    /// Whether every material it has had is there.
    pub(crate) fn is_complete(&self) -> bool {
        !self.materials.is_empty() && self.materials.iter().all(|material| material.wrapped.is_some())
    }

    fn take_in(&mut self, material: &mut Material, secret: &Secret, import: &Import) -> Result<(), KmsError> {
        if import.material_id.as_ref().is_some_and(|said| *said != material.id) {
            return Err(KmsError::IncorrectKeyMaterial);
        }
        let is_first = self.materials.is_empty();
        let import_type = import.import_type.unwrap_or(if is_first { ImportType::New } else { ImportType::Existing });
        let mut imported = import.imported.clone();
        let known = self.materials.iter_mut().chain(&mut self.pending).find(|known| known.id == material.id);
        if let Some(known) = known {
            if import_type == ImportType::New && self.spec == KeySpec::SymmetricDefault {
                return Err(KmsError::IncorrectKeyMaterial);
            }
            let before = known.imported.take().and_then(|before| before.description);
            imported.description = imported.description.or(before);
            known.wrapped = material.wrapped.take();
            known.imported = Some(imported);
        } else {
            if import_type == ImportType::Existing || (!is_first && self.spec != KeySpec::SymmetricDefault) {
                return Err(KmsError::IncorrectKeyMaterial);
            }
            match self.spec.secret_bytes() {
                Some(bytes) if secret.expose().len() == bytes => {}
                Some(_) => return Err(KmsError::IncorrectKeyMaterial),
                None => {
                    let public = pair::public_key(self.spec, secret).map_err(|_| KmsError::IncorrectKeyMaterial)?;
                    self.public_key = Some(STANDARD.encode(public));
                }
            }
            material.imported = Some(imported);
            match is_first {
                true => self.materials.push(material.clone()),
                false => self.pending = Some(material.clone()),
            }
        }
        if self.state == KeyState::PendingImport && self.is_complete() {
            self.state = KeyState::Enabled;
        }
        Ok(())
    }
}

impl Material {
    fn expires(&self, now: Timestamp) -> bool {
        let valid_to = self.imported.as_ref().and_then(|imported| imported.valid_to);
        self.wrapped.is_some() && valid_to.is_some_and(|valid_to| valid_to <= now)
    }
}

/// The same material of the same key has the same id, and the id tells nothing of it.
fn material_id(root_key: &RootKey, key_id: &KeyId, secret: &Secret) -> String {
    let key = hmac::Key::new(HMAC_SHA256, root_key.derive("id of imported material").expose());
    let mut context = hmac::Context::with_key(&key);
    context.update(key_id.as_str().as_bytes());
    context.update(secret.expose());
    hex(context.sign().as_ref())
}

fn sealed(key: &Key, root_key: &RootKey, id: &str, secret: &Secret, random: &mut dyn Random) -> Material {
    let wrapped = root_key.seal(&material_aad(key.key_id.as_str(), id), secret.expose(), random);
    Material { id: id.to_owned(), wrapped: Some(STANDARD.encode(wrapped)), rotated: None, imported: None }
}
