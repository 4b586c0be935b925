//! `sekisho object get`.
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use clap::Args;
use http::Method;
use sekisho_client::AwsError;
use sekisho_envelope::{Ask, BODY_BYTES_MAX, Envelope, Found, Name, Opener, Pairs, RsaPrivateKey, Terms, seems_sealed};
use sekisho_types::{Secret, SecretKey};

use super::address::Address;
use super::{keys, records, whole};
use crate::account::{self, Account, AccountArgs};

/// The flags of `sekisho object get`.
#[derive(Args)]
pub struct GetArgs {
    /// The object, s3://bucket/key
    #[arg(value_parser = Address::parse)]
    object: Address,
    /// Where to write it, whole or not at all [default: standard output]
    file: Option<PathBuf>,
    /// Decrypt what was encrypted before it was put, or each record that was sealed before it was published; data keys are
    /// unwrapped by KMS, unless a key is given
    #[arg(long)]
    decrypt: bool,
    /// The AES key that wraps the data key: 32 bytes, or their base64
    #[arg(long, value_name = "FILE", requires = "decrypt", conflicts_with_all = ["rsa_key", "kms_key_id"])]
    aes_key: Option<PathBuf>,
    /// The RSA private key that unwraps the data key, PKCS#8 PEM
    #[arg(long, value_name = "FILE", requires = "decrypt", conflicts_with = "kms_key_id")]
    rsa_key: Option<PathBuf>,
    /// Take only data keys that this KMS key wrapped [default: any that KMS unwraps]
    #[arg(long, value_name = "ID", requires = "decrypt")]
    kms_key_id: Option<String>,
    /// A pair of the encryption context it was encrypted with; once for each pair
    #[arg(long, value_name = "NAME=VALUE", requires = "decrypt", value_parser = account::pair)]
    context: Vec<(String, String)>,
    /// Also read legacy formats, which do not notice that they were changed: AES-CBC, and wraps kms, AESWrap, RSA with SHA-256
    #[arg(long, requires = "decrypt")]
    legacy: bool,
    /// What the instruction file's key adds to the object's
    #[arg(long, value_name = "SUFFIX", default_value = ".instruction")]
    instruction_suffix: String,
    #[command(flatten)]
    account: AccountArgs,
}

/// Gets, decrypts, and only then writes.
pub async fn run(args: GetArgs) -> Result<()> {
    let account = Account::open(&args.account, BODY_BYTES_MAX)?;
    let mut keys = Keys {
        aes: args.aes_key.as_deref().map(keys::aes).transpose()?,
        rsa: args.rsa_key.as_deref().map(keys::rsa_private).transpose()?,
        kms_key_id: args.kms_key_id,
        context: account::context(&args.context)?,
        legacy: args.legacy,
        unwrapped: None,
    };
    let Object { metadata, body } = fetch(&account, &args.object).await.with_context(|| args.object.to_string())?;
    if !args.decrypt {
        return whole::write(args.file.as_deref(), &body);
    }
    let plaintext = match find(&metadata)? {
        Found::Nothing if seems_sealed(&body) => records::open(&account, &mut keys, &body).await,
        Found::Envelope(envelope) => keys.open(&account, &envelope, body).await,
        found @ (Found::InstructionFile | Found::Nothing) => {
            let envelope =
                in_instruction_file(&account, &args.object, &args.instruction_suffix, &metadata, &found).await?;
            keys.open(&account, &envelope, body).await
        }
    };
    let plaintext = plaintext.with_context(|| format!("{} is not decrypted", args.object))?;
    whole::write(args.file.as_deref(), plaintext.expose())
}

/// What the store has of an object.
struct Object {
    /// By name, without `x-amz-meta-`.
    metadata: Pairs,
    body: Vec<u8>,
}

async fn fetch(account: &Account, object: &Address) -> Result<Object, AwsError> {
    let answer = account.s3.s3(Method::GET, &object.path(), "", &[], Bytes::new()).await?;
    let ours = answer.headers.iter().filter_map(|(name, value)| {
        let name = name.as_str().strip_prefix("x-amz-meta-")?;
        Some((name.to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
    });
    Ok(Object { metadata: ours.collect(), body: answer.body.into() })
}

fn pairs(metadata: &Pairs) -> impl Iterator<Item = (&str, &str)> {
    metadata.iter().map(|(name, value)| (name.as_str(), value.as_str()))
}

fn find(metadata: &Pairs) -> Result<Found> {
    Ok(Envelope::find(pairs(metadata))?)
}

async fn in_instruction_file(
    account: &Account,
    object: &Address,
    suffix: &str,
    metadata: &Pairs,
    found: &Found,
) -> Result<Envelope> {
    let beside = object.beside(suffix)?;
    match fetch(account, &beside).await {
        Ok(file) => Envelope::with_instruction_file(pairs(metadata), &file.body).with_context(|| beside.to_string()),
        Err(error) if account::is_missing(&error) && *found == Found::Nothing => {
            bail!("{object} was not encrypted by a client: its metadata says nothing of it, and there is no {beside}")
        }
        Err(error) if account::is_missing(&error) => {
            bail!("{object} lacks `{}`, and there is no {beside}", Name::KeyV3.as_str())
        }
        Err(error) => Err(error).with_context(|| beside.to_string()),
    }
}

/// The keys a reader has, and the terms it reads on.
pub struct Keys {
    aes: Option<SecretKey>,
    rsa: Option<RsaPrivateKey>,
    kms_key_id: Option<String>,
    context: Pairs,
    legacy: bool,
    /// The last data key KMS unwrapped, by its blob and context: sealed payloads of one device share one.
    unwrapped: Option<(Vec<u8>, Pairs, Secret)>,
}

impl Keys {
    /// Opens one body.
    pub async fn open(&mut self, account: &Account, envelope: &Envelope, body: Vec<u8>) -> Result<Secret> {
        Ok(self.opener(account, envelope).await?.open(body)?)
    }

    async fn opener<'a>(&mut self, account: &Account, envelope: &'a Envelope) -> Result<Opener<'a>> {
        let wrap = envelope.encrypted_data_key().wrap.name();
        match envelope.ask(Terms { legacy: self.legacy, context: &self.context })? {
            Ask::Kms(_) if self.aes.is_some() || self.rsa.is_some() => {
                bail!("its data key is wrapped by KMS (`{wrap}`), not by the key that was given")
            }
            Ask::Kms(asked) => {
                if let Some((blob, context, key)) = &self.unwrapped
                    && (blob.as_slice(), context) == (asked.ciphertext_blob(), asked.context())
                {
                    return Ok(asked.answered(key)?);
                }
                let key = account.decrypt(&asked, self.kms_key_id.as_deref()).await?;
                self.unwrapped = Some((asked.ciphertext_blob().to_vec(), asked.context().clone(), key.clone()));
                Ok(asked.answered(&key)?)
            }
            Ask::AesKey(wrapped) => match &self.aes {
                Some(key) => Ok(wrapped.unwrap(key)?),
                None => bail!("its data key is wrapped by an AES key (`{wrap}`): give --aes-key FILE"),
            },
            Ask::RsaKey(wrapped) => match &self.rsa {
                Some(key) => Ok(wrapped.unwrap(key)?),
                None => bail!("its data key is wrapped by an RSA key (`{wrap}`): give --rsa-key FILE"),
            },
        }
    }
}
