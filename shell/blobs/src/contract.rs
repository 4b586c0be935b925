//! What every place for bodies promises, alone and under the store: one suite for files, memory and another S3.
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sekisho_journal::Durability;
use sekisho_kms::RootKey;
use sekisho_objects::{
    BlobId, BucketEncryption, ChecksumAlgorithm, CompletedPart, Completion, CustomerKey, EncryptionRequest,
    ObjectsError, PART_BYTES_MIN, SseAlgorithm,
};
use sekisho_state::{Event, State};
use sekisho_types::{AccountId, BucketName, ObjectKey, Region, SecretKey, Tenant, Timestamp};

use crate::upload::blocking;
use crate::{Bodies, NewMultipart, NewObject, ObjectStore, StoreError, UploadName};

/// Long enough for several parts, several reads, and every border between chunks.
const LONG: usize = 20 * 1024 * 1024 + 4321;
/// Removals elsewhere take a moment.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs everything against a place where nothing lies yet. `journal` is a directory for the index. Called on a runtime with
/// several threads.
///
/// # Panics
/// If the place does not keep its promises.
pub async fn holds(bodies: Arc<dyn Bodies>, journal: &Path) {
    let alone = bodies.clone();
    blocking(move || {
        a_body_is_there_whole_or_not_at_all(&*alone);
        ranges_are_read(&*alone);
        Ok(())
    })
    .await
    .expect("it blocks and answers");
    let world = World::new(bodies, journal).await;
    world.objects_come_back_in_every_mode().await;
    world.parts_are_one_object().await;
    world.what_is_changed_is_an_error_and_never_data().await;
    world.what_a_crash_leaves_is_swept_and_nothing_else().await;
    world.what_is_deleted_is_gone().await;
}

fn a_body_is_there_whole_or_not_at_all(bodies: &dyn Bodies) {
    let (kept, dropped) = (BlobId::from_bytes([1; 16]), BlobId::from_bytes([2; 16]));
    assert!(matches!(bodies.open(kept), Err(StoreError::Damaged { .. })), "nothing is there yet");
    let mut body = bodies.begin(dropped).unwrap();
    body.write(b"given up").unwrap();
    drop(body);
    write(bodies, kept, &[b"in ", b"", b"pieces"]);
    write(bodies, BlobId::from_bytes([3; 16]), &[]);
    assert_eq!(read(bodies, kept).unwrap(), b"in pieces");
    assert_eq!(
        read(bodies, BlobId::from_bytes([3; 16])).unwrap_or_default(),
        b"",
        "an empty one is empty, or an error"
    );
    let mut listed = bodies.list().unwrap().bodies;
    listed.sort();
    assert_eq!(listed, [kept, BlobId::from_bytes([3; 16])]);
    listed.into_iter().for_each(|blob| remove(bodies, blob));
    bodies.remove(kept); // once more is no error
    assert_eq!(bodies.list().unwrap().bodies, []);
    assert!(bodies.open(kept).is_err());
}

fn ranges_are_read(bodies: &dyn Bodies) {
    let (blob, long) = (BlobId::from_bytes([4; 16]), plain(LONG));
    write(bodies, blob, &long.chunks(300_000).collect::<Vec<_>>());
    let stored = bodies.open(blob).unwrap();
    assert_eq!(stored.length(), LONG as u64);
    for (from, to) in [(0, 1), (0, LONG), (262_143, 262_145), (LONG - 1, LONG), (1_000_000, 3_000_000), (5, 5)] {
        let mut buffer = vec![0; to - from];
        stored.read_at(&mut buffer, from as u64).unwrap();
        assert!(buffer == long[from..to], "{from}..{to}");
    }
    for (from, bytes) in [(LONG - 1, 2), (LONG, 1), (LONG + 1_000_000, 1)] {
        let beyond = stored.read_at(&mut vec![0; bytes], from as u64);
        assert!(matches!(beyond, Err(StoreError::Damaged { .. })), "{bytes} from {from}: {beyond:?}");
    }
    drop(stored);
    remove(bodies, blob);
}

fn write(bodies: &dyn Bodies, blob: BlobId, pieces: &[&[u8]]) {
    let mut body = bodies.begin(blob).unwrap();
    pieces.iter().for_each(|piece| body.write(piece).unwrap());
    body.finish().unwrap();
}

fn read(bodies: &dyn Bodies, blob: BlobId) -> Result<Vec<u8>, StoreError> {
    let stored = bodies.open(blob)?;
    let mut bytes = vec![0; stored.length() as usize];
    stored.read_at(&mut bytes, 0)?;
    Ok(bytes)
}

fn remove(bodies: &dyn Bodies, blob: BlobId) {
    bodies.remove(blob);
    let began = Instant::now();
    while bodies.list().unwrap().bodies.contains(&blob) {
        assert!(began.elapsed() < PATIENCE, "{blob} is not removed");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Bytes that repeat at no distance a chunk could hide behind.
fn plain(size: usize) -> Vec<u8> {
    (0..size).map(|n| (n * 7 + n / 251 + n / 65_521) as u8).collect()
}

fn key(text: &str) -> ObjectKey {
    ObjectKey::parse(text).expect("a key")
}

fn customer() -> Option<CustomerKey> {
    Some(CustomerKey::new(SecretKey::new([9; 32])))
}

/// Every mode a put can ask for.
fn modes() -> [EncryptionRequest; 4] {
    let kms = |algorithm| EncryptionRequest { algorithm, ..EncryptionRequest::default() };
    let customers = EncryptionRequest { customer: customer(), ..EncryptionRequest::default() };
    [kms(None), kms(Some(SseAlgorithm::AwsKms)), kms(Some(SseAlgorithm::AwsKmsDsse)), customers]
}

struct World {
    bodies: Arc<dyn Bodies>,
    state: Arc<State>,
    store: ObjectStore,
    lake: BucketName,
}

impl World {
    async fn new(bodies: Arc<dyn Bodies>, journal: &Path) -> Self {
        let account = AccountId::parse("000000000000").expect("12 digits");
        let tenant = Tenant { account, region: Region::parse("us-east-1").expect("a region") };
        let (root_key, clock) = (RootKey::new(SecretKey::new([7; 32])), Arc::new(|| Timestamp::from_seconds(1)));
        let opened = sekisho_state::open(journal, tenant, root_key, Durability::Relaxed, clock, &mut |_, _| {});
        let state = Arc::new(opened.unwrap().state);
        let lake = BucketName::parse("lake").expect("a name");
        let made = state.commit(|cores| {
            let events = cores.objects.create_bucket(Timestamp::from_seconds(1), &lake, None)?;
            Ok::<_, ObjectsError>((events.into_iter().map(Event::from).collect(), ()))
        });
        made.await.unwrap();
        let allowed = state.commit(|cores| {
            let encryption = BucketEncryption { customer_keys_allowed: true, ..BucketEncryption::default() };
            let events = cores.objects.set_bucket_encryption(&lake, encryption)?;
            Ok::<_, ObjectsError>((events.into_iter().map(Event::from).collect(), ()))
        });
        allowed.await.unwrap();
        let store = ObjectStore::over(bodies.clone(), state.clone());
        Self { bodies, state, store, lake }
    }

    async fn put(&self, name: &str, mode: &EncryptionRequest, body: &[u8]) -> BlobId {
        let new = NewObject { encryption: mode.clone(), ..NewObject::new(self.lake.clone(), key(name)) };
        self.store.put(new, body.to_vec()).await.unwrap().record.bodies[0].blob
    }

    async fn get(&self, name: &str, range: Option<(usize, usize)>) -> Result<Vec<u8>, StoreError> {
        let customers = self.state.read().objects.object(&self.lake, &key(name), None)?.record.encryption.clone();
        let customers = matches!(customers, sekisho_objects::Encryption::Customer(_)).then(customer).flatten();
        let (_, mut reader) = self.store.get(&self.lake, &key(name), None, customers).await?;
        if let Some((from, to)) = range {
            reader = reader.range(from as u64, to as u64);
        }
        let mut all = Vec::new();
        while let Some(piece) = reader.next().await? {
            all.extend_from_slice(&piece);
        }
        Ok(all)
    }

    /// What blocks, with the place.
    async fn place<T: Send + 'static>(&self, work: impl FnOnce(&dyn Bodies) -> T + Send + 'static) -> T {
        let bodies = self.bodies.clone();
        blocking(move || Ok(work(&*bodies))).await.unwrap()
    }

    async fn lies_there(&self) -> usize {
        self.place(|bodies| bodies.list().unwrap().bodies.len()).await
    }

    async fn eventually(&self, lie_there: usize) {
        let began = Instant::now();
        while self.lies_there().await != lie_there {
            assert!(began.elapsed() < PATIENCE, "{} bodies, not {lie_there}", self.lies_there().await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn objects_come_back_in_every_mode(&self) {
        for (number, mode) in modes().iter().enumerate() {
            for size in [0, 1, 65_536, 65_537, if number == 0 { LONG } else { 1_200_000 }] {
                let body = plain(size);
                let blob = self.put("k", mode, &body).await;
                for (from, to) in
                    [(0, size), (0, 1), (size / 2, size), (65_535, 65_537), (size.saturating_sub(3), size)]
                {
                    let (from, to) = (from.min(size), to.min(size));
                    let read = self.get("k", Some((from, to))).await.unwrap();
                    assert!(read == body[from..to], "{mode:?}, {from}..{to} of {size}");
                }
                let sealed = self.place(move |bodies| read(bodies, blob)).await.unwrap();
                let told = body.get(..32).is_some_and(|begin| sealed.windows(32).any(|window| window == begin));
                assert!(!told, "{mode:?}: plaintext lies there");
            }
        }
        self.eventually(1).await;
    }

    async fn parts_are_one_object(&self) {
        let all = plain(PART_BYTES_MIN as usize + 100_000);
        let (headers, metadata, tags) = Default::default();
        let new = NewMultipart {
            bucket: self.lake.clone(),
            key: key("parts"),
            headers,
            metadata,
            tags,
            encryption: EncryptionRequest::default(),
            checksum: ChecksumAlgorithm::CRC64NVME,
            composite: false,
        };
        let (id, _) = self.store.create_multipart(new).await.unwrap();
        let name = UploadName { bucket: self.lake.clone(), key: key("parts"), id };
        let mut parts = Vec::new();
        let (first, second) = all.split_at(PART_BYTES_MIN as usize);
        for (number, bytes) in [(1, second), (1, first), (2, second)] {
            let part = self.store.begin_part(&name, None, None).await.unwrap();
            let part = part.write_pieces(vec![bytes.to_vec().into()]).await.unwrap();
            let part = self.store.finish_part(&name, number, part).await.unwrap();
            parts.push(CompletedPart { number, etag: part.etag.into(), checksum: None });
        }
        let completion = Completion { parts: parts.split_off(1), ..Completion::default() };
        self.store.complete_multipart(&name, completion).await.unwrap();
        assert!(self.get("parts", None).await.unwrap() == all);
        let (from, to) = (PART_BYTES_MIN as usize - 70_000, PART_BYTES_MIN as usize + 5);
        assert!(self.get("parts", Some((from, to))).await.unwrap() == all[from..to], "over the border");
        self.eventually(3).await;
    }

    async fn what_is_changed_is_an_error_and_never_data(&self) {
        let body = plain(200_000);
        let (blob, other) = (self.put("a", &modes()[0], &body).await, self.put("b", &modes()[0], &body).await);
        let (whole, others) =
            self.place(move |bodies| (read(bodies, blob).unwrap(), read(bodies, other).unwrap())).await;
        let flipped = |at: usize| {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            bytes
        };
        let behind = whole.len();
        #[rustfmt::skip]
        let changes: [(&str, Vec<u8>); 8] = [
            ("a bit of the wrapped key",     flipped(60)),
            ("a bit of the first chunk",     flipped(1000)),
            ("a bit of the last chunk",      flipped(behind - 20)),
            ("a bit of the last tag",        flipped(behind - 1)),
            ("cut off",                      whole[..behind - 1].to_vec()),
            ("cut off at a chunk's border",  whole[..behind - 200_000 % 65_536 - 16].to_vec()),
            ("something appended",           [&whole[..], b"x"].concat()),
            ("another object's body",        others),
        ];
        for (what, bytes) in changes {
            self.replace(blob, Some(bytes)).await;
            let read = self.get("a", None).await;
            assert!(matches!(read, Err(StoreError::Damaged { .. })), "{what}: {:?}", read.map(|read| read.len()));
        }
        // Of what is changed behind it, a range knows nothing: only its own chunks are opened.
        self.replace(blob, Some(flipped(behind - 20))).await;
        assert!(self.get("a", Some((0, 100))).await.unwrap() == body[..100]);
        self.replace(blob, None).await;
        assert!(matches!(self.get("a", None).await, Err(StoreError::Damaged { .. })), "removed");
        self.replace(blob, Some(whole)).await;
        assert!(self.get("a", None).await.unwrap() == body);
        let damaged = self.place_verified().await;
        assert_eq!(damaged, [""; 0], "and all of it is as it was");
    }

    async fn replace(&self, blob: BlobId, bytes: Option<Vec<u8>>) {
        self.place(move |bodies| {
            remove(bodies, blob);
            bytes.iter().for_each(|bytes| write(bodies, blob, &[bytes]));
        })
        .await;
    }

    async fn place_verified(&self) -> Vec<String> {
        let (state, bodies) = (self.state.clone(), self.bodies.clone());
        let verified = blocking(move || crate::verify(&state, bodies)).await.unwrap();
        verified.faults.iter().map(|fault| format!("{fault:?}")).collect()
    }

    async fn what_a_crash_leaves_is_swept_and_nothing_else(&self) {
        let lie_there = self.lies_there().await;
        let orphan = BlobId::from_bytes([5; 16]);
        self.place(move |bodies| write(bodies, orphan, &[b"finished, never indexed"])).await;
        assert_eq!(self.place_verified().await.len(), 1, "the audit finds it");
        let under_way = self.store.begin(NewObject::new(self.lake.clone(), key("under way"))).await.unwrap();
        let under_way = under_way.write_pieces(vec![plain(9_000_000).into()]).await.unwrap();
        let swept = self.store.sweep().await.unwrap();
        assert_eq!((swept.removed, swept.missing.len()), (1, 0));
        under_way.finish().await.unwrap();
        assert!(self.get("under way", None).await.unwrap() == plain(9_000_000), "what is on its way is not swept");
        assert!(self.get("a", None).await.unwrap() == plain(200_000));
        self.eventually(lie_there + 1).await;
        let gone = self.put("gone", &modes()[0], b"x").await;
        self.replace(gone, None).await;
        assert_eq!(self.store.sweep().await.unwrap().missing, [gone]);
    }

    async fn what_is_deleted_is_gone(&self) {
        for name in ["k", "parts", "a", "b", "under way", "gone"] {
            self.store.delete(&self.lake, &key(name)).await.unwrap();
        }
        let refused = NewObject { content_md5: Some([0; 16]), ..NewObject::new(self.lake.clone(), key("k")) };
        assert!(matches!(self.store.put(refused, "x").await, Err(StoreError::ContentMd5)));
        self.eventually(0).await;
        let old = NewObject::new(self.lake.clone(), key("read"));
        self.store.put(old, plain(3_000_000)).await.unwrap();
        let (_, mut reader) = self.store.get(&self.lake, &key("read"), None, None).await.unwrap();
        let first = reader.next().await.unwrap().unwrap();
        self.store.delete(&self.lake, &key("read")).await.unwrap();
        let mut all = first.to_vec();
        while let Some(piece) = reader.next().await.unwrap() {
            all.extend_from_slice(&piece);
        }
        assert!(all == plain(3_000_000), "what is being read can be read to its end");
        drop(reader);
        self.eventually(0).await;
    }
}
