//! `sekisho object put`.
use std::fs::File;
use std::io::{Read, stdin};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use http::Method;
use sekisho_envelope::{BODY_BYTES_MAX, Sealed, Sealer};
use sekisho_state::OsRandom;

use super::address::Address;
use super::keys;
use crate::account::{self, Account, AccountArgs};

/// The longest answer to PutObject, in bytes: it is a few headers, or an error. And then: the command fails.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// The flags of `sekisho object put`.
#[derive(Args)]
pub struct PutArgs {
    /// The file; `-` is standard input
    file: PathBuf,
    /// The object, s3://bucket/key
    #[arg(value_parser = Address::parse)]
    object: Address,
    /// Encrypt it before it leaves: AES-256-GCM with key commitment, under a data key of its own
    #[arg(long, requires = "wrapping")]
    encrypt: bool,
    #[command(flatten)]
    wrapping: Wrapping,
    /// A pair of the KMS encryption context, which has to be given again to decrypt; once for each pair
    #[arg(long, value_name = "NAME=VALUE", requires = "encrypt", conflicts_with_all = ["aes_key", "rsa_key"],
          value_parser = account::pair)]
    context: Vec<(String, String)>,
    #[command(flatten)]
    account: AccountArgs,
}

/// What wraps the data key.
#[derive(Args)]
#[group(id = "wrapping", multiple = false, requires = "encrypt")]
struct Wrapping {
    /// The KMS key that wraps the data key: id, ARN or alias
    #[arg(long, value_name = "ID")]
    kms_key_id: Option<String>,
    /// The AES key that wraps the data key: 32 bytes, or their base64
    #[arg(long, value_name = "FILE")]
    aes_key: Option<PathBuf>,
    /// The RSA public key that wraps the data key, PEM
    #[arg(long, value_name = "FILE")]
    rsa_key: Option<PathBuf>,
}

/// Reads, encrypts, puts.
pub async fn run(args: PutArgs) -> Result<()> {
    let account = Account::open(&args.account, ANSWER_BYTES_MAX)?;
    let plaintext = read(&args.file)?;
    let (metadata, body) = match sealer(&account, &args).await? {
        Some(sealer) => {
            let Sealed { envelope, body } = sealer.seal(plaintext, &mut OsRandom)?;
            (envelope.to_metadata(), body)
        }
        None => (Vec::new(), plaintext),
    };
    let headers: Vec<_> = metadata.iter().map(|(name, value)| (name.header(), value.as_str())).collect();
    let put = account.s3.s3(Method::PUT, &args.object.path(), "", &headers, body.into()).await;
    put.map(drop).with_context(|| args.object.to_string())
}

async fn sealer(account: &Account, args: &PutArgs) -> Result<Option<Sealer>> {
    let Wrapping { kms_key_id, aes_key, rsa_key } = &args.wrapping;
    Ok(match (kms_key_id, aes_key, rsa_key) {
        (Some(key), _, _) => Some(account.generate_data_key(key, account::kms_context(&args.context)?).await?),
        (_, Some(file), _) => Some(Sealer::under_aes(&keys::aes(file)?, &mut OsRandom)),
        (_, _, Some(file)) => Some(Sealer::under_rsa(&keys::rsa_public(file)?, &mut OsRandom)?),
        (None, None, None) => None,
    })
}

/// All of it; no more than can be sealed.
fn read(path: &Path) -> Result<Vec<u8>> {
    let source: Box<dyn Read> = match path {
        path if path == Path::new("-") => Box::new(stdin()),
        path => Box::new(File::open(path).with_context(|| format!("cannot read `{}`", path.display()))?),
    };
    let mut bytes = Vec::new();
    let read = source.take(BODY_BYTES_MAX as u64 + 1).read_to_end(&mut bytes);
    read.with_context(|| format!("cannot read `{}`", path.display()))?;
    if bytes.len() > BODY_BYTES_MAX {
        bail!("`{}` is longer than {BODY_BYTES_MAX} bytes", path.display());
    }
    Ok(bytes)
}
