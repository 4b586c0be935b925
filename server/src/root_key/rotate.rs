//! `sekisho root-key rotate`: another key in the place of the operator's.
use std::io::Write as _;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use sekisho_journal::Durability;
use sekisho_state::{OsRandom, system_clock};

use super::{RootKeySource, load, make, open, path, replace, token, wrap};
use crate::config::{Config, Offline};

/// The flags of `sekisho root-key`.
#[derive(Args)]
pub struct RootKeyArgs {
    #[command(subcommand)]
    command: RootKeyCommand,
}

#[derive(Subcommand)]
enum RootKeyCommand {
    /// Put another key in the place of the one the operator keeps. A server that is running goes on; its next start needs the new one
    Rotate {
        #[command(flatten)]
        offline: Offline,
        /// The new one: file:PATH (made if it is absent), env:NAME, passphrase:NAME of a variable of the environment, kms:KEY, or a
        /// PKCS#11 URI (its key is made if it is absent)
        #[arg(long, value_name = "SOURCE")]
        to: String,
    },
}

/// Runs it.
pub fn run(args: RootKeyArgs) -> Result<()> {
    let RootKeyCommand::Rotate { offline, to } = args.command;
    let config = Config::load(offline.into())?;
    let new = RootKeySource::parse(Some(to.clone()), &config.data)?;
    let journal = config.data.join("journal");
    if !journal.exists() {
        bail!("{} holds no sekisho data", config.data.display());
    }
    let root_key = load(&config, false, &mut OsRandom)?;
    if !path(&config.data).exists() {
        // Nothing else proves that the key given is the one this directory has.
        let (tenant, proved) = (config.tenant.clone(), root_key.clone());
        sekisho_state::open(&journal, tenant, proved, Durability::Strict, system_clock(), &mut |_, _| {})
            .context("the journal cannot be read; is the server stopped, and is the root key the right one?")?;
    }
    match &new {
        RootKeySource::File { path, .. } if !path.exists() => {
            make(path, &mut OsRandom).with_context(|| format!("cannot make {}", path.display()))?;
        }
        RootKeySource::Token(key) => token::make_if_absent(key)?,
        _ => {}
    }
    let wrapped = wrap(&new, root_key.secret(), &mut OsRandom)?;
    // Proved before it is put in place: a passphrase or a file that changes between two reads would lock everything.
    open(&new, &serde_json::to_vec(&wrapped)?)?;
    replace(&config.data, &wrapped).context("root.wrapped cannot be written")?;
    writeln!(
        std::io::stdout(),
        "from the next start on the root key is {to}\nWho has an older copy of {} and the older key can still open the data.",
        path(&config.data).display()
    )?;
    Ok(())
}
