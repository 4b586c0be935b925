//! `[object_store]`: bodies that another S3 keeps, against moto and against a second sekisho.
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use conformance::{Moto, Server, binary, eventually, files, run};
use sekisho_blobs::Elsewhere;
use sekisho_client::AwsClient;
use sekisho_remote::{AddressingStyle, Endpoint, RemoteBucket};
use sekisho_sigv4::Credentials;
use sekisho_types::{BucketName, Secret};

const MARKER: &str = "PLANTED-MARKER-0123456789";

fn credentials(id: &str, secret: &str) -> Credentials {
    let secret_access_key = Secret::new(secret.as_bytes().to_vec());
    Credentials { access_key_id: id.into(), secret_access_key, session_token: None }
}

/// The S3 that keeps bodies.
struct There {
    endpoint: String,
    credentials: Credentials,
    runtime: tokio::runtime::Runtime,
}

impl There {
    fn new(endpoint: &str, credentials: Credentials) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("threads");
        Self { endpoint: endpoint.to_owned(), credentials, runtime }
    }

    fn ask(&self, method: http::Method, path: &str, query: &str, body: &[u8]) -> Bytes {
        let client = AwsClient::new(&self.endpoint, "us-east-1", self.credentials.clone()).expect("an endpoint");
        let answer = client.s3(method, path, query, &[], Bytes::copy_from_slice(body));
        self.runtime.block_on(answer).expect("it answers").body
    }

    fn keys(&self) -> Vec<String> {
        let listed = self.ask(http::Method::GET, "/bodies", "list-type=2", b"");
        let listed = String::from_utf8(listed.to_vec()).expect("XML is text");
        listed
            .split("<Key>")
            .skip(1)
            .filter_map(|key| key.split_once("</Key>"))
            .map(|(key, _)| key.to_owned())
            .collect()
    }

    fn body(&self, key: &str) -> Bytes {
        self.ask(http::Method::GET, &format!("/bodies/{key}"), "", b"")
    }

    /// A file of settings that puts bodies there.
    fn settings(&self, folder: &Path) -> PathBuf {
        let secret = folder.join("secret");
        fs::write(&secret, self.credentials.secret_access_key.expose()).expect("writable");
        let text = format!(
            "[object_store]\nendpoint = \"{}\"\nallow_http = true\nbucket = \"bodies\"\nprefix = \"ours/\"\n\
             access_key_id = \"{}\"\nsecret_access_key = \"file:{}\"\ntimeout_s = 5\n",
            self.endpoint,
            self.credentials.access_key_id,
            secret.display()
        );
        let path = folder.join("sekisho.toml");
        fs::write(&path, text).expect("writable");
        path
    }

    /// The suite that files and memory pass too.
    fn keeps_the_contract(&self) {
        self.runtime.block_on(async {
            let bucket = RemoteBucket {
                name: BucketName::parse("bodies").expect("a name"),
                endpoint: Endpoint::parse(&self.endpoint, true).expect("an endpoint"),
                region: "us-east-1".into(),
                credentials: self.credentials.clone(),
                style: AddressingStyle::Path,
                request_max: Duration::from_secs(60),
            };
            let told = Box::new(|error: &sekisho_remote::RemoteError| panic!("{error}"));
            let journal = tempfile::tempdir().expect("a folder");
            let bodies = Elsewhere::new(bucket, "contract/1/".into(), told);
            sekisho_blobs::contract::holds(Arc::new(bodies), journal.path()).await;
        });
    }
}

#[test]
fn moto_keeps_the_contract() {
    let moto = Moto::start();
    let there = There::new(&moto.api(), credentials("AKID", "any"));
    there.ask(http::Method::PUT, "/bodies", "", b"");
    there.keeps_the_contract();
    a_server_lives_from(&there);
}

#[test]
fn a_second_sekisho_keeps_the_contract() {
    let second = Server::start();
    let (id, secret) = second.credentials();
    let there = There::new(second.api(), credentials(&id, &secret));
    there.ask(http::Method::PUT, "/bodies", "", b"");
    there.keeps_the_contract();
    a_server_lives_from(&there);
}

/// boto3 does what it always does; the other store sees ciphertext under names that say nothing.
fn a_server_lives_from(there: &There) {
    let folder = tempfile::tempdir().expect("a folder");
    there.ask(http::Method::PUT, "/bodies/ours/somebodys", "", b"not ours");
    let settings = there.settings(folder.path());
    let flags = ["--config", settings.to_str().expect("a path")];
    let mut server = Server::start_with(&flags);
    assert!(server.python("object_store.py").ends_with("everything came back\n"));
    assert!(files(&server.data().join("objects")).is_empty(), "nothing lies here");
    let keys = there.keys();
    let ours: Vec<&String> =
        keys.iter().filter(|key| key.starts_with("ours/") && !key.ends_with("somebodys")).collect();
    assert!(ours.len() >= 6, "{keys:?}");
    for key in &keys {
        let body = there.body(key);
        let told = body.windows(MARKER.len()).any(|window| window == MARKER.as_bytes());
        assert!(!told && !key.contains(MARKER), "{key} tells");
        assert!(key.starts_with("ours/") == key.ends_with("somebodys") || body.starts_with(b"SEKISHOO"), "{key}");
    }

    // What was acknowledged survives; what was not leaves nothing.
    let write_on =
        "i=0; while :; do i=$((i+1)); echo $i > n; aws s3 cp --quiet n s3://lake/n/$i && echo $i >> done; done";
    let mut writing = server.command("bash").args(["-c", write_on]).spawn().expect("bash is there");
    let done = server.scratch().join("done");
    eventually("some were acknowledged", || (fs::read_to_string(&done).ok()?.lines().count() >= 3).then_some(()));
    server.kill();
    writing.kill().expect("it is ours to kill");
    writing.wait().expect("it is ours to wait for");
    let orphan = format!("{}/{}/{}", ours[0].rsplitn(3, '/').last().expect("an instance"), "ee", "ee".repeat(16));
    there.ask(http::Method::PUT, &format!("/bodies/{orphan}"), "", b"never indexed");
    server.restart();
    eventually("what is nobody's is swept", || (!there.keys().contains(&orphan)).then_some(()));
    assert!(there.keys().contains(&"ours/somebodys".to_owned()), "and nothing that is somebody else's");
    for number in fs::read_to_string(&done).expect("it is there").lines() {
        assert_eq!(server.bash(&format!("aws s3 cp --quiet s3://lake/n/{number} -")).trim(), number);
    }

    // Another server below the same prefix never sees, and so never sweeps, what is not its own.
    let mut neighbour = Server::start_with(&flags);
    neighbour
        .bash("aws s3api create-bucket --bucket lake >/dev/null; echo theirs > b; aws s3 cp --quiet b s3://lake/b");
    let before = there.keys();
    neighbour.terminate();
    neighbour.restart();
    server.terminate();
    server.restart();
    let (ours, theirs) =
        (server.bash("aws s3 cp --quiet s3://lake/short/0 -"), neighbour.bash("aws s3 cp --quiet s3://lake/b -"));
    assert_eq!((ours.trim(), theirs.trim()), (MARKER, "theirs"));
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(there.keys(), before);
    let keys = before;

    // A body that was changed over there is an error, and no data.
    server.bash("echo tampered with > t; aws s3api put-object --bucket lake --key t --body t");
    let new: Vec<String> = there.keys().into_iter().filter(|key| !keys.contains(key)).collect();
    let found = new.iter().filter(|key| there.body(key).len() < 400).max_by_key(|key| there.body(key).len());
    let key = found.expect("it is there").clone();
    let mut body = there.body(&key).to_vec();
    let whole = body.clone();
    *body.last_mut().expect("it is not empty") ^= 1;
    server.terminate();
    audit(&server, &settings, None);
    there.ask(http::Method::PUT, &format!("/bodies/{key}"), "", &body);
    audit(&server, &settings, Some("a chunk does not open"));
    there.ask(http::Method::PUT, &format!("/bodies/{key}"), "", &whole);
    audit(&server, &settings, None);

    // The directory goes nowhere else without its bodies.
    let (code, said) = server.refuses_to_start(&[]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("lie in the bucket `bodies` below `ours/`"), "{said}");
}

fn audit(server: &Server, settings: &Path, wrong: Option<&str>) {
    let mut command = std::process::Command::new(binary());
    let output = command.args(["audit", "at-rest", "--data"]).arg(server.data()).arg("--config").arg(settings).output();
    let output = output.expect("it runs");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.success(), wrong.is_none(), "{output:?}");
    assert!(printed.contains("SSE-KMS, every tag right"), "{printed}");
    wrong.iter().for_each(|wrong| assert!(printed.contains(wrong), "{printed}"));
}

#[test]
fn a_store_that_goes_away_is_told_and_comes_back() {
    let mut second = Server::start_at_one_address();
    let (id, secret) = second.credentials();
    let there = There::new(second.api(), credentials(&id, &secret));
    there.ask(http::Method::PUT, "/bodies", "", b"");
    let folder = tempfile::tempdir().expect("a folder");
    let settings = there.settings(folder.path());
    let mut server = Server::start_with(&["--config", settings.to_str().expect("a path")]);
    server
        .bash("aws s3api create-bucket --bucket lake >/dev/null; echo one > one; aws s3 cp --quiet one s3://lake/one");

    second.kill();
    let once = "AWS_MAX_ATTEMPTS=1 aws s3api";
    let (code, said) = server.bash_may_fail(&format!("{once} put-object --bucket lake --key two --body one"));
    assert!(code != Some(0) && said.contains("ServiceUnavailable"), "{said}");
    let (code, said) = server.bash_may_fail(&format!("{once} get-object --bucket lake --key one got"));
    assert!(code != Some(0) && said.contains("ServiceUnavailable"), "{said}");
    let why = server.bash("sekisho why object_store");
    assert!(why.contains("object_store unavailable") && why.contains("could not be asked"), "{why}");
    let log = fs::read_to_string(server.scratch().join("server.log")).expect("a log");
    assert!(log.contains("could not write a body in the object store elsewhere"), "{log}");
    // What needs no body goes on, and a deletion is remembered.
    server.bash("aws s3api head-object --bucket lake --key one; aws s3api list-objects-v2 --bucket lake");
    server.bash("aws s3api put-object --bucket lake --key x --body /dev/null || true; aws s3 rm --quiet s3://lake/one");
    // It starts without it, too.
    server.kill();
    server.restart();
    server.bash("aws s3api list-objects-v2 --bucket lake");

    second.restart();
    server.bash("echo three > three; aws s3 cp --quiet three s3://lake/three");
    assert_eq!(server.bash("aws s3 cp --quiet s3://lake/three -"), "three\n");
    let (_, said) = server.bash_may_fail("aws s3api head-object --bucket lake --key two");
    assert!(said.contains("404"), "what was refused is not there: {said}");
    eventually("what was deleted meanwhile is gone", || (there.keys().len() == 1).then_some(()));
    server.terminate();
    run(std::process::Command::new(binary())
        .args(["audit", "at-rest", "--data"])
        .arg(server.data())
        .arg("--config")
        .arg(&settings));
}
