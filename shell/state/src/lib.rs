//! The account's state: every core with memory behind one lock, and the one way to change it.
//!
//! A command decides against the present state and yields events; [`State::commit`] journals them as one entry, applies
//! them, and returns when they are durable. Recovery applies the same entries again. Nothing else writes.
mod clock; // the wall clock and randomness of the operating system
mod cores; // the cores, and the event that is any of theirs
mod entry; // which journal entries are the state's
mod recover; // snapshot, replay, start

use std::fmt;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{OnceLock, PoisonError, RwLock};

use sekisho_audit::{AuditLog, KeyUse, Record};
use sekisho_journal::{Journal, JournalError, Sequence};
use sekisho_kms::{EncryptionContext, KmsError, RootKey};
use sekisho_types::{Tenant, Timestamp};

pub use clock::{Clock, OsRandom, system_clock};
pub use cores::{Cores, Event};
pub use recover::{OpenError, Opened, open};

/// Told of every event after it was applied, with the state it left. Must not block: it runs on the committing task.
pub type Observer = Box<dyn Fn(&[Event], &Cores) + Send + Sync>;

/// Told of every event just before it is applied, with the state it meets and the entry of the journal it is in. Must not block, the
/// same. Recovery tells nobody.
pub type Witness = Box<dyn Fn(Sequence, &Event, &Cores) + Send + Sync>;

/// The account's state. Shared by everybody who answers a question or takes a command.
pub struct State {
    cores: RwLock<Cores>,
    journal: Journal,
    tenant: Tenant,
    root_key: RootKey,
    clock: Clock,
    /// The journal's sequence of the last entry applied.
    applied: AtomicU64,
    /// As of which sequence the last snapshot was taken.
    snapshot: AtomicU64,
    observers: OnceLock<Vec<Observer>>,
    witness: OnceLock<Witness>,
    audit: OnceLock<AuditLog>,
}

/// Why a command did not take effect.
#[derive(Debug)]
pub enum CommitError<E> {
    /// The command refused; nothing was written.
    Command(E),
    /// The journal has stopped; whether the command survives is not known.
    Journal(JournalError),
}

impl<E: fmt::Display> fmt::Display for CommitError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(error) => error.fmt(f),
            Self::Journal(error) => error.fmt(f),
        }
    }
}

impl<E: std::error::Error> std::error::Error for CommitError<E> {}

impl State {
    /// The present state. Do not hold it across an await.
    pub fn read(&self) -> impl Deref<Target = Cores> + '_ {
        self.cores.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `command`; journals and applies the events it yields, all or none; returns once they are durable.
    pub async fn commit<T, E>(
        &self,
        command: impl FnOnce(&Cores) -> Result<(Vec<Event>, T), E>,
    ) -> Result<T, CommitError<E>> {
        let (output, sequence) = self.apply(command)?;
        self.journal.wait_durable(sequence).await.map_err(CommitError::Journal)?;
        Ok(output)
    }

    /// Runs `command` as [`State::commit`] does, without waiting: for whoever has many, and calls [`State::settle`] after the
    /// last. Nothing of it may be told to anybody before that.
    pub fn enqueue<T, E>(
        &self,
        command: impl FnOnce(&Cores) -> Result<(Vec<Event>, T), E>,
    ) -> Result<T, CommitError<E>> {
        self.apply(command).map(|(output, _)| output)
    }

    fn apply<T, E>(
        &self,
        command: impl FnOnce(&Cores) -> Result<(Vec<Event>, T), E>,
    ) -> Result<(T, Sequence), CommitError<E>> {
        let mut cores = self.cores.write().unwrap_or_else(PoisonError::into_inner);
        let (events, output) = command(&cores).map_err(CommitError::Command)?;
        if events.is_empty() {
            return Ok((output, Sequence(self.applied.load(Ordering::Acquire))));
        }
        let sequence = self.journal.append(&entry::encode(&events)).map_err(CommitError::Journal)?;
        for event in &events {
            if let Some(witness) = self.witness.get() {
                witness(sequence, event, &cores);
            }
            cores.apply(event);
        }
        self.applied.store(sequence.0, Ordering::Release);
        if let Some(observers) = self.observers.get() {
            observers.iter().for_each(|observe| observe(&events, &cores));
        }
        Ok((output, sequence))
    }

    /// The journal's place of the last change: what was enqueued by now is durable when it is.
    pub fn applied(&self) -> Sequence {
        Sequence(self.applied.load(Ordering::Acquire))
    }

    /// Waits until everything that [`State::read`] could have shown by now is durable, so that no answer tells of
    /// something a crash would undo.
    pub async fn settle(&self) -> Result<(), JournalError> {
        self.journal.wait_durable(self.applied()).await
    }

    /// Who is told of every change. Set once, while the system is wired.
    pub fn observe(&self, observers: Vec<Observer>) {
        assert!(self.observers.set(observers).is_ok(), "observers are set once, in wire.rs");
    }

    /// Who sees every change coming. Set once, while the system is wired.
    pub fn witness(&self, witness: Witness) {
        assert!(self.witness.set(witness).is_ok(), "the witness is set once, in wire.rs");
    }

    /// Where calls and key uses are recorded. Set once, while the system is wired; without it they are not.
    pub fn record_in(&self, audit: AuditLog) {
        assert!(self.audit.set(audit).is_ok(), "the record is set once, in wire.rs");
    }

    /// The record of calls and key uses, if there is one.
    pub fn audit(&self) -> Option<&AuditLog> {
        self.audit.get()
    }

    /// Records that the server itself used a KMS key, or was refused it. If the disk does not take that, the server stops.
    pub fn key_used<T>(
        &self,
        operation: &'static str,
        key: &str,
        context: &EncryptionContext,
        outcome: &Result<T, KmsError>,
    ) {
        let Some(audit) = self.audit() else { return };
        let error = outcome.as_ref().err().map(KmsError::code);
        let record = KeyUse { time: self.now(), operation, key, context, error };
        if let Err(error) = audit.append(&Record::KeyUse(record)) {
            tracing::error!(%error, key, operation, "the use of a key cannot be recorded");
        }
    }

    /// Replaces the snapshot if the journal has grown since, and drops what neither it nor a delivery stream needs:
    /// `oldest_pending` is the first entry the latter still wants. Blocks the thread.
    pub fn compact(&self, oldest_pending: Sequence) -> Result<(), JournalError> {
        let (as_of, events) = {
            let cores = self.cores.read().unwrap_or_else(PoisonError::into_inner);
            (Sequence(self.applied.load(Ordering::Acquire)), cores.snapshot())
        };
        if as_of.0 > self.snapshot.load(Ordering::Acquire) && as_of <= self.journal.durable() {
            let mut entries = entry::snapshot(events);
            self.journal.write_snapshot(as_of, &mut entries)?;
            self.snapshot.store(as_of.0, Ordering::Release);
        }
        // Up to the snapshot the state needs nothing; behind it, whatever was applied since.
        let snapshot = self.snapshot.load(Ordering::Acquire);
        let state_needs = match self.applied.load(Ordering::Acquire) {
            applied if applied == snapshot => oldest_pending,
            _ => Sequence(snapshot + 1),
        };
        self.journal.drop_before(state_needs.min(oldest_pending))
    }

    /// The wall clock.
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// The operating system's randomness.
    pub fn random(&self) -> OsRandom {
        OsRandom
    }

    /// The account and region this server answers for.
    pub fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// What every key is wrapped under.
    pub fn root_key(&self) -> &RootKey {
        &self.root_key
    }

    /// The journal, for those who append entries of their own.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }
}
