//! A device's private key, and the request that proves it holds it.
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use sekisho_client::{DeviceKey, KeyKind};

/// The flags of `sekisho device keygen`.
#[derive(Args)]
pub struct KeygenArgs {
    /// Where to write the key, in PKCS#8 PEM; an existing file is never overwritten
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Which algorithm
    #[arg(long = "type", value_enum, default_value_t = Kind::P256)]
    kind: Kind,
}

/// The flags of `sekisho device csr`.
#[derive(Args)]
pub struct CsrArgs {
    /// The private key, in PKCS#8 PEM
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The subject's common name
    #[arg(long, value_name = "NAME", default_value = "device")]
    common_name: String,
    /// Where to write the request [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    P256,
    Rsa2048,
}

/// Writes a fresh key, readable by its owner alone.
pub fn keygen(args: &KeygenArgs) -> Result<()> {
    let kind = match args.kind {
        Kind::P256 => KeyKind::P256,
        Kind::Rsa2048 => KeyKind::Rsa2048,
    };
    let pem = DeviceKey::generate(kind)?.to_pem();
    let create = File::options().write(true).create_new(true).mode(0o600).open(&args.out);
    let mut file = create.with_context(|| format!("cannot make `{}`", args.out.display()))?;
    file.write_all(pem.expose())
        .and_then(|()| file.sync_all())
        .with_context(|| format!("cannot write `{}`", args.out.display()))
}

/// Writes a request.
pub fn csr(args: &CsrArgs) -> Result<()> {
    let key = DeviceKey::from_pem(&read(&args.key)?).with_context(|| format!("cannot use `{}`", args.key.display()))?;
    let request = key.csr(&args.common_name)?;
    match &args.out {
        Some(path) => std::fs::write(path, request).with_context(|| format!("cannot write `{}`", path.display())),
        None => io::stdout().write_all(request.as_bytes()).context("cannot write to standard output"),
    }
}

/// A file, or an error that names it.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))
}
