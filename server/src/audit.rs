//! `sekisho audit`: what lies on the disk, and what was done with it, proved without a running server.
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use sekisho_audit::{Link, Verified as Chain};
use sekisho_blobs::{Fault, Verified};
use sekisho_journal::Durability;
use sekisho_state::{OsRandom, State, system_clock};
use sekisho_types::with_causes;

use crate::config::{Config, Offline};
use crate::{object_store, root_key};

/// Files beside journal and objects, and what they hold. Nothing a device sent is ever in them.
const BESIDE: [(&str, &str); 10] = [
    ("admin.token", "secret of the admin API"),
    ("credentials", "secret of the account's root"),
    ("endpoints.json", "where the server listens"),
    ("object-store", "which bucket elsewhere holds the bodies, and below which prefix"),
    ("object-store.unfinished", "left by a first start that was cut off; it can go"),
    ("root.key", "what opens the root key: whoever can read this directory can read everything"),
    ("root.unfinished", "left by a first start that was cut off; it can go"),
    ("root.wrapped.unfinished", "left by a rotation of the root key that was cut off; it can go"),
    ("root.wrapped", "the root key, wrapped"),
    ("tls/server-ca.pem", "a certificate"),
];

/// Where the record of API calls and key uses is.
const RECORD: &str = "audit";

/// The flags of `sekisho audit`.
#[derive(Args)]
pub struct AuditArgs {
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(Subcommand)]
enum AuditCommand {
    /// Prove that everything devices sent lies sealed: every entry of the journal and every chunk of every object opens
    AtRest(Offline),
    /// Say what each KMS key opens: what deleting it would make unreadable
    Keys(Offline),
    /// Print the record of API calls and key uses, a line of JSON each; the server may run
    Log(Offline),
    /// Prove that nothing in that record was changed, left out or put in; the server may run
    Verify(VerifyArgs),
}

#[derive(Args)]
struct VerifyArgs {
    #[command(flatten)]
    offline: Offline,
    /// An entry that was noted down elsewhere, as `verify` and the server's log print them; may be repeated
    #[arg(long, value_name = "NUMBER:HASH")]
    noted: Vec<Link>,
}

/// Runs it. For some the server must be stopped: both read the directory, and one of them writes.
pub fn run(args: AuditArgs) -> Result<()> {
    match args.command {
        AuditCommand::AtRest(offline) => at_rest(offline),
        AuditCommand::Keys(offline) => keys(offline),
        AuditCommand::Log(offline) => print_log(offline),
        AuditCommand::Verify(args) => verify(args),
    }
}

struct Audited {
    data: PathBuf,
    state: Arc<State>,
    records: u64,
    verified: Verified,
}

fn audit(offline: Offline) -> Result<Audited> {
    let config = Config::load(offline.into())?;
    let journal = config.data.join("journal");
    if !journal.exists() {
        bail!("{} holds no sekisho data", config.data.display());
    }
    let root_key = root_key::load(&config, false, &mut OsRandom)?;
    let mut records = 0;
    let tenant = config.tenant.clone();
    // What does not open is an error here already: every entry's tag is checked as it is read.
    let opened = sekisho_state::open(&journal, tenant, root_key, Durability::Strict, system_clock(), &mut |_, _| {
        records += 1;
    });
    let state = Arc::new(opened.context("the journal cannot be read")?.state);
    let begun = !state.read().objects.blobs().is_empty();
    // Bodies may lie elsewhere, and are asked for over a network then.
    let runtime = crate::runtime()?;
    let bodies = {
        let _within = runtime.enter();
        object_store::bodies(&config, begun)?
    };
    let verified = sekisho_blobs::verify(&state, bodies).context("the objects cannot be read")?;
    Ok(Audited { data: config.data, state, records, verified })
}

/// Opens everything, and tells every file.
pub fn at_rest(offline: Offline) -> Result<()> {
    let Audited { data, verified, records, state } = audit(offline)?;
    let chain = sekisho_audit::verify(&data.join(RECORD), state.root_key(), &mut |_, _| {})?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "journal: every entry opens; {records} of them belong to delivery streams")?;
    for (mode, (bodies, bytes)) in &verified.sealed {
        let what =
            if *mode == "SSE-C" { "their customers' keys are not here: lengths right" } else { "every tag right" };
        writeln!(out, "objects: {bodies} bodies of {bytes} bytes, {mode}, {what}")?;
    }
    let mut faults: Vec<String> = verified.faults.iter().map(describe).collect();
    if let Some(chain) = chain {
        writeln!(out, "record:  every one of {} entries opens and follows the one before it", chain.entries)?;
    }
    for path in beside(&data)? {
        let name = path.strip_prefix(&data).unwrap_or(&path).display().to_string();
        match BESIDE.iter().find(|(known, _)| *known == name) {
            Some((_, what)) => writeln!(out, "beside:  {name}: {what}")?,
            None => faults.push(format!("{name}: not a file of sekisho's")),
        }
    }
    for fault in &faults {
        writeln!(out, "WRONG:   {fault}")?;
    }
    match faults.len() {
        0 => Ok(writeln!(out, "nothing a device sent lies here in plaintext")?),
        wrong => bail!("{wrong} things are not as they should be"),
    }
}

fn describe(fault: &Fault) -> String {
    match fault {
        Fault::Body { bucket, key, error } => format!("s3://{bucket}/{key}: {}", with_causes(error)),
        Fault::Foreign(name) => format!("{name}: among the bodies, and belongs to no object"),
    }
}

/// Every file of the directory that is neither the journal's nor an object's.
fn beside(data: &Path) -> Result<Vec<PathBuf>> {
    let (mut open, mut files) = (vec![data.to_owned()], Vec::new());
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(&directory).with_context(|| format!("cannot list {}", directory.display()))? {
            let path = entry?.path();
            // What lies among the bodies was looked at there, and of the journal every entry was opened.
            let sealed = directory == data.join("journal") || directory == data.join(RECORD);
            if path == data.join("objects") || (sealed && is_journals(&path)) {
                continue;
            }
            if path.is_dir() { open.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    Ok(files)
}

fn is_journals(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name == "snapshot" || name == "lock" || name.ends_with(".segment") || name.starts_with("prepared-")
}

/// The record of calls, every link checked, each entry handed over.
fn record(offline: Offline, visit: &mut dyn FnMut(Link, &[u8])) -> Result<Chain> {
    let config = Config::load(offline.into())?;
    let directory = config.data.join(RECORD);
    if !directory.exists() {
        bail!("{} holds no record of calls", config.data.display());
    }
    let root_key = root_key::load(&config, false, &mut OsRandom)?;
    let found = sekisho_audit::verify(&directory, &root_key, visit)?;
    found.with_context(|| format!("nothing is recorded in {}", directory.display()))
}

fn print_log(offline: Offline) -> Result<()> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let mut written = Ok(());
    record(offline, &mut |link, entry| {
        if written.is_ok() {
            written = writeln!(out, "{{\"number\":{},{}", link.number, String::from_utf8_lossy(&entry[1..]));
        }
    })?;
    written.and_then(|()| out.flush()).or_else(|error| match error.kind() {
        std::io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(error.into()),
    })
}

fn verify(VerifyArgs { offline, mut noted }: VerifyArgs) -> Result<()> {
    let mut changed = Vec::new();
    let mut check = |link: Link, _: &[u8]| {
        changed.extend(noted.extract_if(.., |noted| noted.number == link.number).filter(|noted| *noted != link));
    };
    let Chain { first, head, entries, .. } = record(offline, &mut check)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{entries} entries, from number {first} on; each opens and holds the hash of the one before it")?;
    for link in &changed {
        writeln!(out, "WRONG:   entry {} is not what was noted", link.number)?;
    }
    for link in &noted {
        let why = if link.number < first { "went for age" } else { "is not there: the end of the record is missing" };
        writeln!(out, "{} entry {} {why}", if link.number < first { "        " } else { "WRONG:  " }, link.number)?;
    }
    writeln!(out, "the last: {head}")?;
    if changed.is_empty() && noted.iter().all(|link| link.number < first) {
        return Ok(());
    }
    bail!("the record is not what it was")
}

fn keys(offline: Offline) -> Result<()> {
    let Audited { state, verified, .. } = audit(offline)?;
    let cores = state.read();
    let mut users: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let arn = |named: &str| cores.kms.resolve(named).map_or_else(|_| named.to_owned(), |key| key.arn(state.tenant()));
    for (name, bucket) in cores.objects.buckets() {
        if let Some(key) = &bucket.encryption.kms_key {
            users.entry(arn(key)).or_default().push(format!("new objects of s3://{name}"));
        }
    }
    for stream in cores.delivery.streams() {
        if let Some(key) = &stream.destination.kms_key_arn {
            users.entry(arn(key)).or_default().push(format!("what stream {} delivers", stream.name));
        }
    }
    let mut out = std::io::stdout().lock();
    for key in cores.kms.keys() {
        let arn = key.arn(state.tenant());
        let (bodies, bytes) = verified.by_key.get(&arn).copied().unwrap_or_default();
        writeln!(out, "{arn}: opens {bodies} bodies of {bytes} bytes")?;
        for user in users.remove(&arn).unwrap_or_default() {
            writeln!(out, "  used for {user}")?;
        }
    }
    for (gone, users) in users {
        writeln!(out, "{gone}: no such key")?;
        users.iter().try_for_each(|user| writeln!(out, "  wanted for {user}"))?;
    }
    Ok(())
}
