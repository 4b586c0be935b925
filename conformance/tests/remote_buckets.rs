//! Buckets that another S3 keeps: what `sekisho-remote` promises, against moto and against a second sekisho, which checks
//! signatures, keys and digests.
use std::time::Duration;

use conformance::{FaultProxy, Moto, Server};
use sekisho_client::AwsClient;
use sekisho_remote::{AddressingStyle, Endpoint, RemoteBucket, RemoteBuckets, RemoteError, RemoteObject};
use sekisho_sigv4::Credentials;
use sekisho_types::{BucketName, Secret};

fn credentials(id: &str, secret: &str) -> Credentials {
    let secret_access_key = Secret::new(secret.as_bytes().to_vec());
    Credentials { access_key_id: id.into(), secret_access_key, session_token: None }
}

fn bucket(endpoint: &str, name: &str, credentials: &Credentials) -> RemoteBuckets {
    RemoteBuckets::new(vec![RemoteBucket {
        name: BucketName::parse(name).unwrap(),
        endpoint: Endpoint::parse(endpoint, true).unwrap(),
        region: "us-east-1".into(),
        credentials: credentials.clone(),
        style: AddressingStyle::Path,
        request_max: Duration::from_secs(60),
    }])
}

async fn put(buckets: &RemoteBuckets, bucket: &str, key: &str, body: &[u8]) -> Result<(), RemoteError> {
    let object = RemoteObject {
        bucket: BucketName::parse(bucket).unwrap(),
        key: key.into(),
        headers: vec![
            ("content-type".into(), "application/octet-stream".into()),
            ("content-encoding".into(), "gzip".into()),
        ],
        kms_key: None,
    };
    let mut upload = buckets.begin(object).expect("it is kept elsewhere");
    for piece in body.chunks(300_000) {
        upload.write(piece).await?;
    }
    upload.finish().await
}

/// What every S3 must do for us.
async fn contract(endpoint: &str, credentials: Credentials, strict: bool) {
    let reader = AwsClient::new(endpoint, "us-east-1", credentials.clone()).unwrap();
    reader.s3(http::Method::PUT, "/lake", "", &[], bytes::Bytes::new()).await.unwrap();
    let buckets = bucket(endpoint, "lake", &credentials);
    let long: Vec<u8> = (0..20 * 1024 * 1024_u32).map(|n| (n.wrapping_mul(n) >> 7) as u8).collect();
    #[rustfmt::skip] // what                      key                    body
    let objects: &[(&str, &str, &[u8])] = &[
        ("an empty body",                         "empty",               b""),
        ("a short one",                           "a/b.gz",              b"one\n"),
        ("replaced by the same",                  "a/b.gz",              b"one\n"),
        ("letters of every kind",                 "site=é +%/a&b=c~'()", b"two\n"),
        ("one part to the byte",                  "part",                &long[..8 * 1024 * 1024]),
        ("three parts",                           "long/2026/x.gz",      &long),
    ];
    for (what, key, body) in objects {
        put(&buckets, "lake", key, body).await.unwrap_or_else(|error| panic!("{what}: {error}"));
        let path: Vec<String> = key.split('/').map(sekisho_client::encode_segment).collect();
        let path = format!("/lake/{}", path.join("/"));
        let found = reader.s3(http::Method::GET, &path, "", &[], bytes::Bytes::new()).await.unwrap();
        assert!(found.body == *body, "{what}: {} bytes came back", found.body.len());
        assert_eq!(found.header("content-type"), Some("application/octet-stream"), "{what}");
        assert_eq!(found.header("content-encoding"), Some("gzip"), "{what}");
    }
    // Keys that a library of paths would change: only a server that keeps them apart can tell.
    if strict {
        for key in ["/logs//x", "logs/x", "a/./b", "a/../b"] {
            put(&buckets, "lake", key, key.as_bytes()).await.unwrap();
        }
        let listed = reader.s3(http::Method::GET, "/lake", "list-type=2", &[], bytes::Bytes::new()).await.unwrap();
        let listed = String::from_utf8(listed.body.to_vec()).unwrap();
        for key in ["/logs//x", "logs/x", "a/./b", "a/../b"] {
            assert!(listed.contains(&format!("<Key>{key}</Key>")), "{key}: {listed}");
        }
        let wrong = bucket(endpoint, "lake", &self::credentials(&credentials.access_key_id, "wrong"));
        let error = put(&wrong, "lake", "k", b"x").await.unwrap_err().to_string();
        assert!(error.contains("SignatureDoesNotMatch"), "{error}");
    }
    let error = put(&bucket(endpoint, "absent", &credentials), "absent", "k", b"x").await.unwrap_err().to_string();
    assert!(error.contains("NoSuchBucket (404)"), "{error}");

    // What is given up leaves nothing, and no parts.
    let object = RemoteObject {
        bucket: BucketName::parse("lake").unwrap(),
        key: "given-up".into(),
        headers: vec![],
        kms_key: None,
    };
    let mut upload = buckets.begin(object).unwrap();
    upload.write(&long[..9 * 1024 * 1024]).await.unwrap();
    drop(upload);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let listed = reader.s3(http::Method::GET, "/lake", "list-type=2&prefix=given", &[], bytes::Bytes::new()).await;
    assert!(!String::from_utf8_lossy(&listed.unwrap().body).contains("given-up"));
    if !strict {
        let uploads = reader.s3(http::Method::GET, "/lake", "uploads=", &[], bytes::Bytes::new()).await.unwrap();
        assert!(!String::from_utf8_lossy(&uploads.body).contains("<UploadId>"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn moto_keeps_the_contract() {
    let moto = tokio::task::spawn_blocking(Moto::start).await.unwrap();
    contract(&moto.api(), credentials("AKID", "any"), false).await;
    let buckets = bucket(&moto.api(), "lake", &credentials("AKID", "any"));
    let key = "arn:aws:kms:us-east-1:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    let object = RemoteObject {
        bucket: BucketName::parse("lake").unwrap(),
        key: "sealed".into(),
        headers: vec![],
        kms_key: Some(key.into()),
    };
    let mut upload = buckets.begin(object).unwrap();
    upload.write(b"x").await.unwrap();
    upload.finish().await.unwrap();
    let reader = AwsClient::new(&moto.api(), "us-east-1", credentials("AKID", "any")).unwrap();
    let head = reader.s3(http::Method::HEAD, "/lake/sealed", "", &[], bytes::Bytes::new()).await.unwrap();
    assert_eq!(head.header("x-amz-server-side-encryption"), Some("aws:kms"));
    assert_eq!(head.header("x-amz-server-side-encryption-aws-kms-key-id"), Some(key));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_sekisho_keeps_the_contract() {
    let server = tokio::task::spawn_blocking(Server::start).await.unwrap();
    let (id, secret) = server.credentials();
    contract(server.api(), credentials(&id, &secret), true).await;
}

#[test]
fn a_bucket_elsewhere_is_none_of_ours() {
    let text = r#"
        [[bucket]]
        name = "elsewhere"
        endpoint = "http://127.0.0.1:9"
        allow_http = true
        access_key_id = "AKID"
        secret_access_key = "env:PATH"
    "#;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sekisho.toml");
    std::fs::write(&file, text).unwrap();
    let mut server = Server::start();
    server.aws(&["s3api", "create-bucket", "--bucket", "elsewhere"]);
    server.terminate();
    let flags = ["--config", file.to_str().unwrap()];
    let (code, said) = server.refuses_to_start(&flags);
    assert_eq!(code, Some(2));
    assert!(said.contains("`bucket` `elsewhere`, `name`: this server keeps a bucket of that name"), "{said}");

    let server = Server::start_with(&flags);
    let refusal = server.aws_refused(&["s3api", "create-bucket", "--bucket", "elsewhere"]);
    assert!(refusal.contains("BucketAlreadyExists") && refusal.contains("another S3 keeps"), "{refusal}");
}

/// An upload that is told to have failed may be there; one that is told to have succeeded is there, whole.
#[tokio::test(flavor = "multi_thread")]
async fn what_succeeds_through_a_faulty_network_is_there() {
    let server = tokio::task::spawn_blocking(Server::start).await.unwrap();
    let (id, secret) = server.credentials();
    let credentials = credentials(&id, &secret);
    let reader = AwsClient::new(server.api(), "us-east-1", credentials.clone()).unwrap();
    reader.s3(http::Method::PUT, "/lake", "", &[], bytes::Bytes::new()).await.unwrap();
    let proxy = FaultProxy::start(server.api(), 4242, Duration::from_secs(3));
    let one = RemoteBucket {
        name: BucketName::parse("lake").unwrap(),
        endpoint: Endpoint::parse(&proxy.url(), true).unwrap(),
        region: "us-east-1".into(),
        credentials,
        style: AddressingStyle::Path,
        request_max: Duration::from_secs(2),
    };
    let buckets = RemoteBuckets::new(vec![one]);
    for number in 0..50_usize {
        let (key, body) = (format!("k/{number}"), vec![number as u8; [0, 1_000, 100_000, 9_000_000][number % 4]]);
        while put(&buckets, "lake", &key, &body).await.is_err() {}
        let found = reader.s3(http::Method::GET, &format!("/lake/{key}"), "", &[], bytes::Bytes::new()).await.unwrap();
        assert!(found.body == body, "{key}");
    }
    let seen = proxy.seen();
    assert!(seen.len() >= 8, "nearly every fault was met: {seen:?}");
    eprintln!("50 objects through {seen:?}");
}
