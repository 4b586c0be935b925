//! What the journal promises, tried with a disk that is cut, flipped and emptied.
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use sekisho_kms::RootKey;
use sekisho_types::SecretKey;

use crate::segment::HEADER_BYTES;
use crate::{Durability, Journal, JournalError, Layout, Recovery, Sequence};

fn root_key() -> RootKey {
    RootKey::new(SecretKey::new([7; 32]))
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime")
}

/// Entries with their sequences.
type Found = Vec<(u64, Vec<u8>)>;

/// Opens, replays into a list, starts.
fn open(directory: &Path) -> Result<(Journal, Found), JournalError> {
    open_as(directory, Durability::Strict)
}

fn open_as(directory: &Path, durability: Durability) -> Result<(Journal, Found), JournalError> {
    let mut recovery = Recovery::open(directory, &root_key())?;
    let mut entries = Vec::new();
    recovery.replay(&mut |sequence, entry| entries.push((sequence.0, entry.to_vec())))?;
    Ok((recovery.start(durability, Layout::JOURNAL, Sequence(0))?, entries))
}

/// Appends `entries` one batch each, and waits until they are durable.
fn write(journal: &Journal, entries: &[&[u8]]) {
    for entry in entries {
        let sequence = journal.append(entry).unwrap();
        runtime().block_on(journal.wait_durable(sequence)).unwrap();
    }
}

/// Ends the journal and waits until its lock is free.
fn close(journal: Journal) {
    let directory = journal.shared.directory.clone();
    journal.close();
    drop(journal);
    while matches!(Recovery::open(&directory, &root_key()), Err(JournalError::InUse { .. })) {
        std::thread::yield_now();
    }
}

fn segments(directory: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "segment"))
        .collect();
    paths.sort();
    paths
}

fn flip(path: &Path, offset: u64) {
    let file = fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ 1], offset).unwrap();
}

#[test]
fn what_was_durable_is_there_after_a_restart_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let (journal, found) = open(directory.path()).unwrap();
    assert_eq!(found, []);
    write(&journal, &[b"one", b"", b"three"]);
    close(journal);
    let (journal, found) = open(directory.path()).unwrap();
    assert_eq!(found, [(1, b"one".to_vec()), (2, vec![]), (3, b"three".to_vec())]);
    write(&journal, &[b"four"]);
    close(journal);
    assert_eq!(open(directory.path()).unwrap().1.last(), Some(&(4, b"four".to_vec())));
}

#[test]
fn entries_are_read_back_by_sequence() {
    let directory = tempfile::tempdir().unwrap();
    let (journal, _) = open(directory.path()).unwrap();
    write(&journal, &[b"1", b"2", b"3", b"4"]);
    let mut read = Vec::new();
    journal.read(2..=3, &mut |sequence, entry| read.push((sequence.0, entry.to_vec()))).unwrap();
    assert_eq!(read, [(2, b"2".to_vec()), (3, b"3".to_vec())]);
    assert!(matches!(journal.read(4..=5, &mut |_, _| {}), Err(JournalError::Gone(Sequence(5)))));
}

#[test]
fn many_entries_at_once_share_blocks_and_keep_their_order() {
    let directory = tempfile::tempdir().unwrap();
    let (journal, _) = open(directory.path()).unwrap();
    let large = vec![b'x'; 100_000];
    let sequences: Vec<Sequence> = (0..500).map(|_| journal.append(&large).unwrap()).collect();
    let last = sequences[499];
    runtime().block_on(journal.wait_durable(last)).unwrap();
    assert!(segments(directory.path()).len() > 1, "50 MB do not fit one segment");
    close(journal);
    let (_, found) = open(directory.path()).unwrap();
    assert!(found.iter().map(|(sequence, _)| *sequence).eq(1..=500));
    assert!(found.iter().all(|(_, entry)| *entry == large));
}

#[test]
fn a_torn_tail_is_cut_off_and_forgotten() {
    let directory = tempfile::tempdir().unwrap();
    let (journal, _) = open(directory.path()).unwrap();
    write(&journal, &[b"kept", b"torn"]);
    close(journal);
    let path = segments(directory.path()).remove(0);
    let first_block = HEADER_BYTES + 32 + 4 + 4 + 16;
    flip(&path, first_block + 40);
    let (journal, found) = open(directory.path()).unwrap();
    assert_eq!(found, [(1, b"kept".to_vec())]);
    write(&journal, &[b"after"]);
    close(journal);
    assert_eq!(open(directory.path()).unwrap().1, [(1, b"kept".to_vec()), (2, b"after".to_vec())]);
}

#[test]
fn damage_to_what_was_durable_is_refused_at_every_byte() {
    let directory = tempfile::tempdir().unwrap();
    let (journal, _) = open(directory.path()).unwrap();
    write(&journal, &[b"first", b"second", b"third"]);
    close(journal);
    let path = segments(directory.path()).remove(0);
    let block = 32 + 4 + 5 + 16;
    for offset in HEADER_BYTES..HEADER_BYTES + block {
        flip(&path, offset);
        let refused = matches!(open(directory.path()), Err(JournalError::Damaged { .. }));
        assert!(refused, "offset {offset}");
        flip(&path, offset);
    }
    assert_eq!(open(directory.path()).unwrap().1.len(), 3);
}

/// A relaxed journal promises nothing of what was not synced: a power cut may keep a later block and lose an earlier one.
#[test]
fn what_a_relaxed_journal_has_not_synced_is_no_damage() {
    for (synced, opens) in [(false, true), (true, false)] {
        let directory = tempfile::tempdir().unwrap();
        let (journal, _) = open_as(directory.path(), Durability::Relaxed).unwrap();
        write(&journal, &[b"one"]);
        if synced {
            journal.sync_written().unwrap();
        }
        write(&journal, &[b"two"]);
        close(journal);
        flip(&segments(directory.path())[0], HEADER_BYTES + 40); // in the first block
        match open(directory.path()) {
            Ok((journal, found)) => {
                assert!(opens && found.is_empty(), "{found:?}");
                close(journal);
            }
            Err(error) => assert!(!opens && matches!(error, JournalError::Damaged { .. }), "{error}"),
        }
    }
}

#[test]
fn a_missing_segment_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    for entry in [b"a", b"b", b"c"] {
        let (journal, _) = open(directory.path()).unwrap();
        write(&journal, &[entry]);
        close(journal);
    }
    fs::remove_file(&segments(directory.path())[1]).unwrap();
    assert!(matches!(open(directory.path()), Err(JournalError::Missing { .. })));
}

#[test]
fn a_wrong_root_key_is_refused_and_touches_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (journal, _) = open(directory.path()).unwrap();
    write(&journal, &[b"sealed"]);
    close(journal);
    let before = fs::read(&segments(directory.path())[0]).unwrap();
    let other = RootKey::new(SecretKey::new([8; 32]));
    assert!(matches!(Recovery::open(directory.path(), &other), Err(JournalError::RootKey { .. })));
    assert_eq!(fs::read(&segments(directory.path())[0]).unwrap(), before);
}

#[test]
fn one_process_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let (_journal, _) = open(directory.path()).unwrap();
    assert!(matches!(Recovery::open(directory.path(), &root_key()), Err(JournalError::InUse { .. })));
}

#[test]
fn a_snapshot_stands_for_what_is_dropped() {
    let directory = tempfile::tempdir().unwrap();
    for entry in [b"a", b"b"] {
        let (journal, _) = open(directory.path()).unwrap();
        write(&journal, &[entry]);
        close(journal);
    }
    let (journal, _) = open(directory.path()).unwrap();
    write(&journal, &[b"c"]);
    let large = vec![b'y'; 300_000];
    journal.write_snapshot(Sequence(2), &mut [b"ab".to_vec(), large.clone()].into_iter()).unwrap();
    journal.drop_before(Sequence(3)).unwrap();
    assert_eq!(segments(directory.path()).len(), 1);
    close(journal);
    let mut recovery = Recovery::open(directory.path(), &root_key()).unwrap();
    let mut snapshot = Vec::new();
    assert_eq!(recovery.snapshot(&mut |entry| snapshot.push(entry.to_vec())).unwrap(), Sequence(2));
    assert_eq!(snapshot, [b"ab".to_vec(), large]);
    let mut replayed = Vec::new();
    recovery.replay(&mut |sequence, entry| replayed.push((sequence.0, entry.to_vec()))).unwrap();
    assert_eq!(replayed, [(3, b"c".to_vec())]);
}

#[test]
fn no_entry_is_readable_in_the_files() {
    let directory = tempfile::tempdir().unwrap();
    let (journal, _) = open(directory.path()).unwrap();
    write(&journal, &[b"planted-marker-planted-marker"]);
    journal.write_snapshot(Sequence(1), &mut [b"planted-marker".to_vec()].into_iter()).unwrap();
    for file in fs::read_dir(directory.path()).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(14).any(|window| window == b"planted-marker"));
    }
}

#[test]
fn what_recovery_would_not_read_is_not_written() {
    let directory = tempfile::tempdir().unwrap();
    let (journal, _) = open(directory.path()).unwrap();
    let huge = vec![0; crate::block::ENTRY_BYTES_MAX + 1];
    assert!(matches!(journal.append(&huge), Err(JournalError::TooLarge { .. })));
    write(&journal, &[b"small"]);
    journal.write_snapshot(Sequence(1), &mut [b"state".to_vec()].into_iter()).unwrap();
    let refused = journal.write_snapshot(Sequence(1), &mut [huge].into_iter());
    assert!(matches!(refused, Err(JournalError::TooLarge { .. })), "the snapshot that is there stays");
    close(journal);
    let recovery = Recovery::open(directory.path(), &root_key()).unwrap();
    let mut found = Vec::new();
    recovery.snapshot(&mut |entry| found.push(entry.to_vec())).unwrap();
    assert_eq!(found, [b"state"]);
}

#[test]
fn producers_are_pushed_back_while_the_queue_is_full() {
    let queue = crate::queue::Queue::new(1);
    let entry = vec![0; 1024 * 1024];
    let mut admitted = 0;
    while queue.has_room() {
        queue.push(&entry).unwrap();
        admitted += 1;
    }
    assert_eq!(admitted, crate::queue::QUEUE_BYTES_MAX / entry.len());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(queue.poll_room(&mut context, false).is_pending());
    let bytes = queue.take().iter().map(crate::block::Builder::len).sum();
    queue.written(bytes);
    assert!(queue.poll_room(&mut context, true).is_ready());
    queue.set_disk_full(crate::queue::Full::ForSegments, true);
    assert!(queue.poll_room(&mut context, true).is_pending() && queue.poll_room(&mut context, false).is_ready());
    queue.set_disk_full(crate::queue::Full::ForSegments, false);
    assert!(queue.poll_room(&mut context, true).is_ready());
}

#[test]
fn headers_decode_or_are_refused_and_never_panic() {
    bolero::check!(name = "journal_headers").for_each(|bytes: &[u8]| {
        if let Some(header) = crate::block::Header::decode(bytes) {
            assert_eq!(crate::block::Header::decode(&header.encode()), Some(header));
        }
        let _ = crate::segment::Header::decode(bytes);
        let _ = crate::block::Entries::new(bytes, 1).count();
    });
}
