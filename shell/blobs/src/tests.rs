//! Promises of the object store, on a real directory.
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sekisho_journal::Durability;
use sekisho_kms::RootKey;
use sekisho_objects::{ChecksumAlgorithm, Digests, EncryptionRequest, ObjectsError, Precondition, SseAlgorithm};
use sekisho_state::{Event, State};
use sekisho_types::{AccountId, BucketName, ObjectKey, Region, SecretKey, Tenant, Timestamp};

use crate::{CompletedPart, MultipartError, NewMultipart, NewObject, ObjectStore, PART_BYTES_MIN, Reader, StoreError};

struct World {
    dir: tempfile::TempDir,
    state: Arc<State>,
    store: ObjectStore,
}

fn lake() -> BucketName {
    BucketName::parse("lake").unwrap()
}

fn key(text: &str) -> ObjectKey {
    ObjectKey::parse(text).unwrap()
}

fn open(dir: &Path) -> (Arc<State>, ObjectStore) {
    let tenant =
        Tenant { account: AccountId::parse("000000000000").unwrap(), region: Region::parse("us-east-1").unwrap() };
    let root_key = RootKey::new(SecretKey::new([7; 32]));
    let clock = Arc::new(|| Timestamp::from_seconds(1));
    let journal = dir.join("journal");
    let opened = sekisho_state::open(&journal, tenant, root_key, Durability::Relaxed, clock, &mut |_, _| {}).unwrap();
    let state = Arc::new(opened.state);
    let store = ObjectStore::open(&dir.join("objects"), state.clone()).unwrap();
    (state, store)
}

impl World {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (state, store) = open(dir.path());
        let made = state.commit(|cores| {
            let events = cores.objects.create_bucket(Timestamp::from_seconds(1), &lake())?;
            Ok::<_, ObjectsError>((events.into_iter().map(Event::from).collect(), ()))
        });
        made.await.unwrap();
        Self { dir, state, store }
    }

    /// Every file below the directory of bodies.
    fn files(&self) -> Vec<PathBuf> {
        files(&self.dir.path().join("objects"))
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn new(text: &str, algorithm: Option<SseAlgorithm>) -> NewObject {
    NewObject {
        bucket: lake(),
        key: key(text),
        headers: BTreeMap::new(),
        metadata: BTreeMap::new(),
        encryption: EncryptionRequest { algorithm, ..EncryptionRequest::default() },
        checksum: ChecksumAlgorithm::CRC64NVME,
        expected_checksum: None,
        content_md5: None,
    }
}

async fn rest(mut reader: Reader) -> Result<Vec<u8>, StoreError> {
    let mut all = Vec::new();
    while let Some(piece) = reader.next().await? {
        all.extend_from_slice(&piece);
    }
    Ok(all)
}

/// Bytes that repeat at no distance a chunk could hide behind.
fn body(size: usize) -> Vec<u8> {
    (0..size).map(|n| (n * 7 + n / 251 + n / 65_521) as u8).collect()
}

#[tokio::test]
async fn every_range_of_every_mode_comes_back() {
    let world = World::new().await;
    for algorithm in [None, Some(SseAlgorithm::AwsKms)] {
        for size in [0, 1, 65_536, 65_537, 1_200_000] {
            let body = body(size);
            let record = world.store.put(new("k", algorithm), body.clone()).await.unwrap();
            assert_eq!(record.size, size as u64);
            for (from, to) in [(0, size), (0, 1), (size / 2, size), (65_535, 65_537), (size.saturating_sub(3), size)] {
                let (_, reader) = world.store.get(&lake(), &key("k")).await.unwrap();
                let (from, to) = (from.min(size), to.min(size));
                let read = rest(reader.range(from as u64, to as u64)).await.unwrap();
                assert!(read == body[from..to], "{algorithm:?}, {from}..{to} of {size}");
            }
        }
    }
}

#[tokio::test]
async fn the_etag_is_the_md5_with_sse_s3_alone() {
    let world = World::new().await;
    let put = |algorithm| world.store.put(new("k", algorithm), "hello");
    assert_eq!(put(None).await.unwrap().etag, "5d41402abc4b2a76b9719d911017c592");
    let (one, other) = (put(Some(SseAlgorithm::AwsKms)).await.unwrap(), put(Some(SseAlgorithm::AwsKms)).await.unwrap());
    assert_ne!(one.etag, other.etag);
    assert_eq!((one.etag.len(), one.encryption), (32, other.encryption), "one managed key for all");
}

#[tokio::test]
async fn no_plaintext_reaches_the_disk() {
    let world = World::new().await;
    let needle = b"the quick brown fox jumps over the lazy dog";
    let plain = needle.repeat(5000);
    world.store.put(new("secret-key-name", None), plain.clone()).await.unwrap();
    world.store.put(new("k", Some(SseAlgorithm::AwsKms)), plain.clone()).await.unwrap();
    let mut upload = world.store.begin(new("unfinished", None)).await.unwrap();
    upload.write(&plain).unwrap();
    let all = files(world.dir.path());
    assert!(all.len() >= 4);
    for file in all {
        let bytes = fs::read(&file).unwrap();
        for needle in [&needle[..16], b"secret-key-name"] {
            assert!(!bytes.windows(needle.len()).any(|window| window == needle), "{}", file.display());
        }
    }
}

#[tokio::test]
async fn every_flipped_byte_is_refused() {
    let world = World::new().await;
    for algorithm in [None, Some(SseAlgorithm::AwsKms)] {
        world.store.put(new("k", algorithm), "a body of a few bytes").await.unwrap();
        let [file] = world.files().try_into().unwrap();
        let sealed = fs::read(&file).unwrap();
        for at in 0..sealed.len() {
            let mut flipped = sealed.clone();
            flipped[at] ^= 1;
            fs::write(&file, flipped).unwrap();
            let read = match world.store.get(&lake(), &key("k")).await {
                Ok((_, reader)) => rest(reader).await,
                Err(error) => Err(error),
            };
            assert!(matches!(read, Err(StoreError::Damaged { .. })), "{algorithm:?}, byte {at}: {read:?}");
        }
        for other in [&sealed[..sealed.len() - 1], &[&sealed[..], b"x"].concat(), b""] {
            fs::write(&file, other).unwrap();
            let read = world.store.get(&lake(), &key("k")).await.err();
            assert!(matches!(read, Some(StoreError::Damaged { .. })), "{} bytes: {read:?}", other.len());
        }
        fs::remove_file(&file).unwrap();
        assert!(matches!(world.store.get(&lake(), &key("k")).await, Err(StoreError::Damaged { .. })));
        fs::write(&file, sealed).unwrap();
        world.store.delete(&lake(), &key("k")).await.unwrap();
    }
}

#[tokio::test]
async fn another_objects_file_is_refused() {
    let world = World::new().await;
    world.store.put(new("a", None), "of a").await.unwrap();
    let [a] = world.files().try_into().unwrap();
    world.store.put(new("b", None), "of b").await.unwrap();
    let b = world.files().into_iter().find(|file| *file != a).unwrap();
    fs::copy(&a, &b).unwrap();
    assert!(matches!(world.store.get(&lake(), &key("b")).await, Err(StoreError::Damaged { .. })));
}

#[tokio::test]
async fn what_is_replaced_or_deleted_can_be_read_to_its_end() {
    let world = World::new().await;
    let old = body(1_200_000);
    world.store.put(new("k", None), old.clone()).await.unwrap();
    let (_, mut replaced) = world.store.get(&lake(), &key("k")).await.unwrap();
    let first = replaced.next().await.unwrap().unwrap();
    world.store.put(new("k", None), "new").await.unwrap();
    let (_, deleted) = world.store.get(&lake(), &key("k")).await.unwrap();
    world.store.delete(&lake(), &key("k")).await.unwrap();
    assert_eq!(world.files().len(), 2, "both are being read");
    let read = [first.to_vec(), rest(replaced).await.unwrap()].concat();
    assert!(read == old);
    assert_eq!(rest(deleted).await.unwrap(), b"new");
    assert!(world.files().is_empty(), "nobody reads any more");
}

#[tokio::test]
async fn what_a_crash_leaves_is_swept_and_nothing_else() {
    let world = World::new().await;
    world.store.put(new("kept", None), "kept").await.unwrap();
    let [kept] = world.files().try_into().unwrap();
    let objects = world.dir.path().join("objects");
    let orphan =
        kept.with_file_name(format!("{}{}", &kept.file_name().unwrap().to_str().unwrap()[..2], "0".repeat(30)));
    fs::write(&orphan, "finished, never indexed").unwrap();
    fs::write(objects.join(format!("unfinished-{}", "0".repeat(32))), "never finished").unwrap();
    fs::write(objects.join("README"), "somebody else's").unwrap();
    let store = ObjectStore::open(&objects, world.state.clone()).unwrap();
    let mut left = files(&objects);
    left.sort();
    let mut expected = vec![objects.join("README"), kept];
    expected.sort();
    assert_eq!(left, expected);
    let (_, reader) = store.get(&lake(), &key("kept")).await.unwrap();
    assert_eq!(rest(reader).await.unwrap(), b"kept");
}

#[tokio::test]
async fn nothing_stays_of_what_was_refused_or_dropped() {
    let world = World::new().await;
    let checksum = Some("AAAAAAAAAAA=".to_owned());
    let refused = world.store.put(NewObject { expected_checksum: checksum, ..new("k", None) }, "x").await;
    assert!(matches!(refused, Err(StoreError::Checksum(ChecksumAlgorithm::CRC64NVME))));
    let refused = world.store.put(NewObject { content_md5: Some([0; 16]), ..new("k", None) }, "x").await;
    assert!(matches!(refused, Err(StoreError::ContentMd5)));
    let absent = NewObject { bucket: BucketName::parse("absent").unwrap(), ..new("k", None) };
    assert!(matches!(world.store.put(absent, "x").await, Err(StoreError::Objects(ObjectsError::NoSuchBucket(_)))));
    let unknown = EncryptionRequest {
        algorithm: Some(SseAlgorithm::AwsKms),
        kms_key: Some("nobody's".into()),
        ..EncryptionRequest::default()
    };
    let refused = world.store.put(NewObject { encryption: unknown, ..new("k", None) }, "x").await;
    assert!(matches!(refused, Err(StoreError::Kms(_))));
    drop(world.store.begin(new("k", None)).await.unwrap());
    assert!(world.files().is_empty());
    assert!(world.store.get(&lake(), &key("k")).await.is_err());
}

#[tokio::test]
async fn a_precondition_holds_when_the_object_becomes_visible() {
    let world = World::new().await;
    let begin = async |precondition| {
        let mut upload = world.store.begin(new("k", None)).await.unwrap();
        upload.require(Some(precondition));
        upload
    };
    // Both began before either was there.
    let (one, other) = (begin(Precondition::Absent).await, begin(Precondition::Absent).await);
    let etag = one.finish().await.unwrap().etag;
    let refused = other.finish().await;
    assert!(matches!(refused, Err(StoreError::Objects(ObjectsError::PreconditionFailed("If-None-Match")))));
    assert_eq!(world.files().len(), 1);
    assert!(begin(Precondition::Matches("other".into())).await.finish().await.is_err());
    assert!(begin(Precondition::Matches(etag)).await.finish().await.is_ok());
}

#[tokio::test]
async fn parts_are_one_object() {
    let world = World::new().await;
    let all = body(PART_BYTES_MIN as usize + 100_000);
    let (first, second) = all.split_at(PART_BYTES_MIN as usize);
    for (algorithm, composite) in
        [(ChecksumAlgorithm::CRC64NVME, false), (ChecksumAlgorithm::CRC32, false), (ChecksumAlgorithm::SHA256, true)]
    {
        let begun = NewMultipart {
            bucket: lake(),
            key: key("k"),
            headers: BTreeMap::new(),
            metadata: BTreeMap::new(),
            encryption: EncryptionRequest { algorithm: Some(SseAlgorithm::AwsKms), ..EncryptionRequest::default() },
            checksum: algorithm,
            composite,
        };
        let (id, _) = world.store.create_multipart(begun).await.unwrap();
        let mut parts = Vec::new();
        // The second part comes first, and the first comes twice.
        for (number, bytes) in [(2, second), (1, second), (1, first)] {
            let mut part = world.store.begin_part(&id, &lake(), &key("k"), None).await.unwrap();
            part.write(bytes).unwrap();
            let part = world.store.finish_part(&id, number, part).await.unwrap();
            parts.push(CompletedPart { number, etag: part.etag });
        }
        let [two, stale, one] = parts.try_into().unwrap();
        let complete = async |parts: &[CompletedPart]| {
            world.store.complete_multipart(&id, &lake(), &key("k"), parts, None, None).await
        };
        let refused = |outcome: Result<_, StoreError>| match outcome {
            Err(StoreError::Multipart(refusal)) => refusal,
            other => panic!("{other:?}"),
        };
        assert_eq!(refused(complete(&[two.clone(), one.clone()]).await), MultipartError::InvalidPartOrder);
        assert_eq!(refused(complete(&[stale, two.clone()]).await), MultipartError::InvalidPart(1));
        let record = complete(&[one, two]).await.unwrap();
        assert!(record.etag.ends_with("-2"));
        let mut digests = Digests::new(algorithm, false);
        digests.update(&all);
        let expected = digests.finish().0;
        let checksum = record.checksum.unwrap();
        assert_eq!(checksum == expected, !composite, "{algorithm:?}");
        assert_eq!(checksum.value.ends_with("-2"), composite);
        assert_eq!(refused(complete(&[]).await), MultipartError::NoSuchUpload);
        assert_eq!(world.files().len(), 2, "the two parts, and nothing they replaced");
        let (_, reader) = world.store.get(&lake(), &key("k")).await.unwrap();
        let (from, to) = (PART_BYTES_MIN as usize - 70_000, PART_BYTES_MIN as usize + 5);
        assert!(rest(reader.range(from as u64, to as u64)).await.unwrap() == all[from..to], "over the border");
        let (_, reader) = world.store.get(&lake(), &key("k")).await.unwrap();
        assert!(rest(reader).await.unwrap() == all);
    }
}

#[tokio::test]
async fn an_aborted_upload_leaves_nothing() {
    let world = World::new().await;
    let begun = NewMultipart {
        bucket: lake(),
        key: key("k"),
        headers: BTreeMap::new(),
        metadata: BTreeMap::new(),
        encryption: EncryptionRequest::default(),
        checksum: ChecksumAlgorithm::CRC32,
        composite: true,
    };
    let (id, _) = world.store.create_multipart(begun).await.unwrap();
    let part = world.store.begin_part(&id, &lake(), &key("k"), None).await.unwrap();
    world.store.finish_part(&id, 1, part).await.unwrap();
    let late = world.store.begin_part(&id, &lake(), &key("k"), None).await.unwrap();
    assert!(world.store.abort_multipart(&id, &lake(), &key("other")).await.is_err(), "another object's");
    world.store.abort_multipart(&id, &lake(), &key("k")).await.unwrap();
    assert!(world.store.finish_part(&id, 2, late).await.is_err());
    assert!(world.files().is_empty());
}

#[tokio::test]
async fn a_disabled_key_makes_its_objects_unreadable_at_once() {
    let world = World::new().await;
    let made = world.state.commit(|cores| {
        let mut random = world.state.random();
        let (now, root_key) = (world.state.now(), world.state.root_key());
        let (events, key) = cores.kms.create_key(now, root_key, String::new(), None, BTreeMap::new(), &mut random)?;
        Ok::<_, sekisho_kms::KmsError>((events.into_iter().map(Event::from).collect(), key.key_id.to_string()))
    });
    let kms_key = made.await.unwrap();
    let encryption = EncryptionRequest {
        algorithm: Some(SseAlgorithm::AwsKms),
        kms_key: Some(kms_key.clone()),
        context: BTreeMap::from([("a".to_owned(), "b".to_owned())]),
        ..EncryptionRequest::default()
    };
    world.store.put(NewObject { encryption: encryption.clone(), ..new("k", None) }, "x").await.unwrap();
    for (enabled, readable) in [(false, false), (true, true)] {
        let set = world.state.commit(|cores| {
            let (events, _) = cores.kms.set_enabled(&kms_key, enabled)?;
            Ok::<_, sekisho_kms::KmsError>((events.into_iter().map(Event::from).collect(), ()))
        });
        set.await.unwrap();
        assert_eq!(world.store.get(&lake(), &key("k")).await.is_ok(), readable);
        let put = world.store.put(NewObject { encryption: encryption.clone(), ..new("other", None) }, "x").await;
        assert_eq!(put.is_ok(), readable, "{put:?}");
    }
}
