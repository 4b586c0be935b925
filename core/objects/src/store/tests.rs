//! The fold, and what is asked of it.
use sekisho_types::{AccountId, Region};

use super::*;
use crate::record::tests::record;
use crate::{Deletion, Deletions, Listed, ListingRequest, NewVersion, SseAlgorithm, Versioning};

fn counter() -> impl FnMut(&mut [u8]) {
    let mut next = 0u8;
    move |out: &mut [u8]| {
        next += 1;
        out.fill(next);
    }
}

fn objects(keys: &[&str]) -> Objects {
    let tenant =
        Tenant { account: AccountId::parse("000000000000").unwrap(), region: Region::parse("us-east-1").unwrap() };
    let mut objects = Objects::new(tenant);
    let events = objects.create_bucket(Timestamp::from_seconds(1), &lake(), None).unwrap();
    events.iter().for_each(|event| objects.apply(event));
    keys.iter().enumerate().for_each(|(number, key)| _ = put(&mut objects, key, number as u8));
    objects
}

fn upload() -> MultipartUpload {
    MultipartUpload {
        headers: Default::default(),
        metadata: Default::default(),
        tags: Default::default(),
        encryption: crate::Encryption::S3,
        checksum: crate::ChecksumAlgorithm::CRC32,
        composite: true,
        initiated: Timestamp::from_seconds(3),
        parts: BTreeMap::new(),
    }
}

fn key(text: &str) -> ObjectKey {
    ObjectKey::parse(text).unwrap()
}

/// Puts an object whose version, if there is one, is made of `number` too.
fn put(objects: &mut Objects, text: &str, number: u8) -> NewVersion {
    let mut random = |out: &mut [u8]| out.fill(number);
    let new = objects.put_object(&lake(), &key(text), record(number), None, &mut random).unwrap();
    new.events.iter().for_each(|event| objects.apply(event));
    new
}

fn delete(objects: &mut Objects, text: &str, version: Option<VersionId>, number: u8) -> (Option<VersionId>, usize) {
    let deletion = Deletion { key: key(text), version, precondition: None };
    let mut random = |out: &mut [u8]| out.fill(number);
    let now = Timestamp::from_seconds(i64::from(number));
    let Deletions { events, outcomes, removed } =
        objects.delete_objects(now, &lake(), &[deletion], &mut random).unwrap();
    events.iter().for_each(|event| objects.apply(event));
    (outcomes[0].as_ref().unwrap().marker, removed.len())
}

fn set(objects: &mut Objects, setting: Setting) {
    objects.set(&lake(), setting).unwrap().iter().for_each(|event| objects.apply(event));
}

fn lake() -> BucketName {
    BucketName::parse("lake").unwrap()
}

fn page(
    objects: &Objects,
    prefix: &str,
    delimiter: Option<&str>,
    after: Option<String>,
    max_keys: usize,
) -> (Vec<String>, Option<String>) {
    let request = ListingRequest {
        prefix: prefix.into(),
        delimiter: delimiter.map(str::to_owned),
        after,
        after_version: None,
        max_keys,
    };
    let listing = objects.bucket(&lake()).unwrap().list(&request);
    let names = listing.entries.iter().map(|entry| match entry {
        Listed::Object(key, _) => (*key).to_owned(),
        Listed::Version(key, ..) => format!("version of {key}"),
        Listed::CommonPrefix(prefix) => format!("[{prefix}]"),
    });
    (names.collect(), listing.next_after)
}

#[test]
fn listings() {
    let objects = objects(&["a", "a/1", "a/2", "b/x/1", "b/x/2", "b/y", "c", "ß"]);
    #[rustfmt::skip] // source                                prefix  delimiter   keys
    let table: &[(&str, &str, Option<&str>, &[&str])] = &[
        ("ListObjectsV2: all, in the order of UTF-8",         "",     None,       &["a", "a/1", "a/2", "b/x/1", "b/x/2", "b/y", "c", "ß"]),
        ("ListObjectsV2: prefix",                             "b/",   None,       &["b/x/1", "b/x/2", "b/y"]),
        ("ListObjectsV2: delimiter",                          "",     Some("/"),  &["a", "[a/]", "[b/]", "c", "ß"]),
        ("ListObjectsV2: delimiter below a prefix",           "b/",   Some("/"),  &["[b/x/]", "b/y"]),
        ("ListObjectsV2: a prefix that is no directory",      "a",    Some("/"),  &["a", "[a/]"]),
        ("ListObjectsV2: nothing there",                      "zz",   None,       &[]),
    ];
    for (source, prefix, delimiter, keys) in table {
        assert_eq!(page(&objects, prefix, *delimiter, None, 1000).0, *keys, "{source}");
        for size in 1..4 {
            let (mut all, mut after) = (Vec::new(), None);
            loop {
                let (keys, next) = page(&objects, prefix, *delimiter, after, size);
                assert!(keys.len() <= size);
                all.extend(keys);
                after = next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(all, *keys, "{source}, {size} a page");
        }
    }
    assert_eq!(page(&objects, "", None, None, 0), (vec![], None));
}

#[test]
fn versions() {
    let version = |number: u8| VersionId::new(&mut |out: &mut [u8]| out.fill(number));
    let mut objects = objects(&["k"]);
    assert_eq!(put(&mut objects, "k", 1).version, None, "no version is told where none was ever kept");
    set(&mut objects, Setting::Versioning(Versioning::Enabled));
    let second = put(&mut objects, "k", 2);
    assert_eq!((second.version, second.replaced), (Some(version(2)), vec![]), "the first one stays, as null");
    assert_eq!(delete(&mut objects, "k", None, 3), (Some(version(3)), 0), "a delete marker");
    let gone = objects.object(&lake(), &key("k"), None).unwrap_err();
    assert_eq!(gone, ObjectsError::Deleted(key("k"), version(3)));
    let etag = |objects: &Objects, which| objects.object(&lake(), &key("k"), which).map(|found| found.record.size);
    assert_eq!(etag(&objects, Some(version(3))), Err(ObjectsError::IsDeleteMarker(version(3))));
    assert_eq!((etag(&objects, Some(VersionId::NULL)), etag(&objects, Some(version(2)))), (Ok(1), Ok(1)));
    assert_eq!(etag(&objects, Some(version(9))), Err(ObjectsError::NoSuchVersion(key("k"), version(9))));
    assert!(page(&objects, "", None, None, 9).0.is_empty(), "a listing passes delete markers over");
    assert_eq!(objects.delete_bucket(&lake()), Err(ObjectsError::BucketNotEmpty(lake())));

    let listed = |objects: &Objects, size: usize| {
        let (mut all, mut request) = (Vec::new(), ListingRequest { max_keys: size, ..Default::default() });
        loop {
            let page = objects.bucket(&lake()).unwrap().list_versions(&request);
            all.extend(page.entries.iter().map(|entry| match entry {
                Listed::Version(key, version, newest) => (key.to_string(), version.id, *newest),
                other => panic!("{other:?}"),
            }));
            (request.after, request.after_version) = (page.next_after.clone(), page.next_after_version);
            if page.next_after.is_none() {
                return all;
            }
        }
    };
    put(&mut objects, "l", 4);
    let expected =
        [("k", version(3), true), ("k", version(2), false), ("k", VersionId::NULL, false), ("l", version(4), true)];
    let expected: Vec<_> = expected.iter().map(|(key, id, newest)| ((*key).to_owned(), *id, *newest)).collect();
    for size in 1..5 {
        assert_eq!(listed(&objects, size), expected, "{size} a page");
    }

    let mut emptied = objects.clone();
    let (mut request, mut gone) = (ListingRequest { max_keys: 2, ..Default::default() }, 0);
    loop {
        let page = emptied.bucket(&lake()).unwrap().list_versions(&request);
        let of_page = page.entries.iter().map(|entry| match entry {
            Listed::Version(key, version, _) => (key.to_string(), version.id),
            other => panic!("{other:?}"),
        });
        let (of_page, next) = (of_page.collect::<Vec<_>>(), (page.next_after.clone(), page.next_after_version));
        gone += of_page.len();
        of_page.iter().for_each(|(key, id)| _ = delete(&mut emptied, key, Some(*id), 0));
        (request.after, request.after_version) = next;
        if request.after.is_none() {
            break;
        }
    }
    assert_eq!((gone, emptied.delete_bucket(&lake()).is_ok()), (4, true), "a page, and what was on it deleted");
    assert_eq!(delete(&mut objects, "k", Some(version(3)), 0), (Some(version(3)), 0), "the marker itself");
    assert_eq!(objects.object(&lake(), &key("k"), None).map(|found| found.version), Ok(version(2)));
    set(&mut objects, Setting::Versioning(Versioning::Suspended));
    let null = put(&mut objects, "k", 5);
    assert_eq!((null.version, null.replaced.len()), (Some(VersionId::NULL), 1), "null takes the place of null");
    assert_eq!(delete(&mut objects, "k", None, 6), (Some(VersionId::NULL), 1), "a null marker in place of null");
    for id in [VersionId::NULL, version(2)] {
        delete(&mut objects, "k", Some(id), 0);
    }
    delete(&mut objects, "l", Some(version(4)), 0);
    assert!(objects.delete_bucket(&lake()).is_ok());
    assert_eq!(delete(&mut objects, "l", Some(version(4)), 0), (None, 0), "what is not there is deleted already");
}

#[test]
fn lifecycle() {
    use crate::{Expiration, Expired, Lifecycle, LifecycleFilter, LifecycleRule, NoncurrentExpiration};
    let day = |days: i64| Timestamp::from_seconds(days * 24 * 3600);
    let version = |number: u8| VersionId::new(&mut |out: &mut [u8]| out.fill(number));
    let mut objects = objects(&["keep", "old/a", "old/b"]); // made at 2 s
    set(&mut objects, Setting::Versioning(Versioning::Enabled));
    put(&mut objects, "old/a", 7);
    delete(&mut objects, "gone", None, 8);
    let rule = |prefix: &str| LifecycleRule {
        enabled: true,
        filter: LifecycleFilter { prefix: Some(prefix.into()), ..Default::default() },
        ..Default::default()
    };
    let noncurrent = |days, keep| Some(NoncurrentExpiration { days, keep });
    let (a, b, null) = (key("old/a"), key("old/b"), VersionId::NULL);
    #[rustfmt::skip] // source                                              rule                                                                                     now     expired
    let table = [
        ("Days: at the midnight after",                                     LifecycleRule { expiration: Some(Expiration::Days(1)), ..rule("old/") },               day(2), vec![Expired::Current(a.clone()), Expired::Current(b.clone())]),
        ("Days: not before",                                                LifecycleRule { expiration: Some(Expiration::Days(1)), ..rule("old/") },               day(1), vec![]),
        ("Date",                                                            LifecycleRule { expiration: Some(Expiration::Date(day(1))), ..rule("old/b") },        day(1), vec![Expired::Current(b.clone())]),
        ("Status Disabled",                                                 LifecycleRule { enabled: false, expiration: Some(Expiration::Days(1)), ..rule("") },  day(9), vec![]),
        ("ExpiredObjectDeleteMarker",                                       LifecycleRule { expiration: Some(Expiration::LoneDeleteMarkers), ..rule("") },        day(1), vec![Expired::Version(key("gone"), version(8))]),
        ("NoncurrentDays",                                                  LifecycleRule { noncurrent: noncurrent(1, None), ..rule("") },                        day(2), vec![Expired::Version(a.clone(), null)]),
        ("NewerNoncurrentVersions",                                         LifecycleRule { noncurrent: noncurrent(1, Some(1)), ..rule("") },                     day(2), vec![]),
        ("Tag: none of the objects has it",                                 LifecycleRule { filter: LifecycleFilter { tags: std::collections::BTreeMap::from([("a".to_owned(), "b".to_owned())]).into(), ..Default::default() }, expiration: Some(Expiration::Days(1)), ..rule("") }, day(9), vec![]),
    ];
    for (source, rule, now, expected) in table {
        set(&mut objects, Setting::Lifecycle(Some(Lifecycle(vec![rule]))));
        let bucket = objects.bucket(&lake()).unwrap();
        assert_eq!(bucket.expired(now, None, 100), (expected.clone(), None), "{source}");
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let (some, next) = bucket.expired(now, after.as_ref(), 1);
            all.extend(some);
            after = next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(all, expected, "{source}, a key at a time");
    }
    let named = |id: &str, expiration, prefix: &str| LifecycleRule {
        id: id.into(),
        expiration: Some(expiration),
        ..rule(prefix)
    };
    let rules = [
        named("b", Expiration::Days(3), "old/"),
        named("a", Expiration::Date(day(2)), "old/b"),
        named("c", Expiration::LoneDeleteMarkers, ""),
    ];
    set(&mut objects, Setting::Lifecycle(Some(Lifecycle(rules.to_vec()))));
    let bucket = objects.bucket(&lake()).unwrap();
    assert_eq!(bucket.expiry(&a, None), Some((day(4), "b")), "the midnight after");
    assert_eq!(bucket.expiry(&a, Some(version(7))), Some((day(4), "b")));
    assert_eq!(bucket.expiry(&a, Some(null)), None, "not the newest");
    assert_eq!(bucket.expiry(&b, None), Some((day(2), "a")), "the rule that comes first");
    assert_eq!((bucket.expiry(&key("keep"), None), bucket.expiry(&key("gone"), None)), (None, None));
}

#[test]
fn a_snapshot_folds_to_the_same() {
    let mut objects = objects(&["x", "y"]);
    let encryption = BucketEncryption {
        algorithm: SseAlgorithm::AwsKms,
        kms_key: Some("k".into()),
        bucket_key_enabled: true,
        customer_keys_allowed: true,
    };
    objects.set_bucket_encryption(&lake(), encryption).unwrap().iter().for_each(|event| objects.apply(event));
    set(&mut objects, Setting::Versioning(Versioning::Enabled));
    set(&mut objects, Setting::PublicAccessBlock(None));
    put(&mut objects, "x", 9);
    delete(&mut objects, "y", None, 8);
    let begun = objects.begin_upload(&lake(), &key("z"), UploadId::from_bytes([1; 16]), upload()).unwrap();
    begun.iter().for_each(|event| objects.apply(event));
    let mut again = Objects::new(objects.tenant().clone());
    for event in objects.snapshot() {
        let text = serde_json::to_string(&event).unwrap();
        again.apply(&serde_json::from_str(&text).unwrap());
    }
    assert_eq!(again, objects);
}

#[test]
fn buckets_are_refused_as_s3_does() {
    let objects = objects(&["x"]);
    assert_eq!(
        objects.create_bucket(Timestamp::default(), &lake(), None),
        Err(ObjectsError::BucketAlreadyOwnedByYou(lake()))
    );
    assert_eq!(objects.delete_bucket(&lake()), Err(ObjectsError::BucketNotEmpty(lake())));
    let absent = BucketName::parse("absent").unwrap();
    assert_eq!(objects.delete_bucket(&absent), Err(ObjectsError::NoSuchBucket(absent.clone())));
    let mut deletions = ["x", "zz"].map(|text| Deletion { key: key(text), version: None, precondition: None }).to_vec();
    let precondition = Some(crate::Precondition::Matches("other".into()));
    deletions.push(Deletion { key: key("x"), version: None, precondition });
    let now = Timestamp::default();
    let deletions = objects.delete_objects(now, &lake(), &deletions, &mut counter()).unwrap();
    assert_eq!(deletions.events.len(), 1);
    assert!(deletions.outcomes[..2].iter().all(Result::is_ok));
    assert_eq!(deletions.outcomes[2], Err(ObjectsError::PreconditionFailed("If-Match")));
    assert_eq!(deletions.removed, [BlobId::from_bytes([0; 16])]);
}

#[test]
fn names_that_nobody_can_have() {
    #[rustfmt::skip] // rule (S3 user guide: "General purpose bucket naming rules")   name                     reserved?
    let table = [
        ("must not start with the prefix xn--",                                       "xn--lake",              true),
        ("must not start with the prefix sthree-",                                    "sthree-lake",           true),
        ("must not start with the prefix amzn-s3-demo-",                              "amzn-s3-demo-bucket",   true),
        ("must not end with the suffix -s3alias",                                     "lake-s3alias",          true),
        ("must not end with the suffix --ol-s3",                                      "lake--ol-s3",           true),
        ("must not end with the suffix .mrap",                                        "lake.mrap",             true),
        ("must not end with the suffix --x-s3",                                       "lake--x-s3",            true),
        ("must not end with the suffix --table-s3",                                   "lake--table-s3",        true),
        ("RFC 1123 §2.1: a label of a host's name",                                   "lake.-a",               true),
        ("RFC 1123 §2.1: a label of a host's name",                                   "lake-.a",               true),
        ("letters, numbers, periods and hyphens",                                     "lake-1.data--s3",       false),
    ];
    let objects = objects(&[]);
    for (rule, name, reserved) in table {
        let bucket = BucketName::parse(name).unwrap();
        let refused =
            objects.create_bucket(Timestamp::default(), &bucket, None) == Err(ObjectsError::ReservedBucketName(bucket));
        assert_eq!(refused, reserved, "{rule}: {name}");
    }
    let tags = Some(BTreeMap::from([("a".to_owned(), "b".to_owned())]));
    let made =
        objects.create_bucket(Timestamp::default(), &BucketName::parse("tagged").unwrap(), tags.clone()).unwrap();
    assert!(
        matches!(&made[..], [Event::BucketCreated { .. }, Event::BucketSettingSet { setting, .. }] if *setting == Setting::Tags(tags))
    );
}

#[test]
fn what_checksums_parts_may_have() {
    use crate::ChecksumAlgorithm::{CRC32, CRC64NVME, SHA256};
    #[rustfmt::skip] // source                                                                    upload      part           taken?
    let table = [
        ("UploadPart: must match the checksum value supplied in CreateMultipartUpload",           SHA256,     Some(SHA256),  true),
        ("UploadPart: must match the checksum value supplied in CreateMultipartUpload",           SHA256,     Some(CRC32),   false),
        ("checked on its way, whether one came or not",                                           SHA256,     None,          true),
        ("CreateMultipartUpload: CRC64NVME where none is supplied",                               CRC64NVME,  Some(CRC32),   true),
    ];
    for (source, checksum, part, taken) in table {
        let upload = MultipartUpload { checksum, ..upload() };
        assert_eq!(upload.check_part_checksum(part).is_ok(), taken, "{source}");
    }
}

#[test]
fn a_write_that_must_replace_needs_something_to_replace() {
    let objects = objects(&["x"]);
    let matches = crate::Precondition::Matches("other".into());
    let put = |text| objects.put_object(&lake(), &key(text), record(1), Some(&matches), &mut counter());
    assert_eq!(put("x"), Err(ObjectsError::PreconditionFailed("If-Match")));
    assert_eq!(put("y"), Err(ObjectsError::NoSuchKey(key("y"))));
}

#[test]
fn what_was_written_before_versions_is_read() {
    let old = [
        r#"{"BucketCreated":{"bucket":"lake","at":1000}}"#,
        r#"{"ObjectPut":{"bucket":"lake","key":"k","record":{"bodies":[{"blob":"01010101010101010101010101010101","size":1}],"size":1,"etag":"e","last_modified":2000,"encryption":"S3","metadata":{"a":"b"}}}}"#,
        r#"{"ObjectPut":{"bucket":"lake","key":"l","record":{"bodies":[],"size":0,"etag":"e","last_modified":2000,"encryption":{"Kms":{"key_arn":"arn","bucket_key":false}}}}}"#,
        r#"{"ObjectDeleted":{"bucket":"lake","key":"l"}}"#,
    ];
    let mut objects = objects(&[]);
    old.iter().for_each(|event| objects.apply(&serde_json::from_str(event).unwrap()));
    let found = objects.object(&lake(), &key("k"), None).unwrap();
    assert_eq!((found.version, found.versioned, found.record.metadata.get("a")), (VersionId::NULL, false, Some("b")));
    assert!(objects.object(&lake(), &key("l"), None).is_err());
}
