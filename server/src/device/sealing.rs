//! Messages sealed before they leave the device: whoever carries them reads topic and length.
use std::path::Path;

use anyhow::{Result, bail};
use clap::Args;
use sekisho_envelope::{SealedPayload, Sealer};
use sekisho_state::OsRandom;

use crate::account::{self, Account, AccountArgs};
use crate::object::rsa_public_key;

/// The longest payload, in bytes: AWS IoT Core's limit. And then: the command fails before anything of it is sent.
const PAYLOAD_BYTES_MAX: usize = 128 * 1024;
/// The longest answer of KMS, in bytes.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// How to seal.
#[derive(Args)]
pub struct SealingArgs {
    /// Seal each message before it leaves, for a KMS key (id, ARN or alias), or for whoever holds the private half of an RSA
    /// key (a file with the public key, PEM; needs no KMS)
    #[arg(long, value_name = "KEY")]
    encrypt: Option<String>,
    /// A pair of the KMS encryption context, which has to be given again to decrypt; once for each pair
    #[arg(long, value_name = "NAME=VALUE", requires = "encrypt", value_parser = account::pair)]
    context: Vec<(String, String)>,
    #[command(flatten)]
    account: AccountArgs,
}

/// Seals messages, all of them under one data key, each under a key derived from it.
pub struct Sealing(Sealer);

impl SealingArgs {
    /// Gets the data key; `None` if nothing is to be sealed.
    pub async fn begin(&self) -> Result<Option<Sealing>> {
        let Some(key) = &self.encrypt else { return Ok(None) };
        if !Path::new(key).is_file() {
            let account = Account::open(&self.account, ANSWER_BYTES_MAX)?;
            let sealer = account.generate_data_key(key, account::kms_context(&self.context)?).await?;
            return Ok(Some(Sealing(sealer)));
        }
        if !self.context.is_empty() {
            bail!("an encryption context goes with a KMS key, and `{key}` is a file");
        }
        Ok(Some(Sealing(Sealer::under_rsa(&rsa_public_key(Path::new(key))?, &mut OsRandom)?)))
    }
}

impl Sealing {
    /// The payload to publish.
    pub fn seal(&self, message: String) -> Result<String> {
        let payload = SealedPayload::from(self.0.seal(message.into_bytes(), &mut OsRandom)?).to_json();
        if payload.len() > PAYLOAD_BYTES_MAX {
            bail!("a message has {} bytes once it is sealed; at most {PAYLOAD_BYTES_MAX} are carried", payload.len());
        }
        Ok(payload)
    }
}
