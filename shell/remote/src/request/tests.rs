//! A bucket's endpoint that misbehaves: one connection a line of the script.
use std::sync::{Arc, Mutex};

use sekisho_sigv4::Credentials;
use sekisho_types::{BucketName, Secret};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::{AddressingStyle, Endpoint, RemoteBuckets, RemoteObject};

/// What becomes of a connection's only request.
#[derive(Clone, Copy)]
enum Act {
    Answer(u16, &'static str),
    /// Nothing comes back, and the connection stays open.
    Stall,
    /// A head that promises a body, and then nothing.
    StallInBody,
    Close,
}
use Act::{Answer as Says, Close, Stall, StallInBody};

/// Answers by the script, and 204 after its end. What was asked: method, query and whether it was signed.
async fn endpoint(script: &'static [Act]) -> (RemoteBuckets, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let noted = asked.clone();
    tokio::spawn(async move {
        for act in script.iter().copied().chain(std::iter::repeat(Says(204, ""))) {
            let (mut socket, _) = listener.accept().await.unwrap();
            let head = read_request(&mut socket).await;
            let line: Vec<&str> = head.split(' ').collect();
            let query = line[1].split_once('?').map_or("", |(_, query)| query);
            assert!(head.contains("content-length: "), "{head}");
            assert!(head.contains("AWS4-HMAC-SHA256 Credential=AKID/"), "{head}");
            noted.lock().unwrap().push(format!("{} {query}", line[0]).trim().to_owned());
            let answer = match act {
                Says(status, body) => format!(
                    "HTTP/1.1 {status} X\r\netag: \"e\"\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                ),
                StallInBody => "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n<Comp".to_owned(),
                Stall | Close => String::new(),
            };
            socket.write_all(answer.as_bytes()).await.unwrap();
            if matches!(act, Stall | StallInBody) {
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_secs(60)).await;
                    drop(socket);
                });
            }
        }
    });
    let bucket = RemoteBucket {
        name: BucketName::parse("lake").unwrap(),
        endpoint: Endpoint::parse(&endpoint, true).unwrap(),
        region: "us-east-1".into(),
        credentials: Credentials {
            access_key_id: "AKID".into(),
            secret_access_key: Secret::new(b"secret".to_vec()),
            session_token: None,
        },
        style: AddressingStyle::Path,
        request_max: Duration::from_secs(1),
    };
    (RemoteBuckets::new(vec![bucket]), asked)
}

async fn read_request(socket: &mut tokio::net::TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let mut piece = vec![0; 64 * 1024];
        let read = socket.read(&mut piece).await.unwrap();
        bytes.extend_from_slice(&piece[..read]);
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let length =
            head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
        if bytes.len() >= end + 4 + length {
            return head;
        }
    }
}

async fn put(buckets: &RemoteBuckets, bytes: usize) -> Result<(), RemoteError> {
    let object = RemoteObject {
        bucket: BucketName::parse("lake").unwrap(),
        key: "k".into(),
        headers: vec![("content-type".into(), "application/octet-stream".into())],
        kms_key: None,
    };
    let mut upload = buckets.begin(object).expect("it is kept elsewhere");
    upload.write(&vec![b'x'; bytes]).await?;
    upload.finish().await
}

const BEGUN: &str = "<InitiateMultipartUploadResult><UploadId>u/1</UploadId></InitiateMultipartUploadResult>";
const FAILED: &str = "<?xml version=\"1.0\"?>\n<Error><Code>InternalError</Code><Message>again</Message></Error>";
const PART: usize = 8 * 1024 * 1024;

type Row = (&'static str, &'static [Act], usize, &'static [&'static str], Option<&'static str>);

#[rustfmt::skip] // what                             script                                                 bytes     asked                                                                             outcome
const SCRIPTS: &[Row] = &[
    ("a short body is one PUT",                      &[Says(200, "")],                                      5,        &["PUT"],                                                                         None),
    ("a body of exactly one part is one PUT",        &[Says(200, "")],                                      PART,     &["PUT"],                                                                         None),
    ("what passes is tried again",                   &[Says(503, FAILED), Says(500, ""), Close, Says(200, "")], 5,    &["PUT", "PUT", "PUT", "PUT"],                                                    None),
    ("a stall ends",                                 &[Stall, Says(200, "")],                               5,        &["PUT", "PUT"],                                                                  None),
    ("a stall in the answer ends",                   &[StallInBody, Says(200, "")],                         5,        &["PUT", "PUT"],                                                                  None),
    ("a refusal is told at once",                    &[Says(403, "<Error><Code>AccessDenied</Code><Message>no</Message></Error>")], 5, &["PUT"],                                       Some("AccessDenied (403): no")),
    ("four times are enough",                        &[Says(503, FAILED), Says(503, FAILED), Says(503, FAILED), Says(503, FAILED)], 5, &["PUT", "PUT", "PUT", "PUT"],                  Some("InternalError (503): again")),
    ("a redirection is not followed",                &[Says(301, "<Error><Code>PermanentRedirect</Code><Message>m</Message></Error>")], 5, &["PUT"],                                  Some("PermanentRedirect (301): m")),
    ("one byte more goes in parts",                  &[Says(200, BEGUN), Says(200, ""), Says(200, ""), Says(200, "<R/>")], PART + 1,
        &["POST uploads=", "PUT partNumber=1&uploadId=u%2F1", "PUT partNumber=2&uploadId=u%2F1", "POST uploadId=u%2F1"], None),
    ("a part that fails costs a part",               &[Says(200, BEGUN), Says(500, ""), Says(200, ""), Says(200, ""), Says(200, "<R/>")], PART + 1,
        &["POST uploads=", "PUT partNumber=1&uploadId=u%2F1", "PUT partNumber=1&uploadId=u%2F1", "PUT partNumber=2&uploadId=u%2F1", "POST uploadId=u%2F1"], None),
    ("a failure may come with 200",                  &[Says(200, BEGUN), Says(200, ""), Says(200, ""), Says(200, FAILED), Says(200, "<R/>")], PART + 1,
        &["POST uploads=", "PUT partNumber=1&uploadId=u%2F1", "PUT partNumber=2&uploadId=u%2F1", "POST uploadId=u%2F1", "POST uploadId=u%2F1"], None),
    ("parts of what is given up are removed",        &[Says(200, BEGUN), Says(200, ""), Says(403, "")],     PART + 1,
        &["POST uploads=", "PUT partNumber=1&uploadId=u%2F1", "PUT partNumber=2&uploadId=u%2F1", "DELETE uploadId=u%2F1"], Some("Unknown (403): ")),
];

#[tokio::test]
async fn an_endpoint_that_misbehaves() {
    for (what, script, bytes, expected, outcome) in SCRIPTS {
        let (buckets, asked) = endpoint(script).await;
        let put = put(&buckets, *bytes).await;
        let refusal = put.err().map(|error| error.to_string());
        let refusal = refusal.map(|text| text.trim_start_matches("the bucket's endpoint refused: ").to_owned());
        assert_eq!(refusal.as_deref(), *outcome, "{what}");
        for _ in 0..100 {
            if asked.lock().unwrap().len() >= expected.len() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(*asked.lock().unwrap(), *expected, "{what}");
    }
}

#[tokio::test]
async fn nobody_there_is_told_as_such() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let (buckets, _) = endpoint(&[]).await;
    let mut bucket = (**buckets.by_name.values().next().unwrap()).clone();
    bucket.endpoint = Endpoint::parse(&format!("http://{address}"), true).unwrap();
    let error = put(&RemoteBuckets::new(vec![bucket]), 1).await.unwrap_err();
    assert!(matches!(error, RemoteError::Http(_)), "{error}");
}
