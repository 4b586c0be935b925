//! Kills at random instants, while streams deliver over a faulty network into a bucket that another S3 keeps: every record
//! that was acknowledged is there exactly once, over all objects.
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Read;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use conformance::{FaultProxy, Server};
use sekisho_client::{AwsClient, encode_segment};
use sekisho_sigv4::Credentials;
use sekisho_types::Secret;
use serde_json::{Value, json};

/// `SEKISHO_KILLS`; few by default, so that the suite stays short.
fn kills() -> u32 {
    std::env::var("SEKISHO_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(4)
}

/// What the test waits for arrives within this, failures and their waits included.
const ARRIVES_MAX: Duration = Duration::from_secs(180);
const STREAMS: [&str; 2] = ["plain", "parted"];

fn client(server: &Server) -> AwsClient {
    let (access_key_id, secret) = server.credentials();
    let secret_access_key = Secret::new(secret.into_bytes());
    let credentials = Credentials { access_key_id, secret_access_key, session_token: None };
    AwsClient::new(server.api(), "us-east-1", credentials).expect("an endpoint")
}

/// Puts batches until told to stop; notes what was acknowledged.
async fn load(
    client: Arc<AwsClient>,
    stream: &'static str,
    round: u32,
    stop: Arc<AtomicBool>,
    log: Arc<Mutex<Vec<String>>>,
) {
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let ids: Vec<String> = (0..40).map(|at| format!("{stream}-{round}-{number}-{at}")).collect();
        let records: Vec<Value> = ids
            .iter()
            .enumerate()
            .map(|(at, id)| {
                let line = format!("{}\n", json!({"id": id, "site": at % 5, "pad": "x".repeat(400)}));
                json!({"Data": base64(line.as_bytes())})
            })
            .collect();
        let put = json!({"DeliveryStreamName": stream, "Records": records});
        // Whatever is not acknowledged is not sent again: it may be there once.
        let Ok(answer) = client.json11("firehose", "PutRecordBatch", &put).await else { continue };
        let mut log = log.lock().unwrap();
        for (id, answer) in ids.into_iter().zip(answer["RequestResponses"].as_array().into_iter().flatten()) {
            if answer["RecordId"].is_string() {
                log.push(id);
            }
        }
    }
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let word = three.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for at in 0..4 {
            text.push(if at <= three.len() { LETTERS[(word >> (18 - 6 * at) & 63) as usize] as char } else { '=' });
        }
    }
    text
}

/// Every key of the bucket.
async fn keys(far: &AwsClient) -> BTreeSet<String> {
    let (mut keys, mut after) = (BTreeSet::new(), String::new());
    loop {
        let query = format!("list-type=2&start-after={}", encode_segment(&after));
        let page = far.s3(http::Method::GET, "/far", &query, &[], Bytes::new()).await.unwrap();
        let text = String::from_utf8(page.body.to_vec()).unwrap();
        let found: Vec<String> =
            text.split("<Key>").skip(1).map(|rest| rest.split("</Key>").next().unwrap().to_owned()).collect();
        let Some(last) = found.last().cloned() else { return keys };
        after = last;
        keys.extend(found);
    }
}

/// The ids in an object.
async fn ids(far: &AwsClient, key: &str) -> Vec<String> {
    let path = format!("/far/{}", key.split('/').map(encode_segment).collect::<Vec<_>>().join("/"));
    let object = far.s3(http::Method::GET, &path, "", &[], Bytes::new()).await.unwrap();
    assert_eq!(object.header("content-encoding"), Some("gzip"));
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(&object.body[..]).read_to_string(&mut text).expect("a whole object");
    let id = |line: &str| {
        let record: Value = serde_json::from_str(line).expect("whole records only");
        if let Some(site) = key.strip_prefix("parted/site=") {
            assert!(site.starts_with(&format!("{}/", record["site"])), "{key}: {line}");
        }
        record["id"].as_str().expect("an id").to_owned()
    };
    text.lines().map(id).collect()
}

#[test]
fn every_acknowledged_record_is_elsewhere_exactly_once() {
    let far_server = Server::start();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let far = client(&far_server);
    runtime.block_on(far.s3(http::Method::PUT, "/far", "", &[], Bytes::new())).unwrap();
    let seed = u64::from(std::process::id());
    let proxy = FaultProxy::start(far_server.api(), seed, Duration::from_secs(3));

    let folder = tempfile::tempdir().unwrap();
    let (id, secret) = far_server.credentials();
    std::fs::write(folder.path().join("secret"), secret).unwrap();
    let config = folder.path().join("sekisho.toml");
    let text = format!(
        "[[bucket]]\nname = \"far\"\nendpoint = \"{}\"\nallow_http = true\naccess_key_id = \"{id}\"\n\
         secret_access_key = \"file:{}\"\ntimeout_s = 2\n",
        proxy.url(),
        folder.path().join("secret").display()
    );
    std::fs::write(&config, text).unwrap();
    let mut server = Server::start_with(&["--config", config.to_str().unwrap()]);
    let s3 = |size: u32, more: Value| {
        let mut given = json!({"RoleARN": "arn:aws:iam::000000000000:role/d", "BucketARN": "arn:aws:s3:::far",
            "CompressionFormat": "GZIP", "BufferingHints": {"SizeInMBs": size, "IntervalInSeconds": 1}});
        given.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        given
    };
    let extraction = json!({"Prefix": "parted/site=!{partitionKeyFromQuery:site}/", "ErrorOutputPrefix": "errors/",
        "DynamicPartitioningConfiguration": {"Enabled": true},
        "ProcessingConfiguration": {"Enabled": true, "Processors": [{"Type": "MetadataExtraction", "Parameters": [
            {"ParameterName": "MetadataExtractionQuery", "ParameterValue": "{site: .site}"},
            {"ParameterName": "JsonParsingEngine", "ParameterValue": "JQ-1.6"}]}]}});
    for (stream, given) in [(STREAMS[0], s3(1, json!({"Prefix": "plain/"}))), (STREAMS[1], s3(64, extraction))] {
        let create = json!({"DeliveryStreamName": stream, "ExtendedS3DestinationConfiguration": given});
        runtime.block_on(client(&server).json11("firehose", "CreateDeliveryStream", &create)).unwrap();
    }

    let acknowledged: Arc<Mutex<Vec<String>>> = Arc::default();
    let random = AtomicU64::new(seed);
    for round in 0..kills() {
        let (stop, client) = (Arc::new(AtomicBool::new(false)), Arc::new(client(&server)));
        for stream in STREAMS {
            runtime.spawn(load(client.clone(), stream, round, stop.clone(), acknowledged.clone()));
        }
        let before = acknowledged.lock().unwrap().len();
        conformance::eventually("the load is under way", || {
            (acknowledged.lock().unwrap().len() > before + 400).then_some(())
        });
        let next = random
            .load(Ordering::Relaxed)
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        random.store(next, Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(next >> 33 & 0x7ff));
        server.kill();
        stop.store(true, Ordering::Relaxed);
        server.restart();
    }

    // Everything that was promised arrives; objects are looked at once, since an object that is written again is the same.
    let promised: BTreeSet<String> = acknowledged.lock().unwrap().iter().cloned().collect();
    assert_eq!(promised.len(), acknowledged.lock().unwrap().len(), "an id is sent once");
    let (mut seen, mut found): (BTreeMap<String, Vec<String>>, BTreeSet<String>) = Default::default();
    let (began, mut quiet) = (Instant::now(), Instant::now());
    loop {
        for key in runtime.block_on(keys(&far)) {
            if let Entry::Vacant(unseen) = seen.entry(key) {
                let ids = runtime.block_on(ids(&far, unseen.key()));
                found.extend(ids.iter().cloned());
                unseen.insert(ids);
                quiet = Instant::now();
            }
        }
        if promised.is_subset(&found) && quiet.elapsed() > Duration::from_secs(6) {
            break;
        }
        let missing = promised.difference(&found).count();
        assert!(began.elapsed() < ARRIVES_MAX, "{missing} of {} do not arrive; {:?}", promised.len(), proxy.seen());
        std::thread::sleep(Duration::from_millis(500));
    }
    // And once more from the beginning: what is there now is what counts.
    let mut counted: HashMap<String, u32> = HashMap::new();
    let mut objects = 0;
    for key in runtime.block_on(keys(&far)) {
        assert!(!key.starts_with("errors/"), "{key}");
        let now = runtime.block_on(ids(&far, &key));
        assert_eq!(seen.get(&key), Some(&now), "an object is written again with the same bytes: {key}");
        now.into_iter().for_each(|id| *counted.entry(id).or_default() += 1);
        objects += 1;
    }
    let twice: Vec<_> = counted.iter().filter(|(_, count)| **count != 1).take(10).collect();
    assert!(twice.is_empty(), "more than once: {twice:?}");
    let lost = promised.iter().filter(|id| !counted.contains_key(*id)).count();
    assert_eq!(lost, 0);
    eprintln!(
        "{} kills, {} records acknowledged, each exactly once in {objects} objects elsewhere; {} more were not acknowledged \
         and are there once; requests met {:?}",
        kills(),
        promised.len(),
        counted.len() - promised.len(),
        proxy.seen()
    );
}
