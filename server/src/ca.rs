//! `sekisho ca`: certificate authorities, by command to the running server.
use std::path::PathBuf;

use anyhow::{Context, Result};
use bytes::Bytes;
use clap::{Args, Subcommand};
use sekisho_types::CertificateId;
use sekisho_workers::Revocation;
use std::io::Write as _;

use crate::admin::Admin;
use crate::admin_client::{self, Running};
use crate::issuing_ca;

/// The flags of `sekisho ca`.
#[derive(Args)]
pub struct CaArgs {
    #[command(subcommand)]
    command: CaCommand,
}

#[derive(Subcommand)]
enum CaCommand {
    /// Take in a revocation list of a registered CA: what it lists becomes REVOKED
    ImportCrl {
        /// The list, PEM or DER
        file: PathBuf,
        #[command(flatten)]
        server: Running,
    },
    /// Set a registered CA INACTIVE
    Deactivate {
        /// Its id
        ca_certificate_id: String,
        /// Its ACTIVE certificates too: their devices are disconnected
        #[arg(long)]
        with_certificates: bool,
        #[command(flatten)]
        server: Running,
    },
    /// Make a key for an intermediate and print a request that your own CA can certify
    Csr {
        #[command(flatten)]
        server: Running,
    },
    /// Install the intermediate's certificate: devices' certificates are signed by it from then on
    Install {
        /// The certificate, and behind it the way to its root, PEM
        file: PathBuf,
        #[command(flatten)]
        server: Running,
    },
    /// Put a new self-signed CA in the place of the one that signs devices' certificates
    Rotate {
        #[command(flatten)]
        server: Running,
    },
}

/// Sends the command and prints the answer.
pub async fn run(args: CaArgs) -> Result<()> {
    let read = |file: &PathBuf| std::fs::read(file).with_context(|| format!("cannot read `{}`", file.display()));
    let (server, path, body) = match args.command {
        CaCommand::ImportCrl { file, server } => (server, "/ca/import-crl".to_owned(), read(&file)?),
        CaCommand::Deactivate { ca_certificate_id, with_certificates, server } => {
            let id = CertificateId::parse(&ca_certificate_id)?;
            let path = if with_certificates { "/ca/deactivate-with-certificates" } else { "/ca/deactivate" };
            (server, path.to_owned(), id.to_string().into_bytes())
        }
        CaCommand::Csr { server } => (server, "/ca/csr".to_owned(), Vec::new()),
        CaCommand::Install { file, server } => (server, "/ca/install".to_owned(), read(&file)?),
        CaCommand::Rotate { server } => (server, "/ca/rotate".to_owned(), Vec::new()),
    };
    let text = admin_client::command(&server.data, &path, body).await?;
    Ok(std::io::stdout().lock().write_all(&text)?)
}

/// The server's side of it; `None` for a command there is not.
pub async fn perform(admin: &Admin, path: &str, body: &Bytes) -> Option<Result<String>> {
    let state = &admin.state;
    let text = || std::str::from_utf8(body).context("text was expected");
    Some(match path {
        "/ca/import-crl" => import(&admin.revocation, body.to_vec()).await,
        "/ca/deactivate" | "/ca/deactivate-with-certificates" => match text().map(CertificateId::parse) {
            Ok(Ok(id)) => deactivate(&admin.revocation, id, path.ends_with("certificates")).await,
            Ok(Err(error)) => Err(error.into()),
            Err(error) => Err(error),
        },
        "/ca/csr" => issuing_ca::request(state.clone()).await,
        "/ca/install" => match text() {
            Ok(pem) => issuing_ca::install(state.clone(), pem).await,
            Err(error) => Err(error),
        },
        "/ca/rotate" => issuing_ca::rotate(state.clone()).await,
        _ => return None,
    })
}

async fn import(revocation: &Revocation, bytes: Vec<u8>) -> Result<String> {
    let imported = revocation.import(bytes).await?;
    let noun = if imported.revoked == 1 { "certificate" } else { "certificates" };
    let late = if imported.expired { "; a newer list is due" } else { "" };
    Ok(format!(
        "{} {noun} became REVOKED; the list of CA {} has {} entries{late}\n",
        imported.revoked, imported.ca_certificate_id, imported.listed
    ))
}

async fn deactivate(revocation: &Revocation, ca: CertificateId, with_certificates: bool) -> Result<String> {
    let changed = revocation.deactivate_ca(ca, with_certificates).await?;
    Ok(if with_certificates {
        format!("CA {ca} is INACTIVE, and {changed} of its certificates with it\n")
    } else {
        format!("CA {ca} is INACTIVE; its certificates are as they were\n")
    })
}
