//! Promises of the object store, on a real directory.
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sekisho_journal::{Durability, JournalError};
use sekisho_kms::RootKey;
use sekisho_objects::{
    BucketEncryption, ChecksumAlgorithm, CompletedPart, Completion, CustomerKey, Digests, Encryption,
    EncryptionRequest, Expiration, Lifecycle, LifecycleRule, ObjectsError, PART_BYTES_MIN, Pairs, Precondition,
    Setting, SseAlgorithm,
};
use sekisho_state::{Event, State};
use sekisho_types::{AccountId, BucketName, ObjectKey, Region, SecretKey, Tenant, Timestamp};

use crate::{NewMultipart, NewObject, ObjectStore, Reader, StoreError, UploadName};

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
    let open = || {
        let (tenant, root_key, clock) = (tenant.clone(), root_key.clone(), clock.clone());
        sekisho_state::open(&journal, tenant, root_key, Durability::Relaxed, clock, &mut |_, _| {})
    };
    // Whoever had it open before may still be on the way out.
    let opened = loop {
        match open() {
            Err(sekisho_state::OpenError::Journal(JournalError::InUse { .. })) => std::thread::yield_now(),
            opened => break opened.unwrap(),
        }
    };
    let state = Arc::new(opened.state);
    let store = ObjectStore::open(&dir.join("objects"), state.clone()).unwrap();
    (state, store)
}

impl World {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (state, store) = open(dir.path());
        let made = state.commit(|cores| {
            let events = cores.objects.create_bucket(Timestamp::from_seconds(1), &lake(), None)?;
            Ok::<_, ObjectsError>((events.into_iter().map(Event::from).collect(), ()))
        });
        made.await.unwrap();
        let allowed = state.commit(|cores| {
            let encryption = BucketEncryption { customer_keys_allowed: true, ..BucketEncryption::default() };
            let events = cores.objects.set_bucket_encryption(&lake(), encryption)?;
            Ok::<_, ObjectsError>((events.into_iter().map(Event::from).collect(), ()))
        });
        allowed.await.unwrap();
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
    with(text, EncryptionRequest { algorithm, ..EncryptionRequest::default() })
}

fn with(text: &str, encryption: EncryptionRequest) -> NewObject {
    NewObject { encryption, ..NewObject::new(lake(), key(text)) }
}

fn customer(byte: u8) -> Option<CustomerKey> {
    Some(CustomerKey::new(SecretKey::new([byte; 32])))
}

/// Every mode a put can ask for.
fn modes() -> [EncryptionRequest; 4] {
    let kms = |algorithm| EncryptionRequest { algorithm, ..EncryptionRequest::default() };
    let customers = EncryptionRequest { customer: customer(9), ..EncryptionRequest::default() };
    [kms(None), kms(Some(SseAlgorithm::AwsKms)), kms(Some(SseAlgorithm::AwsKmsDsse)), customers]
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

#[tokio::test(flavor = "multi_thread")]
async fn files_keep_the_contract() {
    let dir = tempfile::tempdir().unwrap();
    let bodies = crate::Directory::open(&dir.path().join("objects")).unwrap();
    crate::contract::holds(Arc::new(bodies), &dir.path().join("journal")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_keeps_the_contract() {
    let dir = tempfile::tempdir().unwrap();
    crate::contract::holds(Arc::<crate::Memory>::default(), dir.path()).await;
}

#[tokio::test]
async fn every_range_of_every_mode_comes_back() {
    let world = World::new().await;
    for mode in modes() {
        for size in [0, 1, 65_536, 65_537, 1_200_000] {
            let body = body(size);
            let put = world.store.put(with("k", mode.clone()), body.clone()).await.unwrap();
            assert_eq!(put.record.size, size as u64);
            for (from, to) in [(0, size), (0, 1), (size / 2, size), (65_535, 65_537), (size.saturating_sub(3), size)] {
                let (_, reader) = world.store.get(&lake(), &key("k"), None, mode.customer.clone()).await.unwrap();
                let (from, to) = (from.min(size), to.min(size));
                let read = rest(reader.range(from as u64, to as u64)).await.unwrap();
                assert!(read == body[from..to], "{mode:?}, {from}..{to} of {size}");
            }
        }
    }
}

#[tokio::test]
async fn a_customers_key_opens_and_no_other_does() {
    let world = World::new().await;
    let request = EncryptionRequest { customer: customer(1), ..EncryptionRequest::default() };
    world.store.put(with("k", request.clone()), "x").await.unwrap();
    let refused = async |key_text: &str, with: Option<CustomerKey>| match world
        .store
        .get(&lake(), &key(key_text), None, with)
        .await
    {
        Err(StoreError::Objects(refusal)) => refusal,
        other => panic!("{:?}", other.map(|(got, _)| got)),
    };
    assert_eq!(refused("k", None).await, ObjectsError::CustomerKeyMissing);
    assert_eq!(refused("k", customer(2)).await, ObjectsError::CustomerKeyWrong);
    world.store.put(new("plain", None), "x").await.unwrap();
    assert_eq!(refused("plain", customer(1)).await, ObjectsError::CustomerKeyNotApplicable);
    let block = world.state.commit(|cores| {
        let events = cores.objects.set_bucket_encryption(&lake(), BucketEncryption::default())?;
        Ok::<_, ObjectsError>((events.into_iter().map(Event::from).collect(), ()))
    });
    block.await.unwrap();
    let put = world.store.put(with("k", request), "x").await;
    assert!(matches!(put, Err(StoreError::Objects(ObjectsError::CustomerKeysBlocked))), "{put:?}");
    let (_, reader) = world.store.get(&lake(), &key("k"), None, customer(1)).await.unwrap();
    assert_eq!(rest(reader).await.unwrap(), b"x", "what is there stays readable");
}

#[tokio::test]
async fn the_etag_is_the_md5_with_sse_s3_alone() {
    let world = World::new().await;
    let put = |algorithm| world.store.put(new("k", algorithm), "hello");
    assert_eq!(&*put(None).await.unwrap().record.etag, "5d41402abc4b2a76b9719d911017c592");
    let (one, other) = (put(Some(SseAlgorithm::AwsKms)).await.unwrap(), put(Some(SseAlgorithm::AwsKms)).await.unwrap());
    assert_ne!(one.record.etag, other.record.etag);
    let managed = (one.record.etag.len(), one.record.encryption);
    assert_eq!(managed, (32, other.record.encryption), "one managed key for all");
}

#[tokio::test]
async fn no_plaintext_reaches_the_disk() {
    let world = World::new().await;
    let needle = b"the quick brown fox jumps over the lazy dog";
    let plain = needle.repeat(5000);
    for (at, mode) in modes().into_iter().enumerate() {
        world.store.put(with(&format!("secret-key-name{at}"), mode), plain.clone()).await.unwrap();
    }
    let mut upload = world.store.begin(new("unfinished", None)).await.unwrap();
    upload.write(&plain).unwrap();
    let all = files(world.dir.path());
    assert!(all.len() >= 4);
    for file in all {
        let bytes = fs::read(&file).unwrap();
        for needle in [&needle[..16], b"secret-key-name", &[9; 32]] {
            assert!(!bytes.windows(needle.len()).any(|window| window == needle), "{}", file.display());
        }
    }
}

#[tokio::test]
async fn every_flipped_byte_is_refused() {
    let world = World::new().await;
    for mode in modes() {
        world.store.put(with("k", mode.clone()), "a body of a few bytes").await.unwrap();
        let [file] = world.files().try_into().unwrap();
        let sealed = fs::read(&file).unwrap();
        let get = async || match world.store.get(&lake(), &key("k"), None, mode.customer.clone()).await {
            Ok((_, reader)) => rest(reader).await,
            Err(error) => Err(error),
        };
        for at in 0..sealed.len() {
            let mut flipped = sealed.clone();
            flipped[at] ^= 1;
            fs::write(&file, flipped).unwrap();
            let read = get().await;
            assert!(matches!(read, Err(StoreError::Damaged { .. })), "{mode:?}, byte {at}: {read:?}");
        }
        for other in [&sealed[..sealed.len() - 1], &[&sealed[..], b"x"].concat(), b""] {
            fs::write(&file, other).unwrap();
            let read = get().await;
            assert!(matches!(read, Err(StoreError::Damaged { .. })), "{} bytes: {read:?}", other.len());
        }
        fs::remove_file(&file).unwrap();
        assert!(matches!(get().await, Err(StoreError::Damaged { .. })));
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
    assert!(matches!(world.store.get(&lake(), &key("b"), None, None).await, Err(StoreError::Damaged { .. })));
}

#[tokio::test]
async fn what_is_replaced_or_deleted_can_be_read_to_its_end() {
    let world = World::new().await;
    let old = body(1_200_000);
    world.store.put(new("k", None), old.clone()).await.unwrap();
    let (_, mut replaced) = world.store.get(&lake(), &key("k"), None, None).await.unwrap();
    let first = replaced.next().await.unwrap().unwrap();
    world.store.put(new("k", None), "new").await.unwrap();
    let (_, deleted) = world.store.get(&lake(), &key("k"), None, None).await.unwrap();
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
    let (_, reader) = store.get(&lake(), &key("kept"), None, None).await.unwrap();
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
    assert!(world.store.get(&lake(), &key("k"), None, None).await.is_err());
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
    let etag = one.finish().await.unwrap().record.etag.into();
    let refused = other.finish().await;
    assert!(matches!(refused, Err(StoreError::Objects(ObjectsError::PreconditionFailed("If-None-Match")))));
    assert_eq!(world.files().len(), 1);
    assert!(begin(Precondition::Matches("other".into())).await.finish().await.is_err());
    assert!(begin(Precondition::Matches(etag)).await.finish().await.is_ok());
}

fn in_parts(encryption: EncryptionRequest, checksum: ChecksumAlgorithm, composite: bool) -> NewMultipart {
    let (headers, metadata, tags) = Default::default();
    NewMultipart { bucket: lake(), key: key("k"), headers, metadata, tags, encryption, checksum, composite }
}

fn refusal<T: std::fmt::Debug>(outcome: Result<T, StoreError>) -> ObjectsError {
    match outcome {
        Err(StoreError::Objects(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn parts_are_one_object() {
    let world = World::new().await;
    let all = body(PART_BYTES_MIN as usize + 100_000);
    let (first, second) = all.split_at(PART_BYTES_MIN as usize);
    let algorithms = [
        (ChecksumAlgorithm::CRC64NVME, false),
        (ChecksumAlgorithm::CRC32, false),
        (ChecksumAlgorithm::SHA256, true),
        (ChecksumAlgorithm::CRC32C, true),
    ];
    for ((algorithm, composite), mode) in algorithms.into_iter().zip(modes()) {
        let get = async || world.store.get(&lake(), &key("k"), None, mode.customer.clone()).await.unwrap();
        let (id, _) = world.store.create_multipart(in_parts(mode.clone(), algorithm, composite)).await.unwrap();
        let name = UploadName { bucket: lake(), key: key("k"), id };
        if mode.customer.is_some() {
            let part = world.store.begin_part(&name, None, customer(2)).await.err();
            assert!(matches!(part, Some(StoreError::Objects(ObjectsError::PartKeyWrong))), "{part:?}");
        }
        let mut parts = Vec::new();
        // The second part comes first, and the first comes twice.
        for (number, bytes) in [(2, second), (1, second), (1, first)] {
            let mut part = world.store.begin_part(&name, None, mode.customer.clone()).await.unwrap();
            part.write(bytes).unwrap();
            let part = world.store.finish_part(&name, number, part).await.unwrap();
            parts.push(CompletedPart { number, etag: part.etag.into(), checksum: Some(part.checksum.value) });
        }
        let [two, stale, one] = parts.try_into().unwrap();
        let complete = async |parts: &[CompletedPart]| world.store.complete_multipart(&name, of_parts(parts)).await;
        assert_eq!(refusal(complete(&[two.clone(), one.clone()]).await), ObjectsError::InvalidPartOrder);
        assert_eq!(refusal(complete(&[stale, two.clone()]).await), ObjectsError::InvalidPart(1));
        let claimed = CompletedPart { checksum: two.checksum.clone(), ..one.clone() };
        assert_eq!(refusal(complete(&[claimed, two.clone()]).await), ObjectsError::InvalidPart(1));
        let both = [one, two];
        let said =
            |said: Completion| world.store.complete_multipart(&name, Completion { parts: both.to_vec(), ..said });
        let size = all.len() as u64;
        let refused = refusal(said(Completion { size: Some(size + 1), ..Completion::default() }).await);
        assert_eq!(refused, ObjectsError::WholeSize { claimed: size + 1, size });
        let refused = refusal(said(Completion { composite: Some(!composite), ..Completion::default() }).await);
        assert_eq!(refused, ObjectsError::ChecksumType { composite });
        let agreed = Completion { size: Some(size), composite: Some(composite), ..Completion::default() };
        let record = said(agreed).await.unwrap().record;
        assert_eq!(complete(&both).await.unwrap().record, record, "said again, it is answered again");
        assert_eq!(
            refusal(complete(&both[..1]).await),
            ObjectsError::NoSuchUpload,
            "another object is not what was made"
        );
        assert!(record.etag.ends_with("-2"));
        let mut digests = Digests::new(algorithm, false);
        digests.update(&all);
        let expected = digests.finish().0;
        let checksum = record.checksum.unwrap();
        assert_eq!(checksum == expected, !composite, "{algorithm:?}");
        assert_eq!(checksum.value.ends_with("-2"), composite);
        assert_eq!(refusal(complete(&[]).await), ObjectsError::NoSuchUpload);
        assert_eq!(world.files().len(), 2, "the two parts, and nothing they replaced");
        let (_, reader) = get().await;
        let (from, to) = (PART_BYTES_MIN as usize - 70_000, PART_BYTES_MIN as usize + 5);
        assert!(rest(reader.range(from as u64, to as u64)).await.unwrap() == all[from..to], "over the border");
        let (_, reader) = get().await;
        assert!(rest(reader).await.unwrap() == all);
    }
}

fn of_parts(parts: &[CompletedPart]) -> Completion {
    Completion { parts: parts.to_vec(), ..Completion::default() }
}

#[tokio::test]
async fn an_upload_under_way_outlives_a_restart() {
    let world = World::new().await;
    let begun = in_parts(EncryptionRequest::default(), ChecksumAlgorithm::CRC32, true);
    let (id, _) = world.store.create_multipart(begun).await.unwrap();
    let name = UploadName { bucket: lake(), key: key("k"), id };
    let mut part = world.store.begin_part(&name, None, None).await.unwrap();
    part.write(b"first").unwrap();
    let first = world.store.finish_part(&name, 1, part).await.unwrap();
    let World { dir, state, store } = world;
    state.journal().close();
    drop((state, store));
    let (_, store) = open(dir.path());
    let listed = [CompletedPart { number: 1, etag: first.etag.into(), checksum: None }];
    store.complete_multipart(&name, of_parts(&listed)).await.unwrap();
    let (_, reader) = store.get(&lake(), &key("k"), None, None).await.unwrap();
    assert_eq!(rest(reader).await.unwrap(), b"first");
}

#[tokio::test]
async fn an_aborted_upload_leaves_nothing() {
    let world = World::new().await;
    let begun = in_parts(EncryptionRequest::default(), ChecksumAlgorithm::CRC32, true);
    let (id, _) = world.store.create_multipart(begun).await.unwrap();
    let name = UploadName { bucket: lake(), key: key("k"), id };
    let part = world.store.begin_part(&name, None, None).await.unwrap();
    world.store.finish_part(&name, 1, part).await.unwrap();
    let late = world.store.begin_part(&name, None, None).await.unwrap();
    let others = UploadName { key: key("other"), ..name.clone() };
    assert_eq!(refusal(world.store.abort_multipart(&others).await), ObjectsError::NoSuchUpload, "another object's");
    world.store.abort_multipart(&name).await.unwrap();
    assert_eq!(refusal(world.store.finish_part(&name, 2, late).await), ObjectsError::NoSuchUpload);
    assert!(world.files().is_empty());
}

#[tokio::test]
async fn another_kms_key_takes_an_object_over() {
    let world = World::new().await;
    let made = world.state.commit(|cores| {
        let mut random = world.state.random();
        let (now, root_key) = (world.state.now(), world.state.root_key());
        let (events, key) = cores.kms.create_key(now, root_key, String::new(), None, BTreeMap::new(), &mut random)?;
        let arn = key.arn(world.state.tenant());
        Ok::<_, sekisho_kms::KmsError>((events.into_iter().map(Event::from).collect(), arn))
    });
    let arn = made.await.unwrap();
    let plain = body(200_000);
    for mode in modes() {
        let before = world.store.put(with("k", mode.clone()), plain.clone()).await.unwrap().record;
        let [file] = world.files().try_into().unwrap();
        let resealed = world.store.reseal(&lake(), &key("k"), None, &arn, false).await;
        match before.encryption {
            Encryption::S3 | Encryption::Kms { .. } => _ = resealed.unwrap(),
            Encryption::Dsse { .. } | Encryption::Customer(_) => {
                assert!(matches!(refusal(resealed), ObjectsError::NotResealable(_)));
                world.store.delete(&lake(), &key("k")).await.unwrap();
                continue;
            }
        }
        // Once more, from the key it has now to the same one.
        world.store.reseal(&lake(), &key("k"), None, &arn, true).await.unwrap();
        assert!(!file.exists() && world.files().len() == 1, "the old wrapped key is gone");
        let (got, reader) = world.store.get(&lake(), &key("k"), None, None).await.unwrap();
        assert_eq!(got.record.encryption.key_arn(), Some(&*arn));
        assert_eq!((got.record.etag, got.record.last_modified), (before.etag, before.last_modified));
        assert!(rest(reader).await.unwrap() == plain);
        world.store.delete(&lake(), &key("k")).await.unwrap();
    }
}

#[tokio::test]
async fn what_has_expired_goes() {
    let world = World::new().await;
    world.store.put(new("old/1", None), "x").await.unwrap();
    let tags = Pairs::from(BTreeMap::from([("keep".to_owned(), "no".to_owned())]));
    world.store.put(NewObject { tags, ..new("old/2", None) }, "x").await.unwrap();
    world.store.put(new("new", None), "x").await.unwrap();
    let (id, _) =
        world.store.create_multipart(in_parts(modes()[0].clone(), ChecksumAlgorithm::CRC32, true)).await.unwrap();
    let name = UploadName { bucket: lake(), key: key("k"), id };
    let part = world.store.begin_part(&name, None, None).await.unwrap();
    world.store.finish_part(&name, 1, part).await.unwrap();
    let mut rule = LifecycleRule { enabled: true, ..LifecycleRule::default() };
    rule.filter.prefix = Some("old/".into());
    rule.expiration = Some(Expiration::Date(Timestamp::from_seconds(0)));
    let set = world.state.commit(|cores| {
        let events = cores.objects.set(&lake(), Setting::Lifecycle(Some(Lifecycle(vec![rule]))))?;
        Ok::<_, ObjectsError>((events.into_iter().map(Event::from).collect(), ()))
    });
    set.await.unwrap();
    assert_eq!(world.store.expire().await.unwrap(), 2, "old/1 and old/2");
    assert_eq!(world.files().len(), 2, "the new object and the part");
    assert_eq!(world.store.expire().await.unwrap(), 0);
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
        assert_eq!(world.store.get(&lake(), &key("k"), None, None).await.is_ok(), readable);
        let put = world.store.put(NewObject { encryption: encryption.clone(), ..new("other", None) }, "x").await;
        assert_eq!(put.is_ok(), readable, "{put:?}");
    }
}
