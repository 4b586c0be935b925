//! The record read back, every link checked.
use std::path::Path;

use sekisho_chain::{Chain, Link, Verified};
use sekisho_journal::Recovery;
use sekisho_kms::RootKey;

use crate::log::AuditError;

/// The key the record's files are sealed under. Another than the journal's: no file of one can stand in the other's place.
pub(crate) fn files_key(root_key: &RootKey) -> RootKey {
    RootKey::new(root_key.derive("sekisho audit record"))
}

/// Reads the record in `directory`, though a server may be writing to it, and checks that every entry opens and holds the
/// hash of the one before. `None` if there is none.
///
/// # Errors
/// [`AuditError`]: something was changed, or cannot be read.
pub fn verify(
    directory: &Path,
    root_key: &RootKey,
    visit: &mut dyn FnMut(Link, &[u8]),
) -> Result<Option<Verified>, AuditError> {
    if !directory.exists() {
        return Ok(None);
    }
    let chain = follow(&mut Recovery::look(directory, &files_key(root_key))?, visit)?;
    Ok(chain.whole()?)
}

/// Follows the chain over what `recovery` has.
pub(crate) fn follow(recovery: &mut Recovery, visit: &mut dyn FnMut(Link, &[u8])) -> Result<Chain, AuditError> {
    let (mut chain, mut broken) = (Chain::default(), None);
    recovery.replay(&mut |sequence, entry| {
        if broken.is_none() {
            match chain.follow(sequence.0, entry) {
                Ok((link, record)) => visit(link, record),
                Err(error) => broken = Some(error),
            }
        }
    })?;
    broken.map_or(Ok(chain), |error| Err(error.into()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::os::unix::fs::FileExt;

    use sekisho_chain::ChainError;
    use sekisho_journal::Sequence;
    use sekisho_types::{SecretKey, Timestamp};

    use super::*;
    use crate::{AuditLog, Call, KeyUse, Record};

    fn root_key() -> RootKey {
        RootKey::new(SecretKey::new([7; 32]))
    }

    fn call(resource: &str) -> Record<'_> {
        Record::Call(Call {
            time: Timestamp::from_millis(1_369_353_600_123),
            request_id: "r",
            access_key_id: "AKIAIOSFODNN7EXAMPLE",
            from: "10.0.0.7:40000".parse().unwrap(),
            tls: true,
            service: "s3",
            operation: "PutObject",
            resource,
            context: None,
            status: 403,
            error: Some("AccessDenied"),
        })
    }

    /// Writes some records, in as many runs as there are counts.
    fn written(directory: &Path, runs: &[u64]) -> Link {
        let mut head = None;
        for (run, count) in runs.iter().enumerate() {
            let log = AuditLog::open(directory, &root_key(), u64::MAX).unwrap();
            for at in 0..*count {
                log.append(&call(&format!("s3://lake/{run}/{at}"))).unwrap();
            }
            head = Some(log.head());
            ended(log, directory);
        }
        head.unwrap()
    }

    /// Closes the record and waits until its writer has let go of the directory.
    fn ended(log: AuditLog, directory: &Path) {
        log.close();
        drop(log);
        while Recovery::open(directory, &files_key(&root_key())).is_err() {
            std::thread::yield_now();
        }
    }

    fn lines(directory: &Path) -> Result<Vec<String>, AuditError> {
        let mut lines = Vec::new();
        let mut visit = |link: Link, record: &[u8]| {
            lines.push(format!("{} {}", link.number, String::from_utf8_lossy(record)));
        };
        verify(directory, &root_key(), &mut visit).map(|_| lines)
    }

    #[test]
    fn a_record_goes_on_over_restarts_as_one_chain() {
        let directory = tempfile::tempdir().unwrap();
        let head = written(directory.path(), &[3, 0, 2, 0, 0, 1, 0]);
        let verified = verify(directory.path(), &root_key(), &mut |_, _| {}).unwrap();
        assert_eq!(verified, Some(Verified { first: 1, head, entries: 6, dropped: 0 }));
        assert_eq!(head.number, 6);
        assert_eq!(verify(&directory.path().join("none"), &root_key(), &mut |_, _| {}).unwrap(), None);
    }

    #[test]
    fn records_read_as_json_that_names_what_was_asked_and_how_it_ended() {
        let directory = tempfile::tempdir().unwrap();
        let log = AuditLog::open(directory.path(), &root_key(), u64::MAX).unwrap();
        log.append(&call(&"x".repeat(3000))).unwrap();
        let context = BTreeMap::from([("aws:s3:arn".to_owned(), "arn:aws:s3:::lake/a".to_owned())]);
        let key_use = KeyUse {
            time: Timestamp::from_seconds(0),
            operation: "Decrypt",
            key: "arn:aws:kms:us-east-1:000000000000:key/k",
            context: &context,
            error: None,
        };
        log.append(&Record::KeyUse(key_use)).unwrap();
        ended(log, directory.path());
        let lines = lines(directory.path()).unwrap().join("\n").replace(&"x".repeat(2048), "X");
        expect_test::expect![[r#"
            1 {"kind":"call","time":"2013-05-24T00:00:00.123Z","request_id":"r","access_key_id":"AKIAIOSFODNN7EXAMPLE","from":"10.0.0.7:40000","tls":true,"service":"s3","operation":"PutObject","resource":"X…","status":403,"error":"AccessDenied"}
            2 {"kind":"key_use","time":"1970-01-01T00:00:00.000Z","operation":"Decrypt","key":"arn:aws:kms:us-east-1:000000000000:key/k","context":{"aws:s3:arn":"arn:aws:s3:::lake/a"}}"#]].assert_eq(&lines);
    }

    #[test]
    fn a_changed_byte_and_a_removed_file_are_found() {
        let directory = tempfile::tempdir().unwrap();
        written(directory.path(), &[20, 20, 20]);
        let mut segments: Vec<_> = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        segments.retain(|path| path.extension().is_some_and(|extension| extension == "segment"));
        segments.sort();
        assert_eq!(segments.len(), 3);
        // Behind the header's page lies a block of 32 bytes of header and its ciphertext.
        let file = fs::OpenOptions::new().read(true).write(true).open(&segments[1]).unwrap();
        let (at, mut byte) = (4096 + 32 + 100, [0]);
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_all_at(&[byte[0] ^ 1], at).unwrap();
        assert!(matches!(lines(directory.path()), Err(AuditError::Journal(_))));
        file.write_all_at(&byte, at).unwrap();
        assert_eq!(lines(directory.path()).unwrap().len(), 60);
        fs::rename(&segments[1], directory.path().join("aside")).unwrap();
        assert!(matches!(lines(directory.path()), Err(AuditError::Journal(_))));
        fs::rename(directory.path().join("aside"), &segments[1]).unwrap();
        // Nor may the oldest go, if the record does not say so.
        fs::remove_file(&segments[0]).unwrap();
        assert!(matches!(lines(directory.path()), Err(AuditError::Chain(ChainError::Beheaded { first: 21 }))));
    }

    #[test]
    fn only_so_much_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let log = AuditLog::open(directory.path(), &root_key(), 9 * 1024 * 1024).unwrap();
        let name = "n".repeat(2000);
        for _ in 0..10 {
            let mut last = Sequence(0);
            for _ in 0..1000 {
                last = log.append(&call(&name)).unwrap();
            }
            while !log.is_written(last) {
                std::thread::yield_now();
            }
            log.tend(Timestamp::from_seconds(9)).unwrap();
        }
        let head = log.head();
        ended(log, directory.path());
        let verified = verify(directory.path(), &root_key(), &mut |_, _| {}).unwrap().unwrap();
        assert_eq!(verified.head, head);
        assert!(verified.first > 1 && verified.entries > 2000, "{verified:?}");
        let log = AuditLog::open(directory.path(), &root_key(), u64::MAX).unwrap();
        assert_eq!(log.head(), head);
    }
}
