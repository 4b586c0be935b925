//! Encrypt, Decrypt, GenerateDataKey: AES-256-GCM under a key's material, the encryption context as additional data.
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sekisho_types::{Random, Secret, SecretKey};

use crate::blob::Blob;
use crate::context::additional_data;
use crate::{EncryptionContext, Key, Kms, KmsError, Material, RootKey, root};

/// AWS's bound on what Encrypt takes.
pub const PLAINTEXT_BYTES_MAX: usize = 4096;
/// AWS's bound on GenerateDataKey's NumberOfBytes.
const DATA_KEY_BYTES_MAX: usize = 1024;

/// What Encrypt answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encrypted {
    /// Carries which key and material made it.
    pub ciphertext_blob: Vec<u8>,
    /// The key's ARN.
    pub key_arn: String,
    /// Which of its materials.
    pub key_material_id: String,
}

/// What Decrypt answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decrypted {
    /// What was encrypted.
    pub plaintext: Secret,
    /// The key's ARN.
    pub key_arn: String,
    /// Which of its materials.
    pub key_material_id: String,
}

/// What GenerateDataKey answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataKey {
    /// The key in the clear.
    pub plaintext: Secret,
    /// The same, for [`Kms::decrypt`] with the same context.
    pub ciphertext_blob: Vec<u8>,
    /// The KMS key's ARN.
    pub key_arn: String,
    /// Which of its materials.
    pub key_material_id: String,
}

/// What material is wrapped for.
pub(crate) fn material_aad(key_id: &str, material_id: &str) -> Vec<u8> {
    format!("sekisho kms material {key_id} {material_id}").into_bytes()
}

impl Kms {
    /// Encrypts up to [`PLAINTEXT_BYTES_MAX`] bytes under the key that `key` names.
    ///
    /// # Errors
    /// [`KmsError`].
    pub fn encrypt(
        &self,
        root_key: &RootKey,
        key: &str,
        context: &EncryptionContext,
        plaintext: &[u8],
        random: &mut dyn Random,
    ) -> Result<Encrypted, KmsError> {
        if plaintext.is_empty() || plaintext.len() > PLAINTEXT_BYTES_MAX {
            let bound = if plaintext.is_empty() { "greater than or equal to 1" } else { "less than or equal to 4096" };
            let message = format!(
                "1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member must have length {bound}"
            );
            return Err(KmsError::Validation(message));
        }
        let key = self.resolve(key)?;
        key.usable(self.tenant())?;
        let (ciphertext_blob, key_material_id) = self.seal(root_key, key, context, plaintext, random)?;
        Ok(Encrypted { ciphertext_blob, key_arn: key.arn(self.tenant()), key_material_id })
    }

    /// Decrypts a blob; with `key`, only if that key made it.
    ///
    /// # Errors
    /// [`KmsError`].
    pub fn decrypt(
        &self,
        root_key: &RootKey,
        blob: &[u8],
        context: &EncryptionContext,
        key: Option<&str>,
    ) -> Result<Decrypted, KmsError> {
        let asked = key.map(|key| self.resolve(key)).transpose()?;
        let blob = Blob::decode(blob).map_err(|_| KmsError::InvalidCiphertext)?;
        if asked.is_some_and(|asked| asked.key_id != blob.key_id) {
            return Err(KmsError::IncorrectKey);
        }
        let key = self.key(&blob.key_id).ok_or(KmsError::InvalidCiphertext)?;
        key.usable(self.tenant())?;
        let material_id = hex(&blob.material_id);
        let material = key.materials.iter().find(|material| material.id == material_id);
        let material = material.ok_or(KmsError::InvalidCiphertext)?;
        let opened = self.open_material(root_key, key, material)?;
        let data = additional_data(&Blob::header(&blob.key_id, &blob.material_id), context)?;
        let plaintext = root::open(&opened, &data, blob.sealed).map_err(|_| KmsError::InvalidCiphertext)?;
        Ok(Decrypted { plaintext, key_arn: key.arn(self.tenant()), key_material_id: material_id })
    }

    /// Makes a data key of `bytes` bytes under the key that `key` names.
    ///
    /// # Errors
    /// [`KmsError`].
    pub fn generate_data_key(
        &self,
        root_key: &RootKey,
        key: &str,
        context: &EncryptionContext,
        bytes: usize,
        random: &mut dyn Random,
    ) -> Result<DataKey, KmsError> {
        if !(1..=DATA_KEY_BYTES_MAX).contains(&bytes) {
            return Err(KmsError::Validation(format!("NumberOfBytes is 1 to {DATA_KEY_BYTES_MAX}")));
        }
        let key = self.resolve(key)?;
        key.usable(self.tenant())?;
        let mut plaintext = vec![0; bytes];
        random.fill(&mut plaintext);
        let plaintext = Secret::new(plaintext);
        let (ciphertext_blob, key_material_id) = self.seal(root_key, key, context, plaintext.expose(), random)?;
        Ok(DataKey { plaintext, ciphertext_blob, key_arn: key.arn(self.tenant()), key_material_id })
    }

    fn seal(
        &self,
        root_key: &RootKey,
        key: &Key,
        context: &EncryptionContext,
        plaintext: &[u8],
        random: &mut dyn Random,
    ) -> Result<(Vec<u8>, String), KmsError> {
        let broken = || KmsError::Material(key.arn(self.tenant()));
        let material = key.materials.last().ok_or_else(broken)?;
        let opened = self.open_material(root_key, key, material)?;
        let mut blob = Blob::header(&key.key_id, &unhex(&material.id).ok_or_else(broken)?);
        let data = additional_data(&blob, context)?;
        blob.extend(root::seal(&opened, &data, plaintext, random));
        Ok((blob, material.id.clone()))
    }

    fn open_material(&self, root_key: &RootKey, key: &Key, material: &Material) -> Result<SecretKey, KmsError> {
        let broken = || KmsError::Material(key.arn(self.tenant()));
        let wrapped = STANDARD.decode(&material.wrapped).map_err(|_| broken())?;
        root_key.unwrap(&material_aad(key.key_id.as_str(), &material.id), &wrapped).map_err(|_| broken())
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut out = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (at, byte) in out.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(out)
}
