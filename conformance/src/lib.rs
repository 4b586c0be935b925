//! A running server and the peers that try it: unmodified AWS CLI and SDKs, MQTT clients, openssl.
//!
//! [`Server`] is the real binary on a directory and ports of its own. It can be killed and started again. The peers come from
//! the virtual environment that `make test` makes, and from the machine; a missing one fails the test that needs it.
mod faults; // a proxy that misbehaves
mod moto; // somebody else's S3 and other services
pub mod mqtt; // a client that says exactly what it is told to

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

pub use faults::{Fault, FaultProxy};
pub use moto::{Moto, service};
use serde_json::Value;

/// Anything waited for comes within this, on a slow machine too.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The project's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a folder of the workspace").to_path_buf()
}

/// The binary under test: `SEKISHO_BIN`, else the one `cargo build` makes.
pub fn binary() -> PathBuf {
    std::env::var_os("SEKISHO_BIN").map_or_else(|| target().join("debug/sekisho"), PathBuf::from)
}

fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// MQTT to the letter, and a plain port for the device `lab`.
const STANDARD: &[&str] = &["--profile", "mqtt", "--plain-mqtt", "127.0.0.1:0", "--plain-mqtt-as", "lab"];

/// A server on a directory of its own.
pub struct Server {
    directory: tempfile::TempDir,
    child: Child,
    /// What `DIR/endpoints.json` says.
    endpoints: Value,
    extra: Vec<String>,
    /// File descriptors it may have, if that is not the machine's affair.
    descriptors: Option<u32>,
    /// Its data directory is a file system of its own.
    on_disk: bool,
}

impl Server {
    /// Starts one on an empty directory and waits until it is ready.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same, and its APIs are at the same address after each restart.
    pub fn start_at_one_address() -> Self {
        Self::start_with(&["--api", &format!("127.0.0.1:{}", free_port())])
    }

    /// The same with more flags.
    pub fn start_with(extra: &[&str]) -> Self {
        Self::launch(extra, None)
    }

    /// Starts one whose system trusts this certificate authority and no other, with more flags.
    pub fn start_trusting(authority_pem: &str, extra: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        fs::write(directory.path().join(AUTHORITY), authority_pem).expect("a file");
        Self::launch_in(directory, extra, None)
    }

    /// Starts one that may have so many file descriptors and no more.
    pub fn start_within(descriptors: u32) -> Self {
        Self::launch(&[], Some(descriptors))
    }

    /// [`Server::start_standard`] on a disk of its own that has so many MiB. `None` where disks cannot be made.
    pub fn start_standard_on_disk(mebibytes: u32) -> Option<Self> {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let data = directory.path().join("data");
        fs::create_dir(&data).expect("a folder");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={mebibytes}m"), "tmpfs"]).arg(&data);
        let mounted = mount.stderr(Stdio::null()).status().is_ok_and(|status| status.success());
        mounted.then(|| {
            let mut server = Self::launch_in(directory, STANDARD, None);
            server.on_disk = true;
            server.lab();
            server
        })
    }

    fn launch(extra: &[&str], descriptors: Option<u32>) -> Self {
        Self::launch_in(tempfile::tempdir().expect("a temporary directory"), extra, descriptors)
    }

    fn launch_in(directory: tempfile::TempDir, extra: &[&str], descriptors: Option<u32>) -> Self {
        let extra: Vec<String> = extra.iter().map(|flag| (*flag).to_owned()).collect();
        let child = spawn(directory.path(), &extra, descriptors);
        let mut server = Self { directory, child, endpoints: Value::Null, extra, descriptors, on_disk: false };
        server.wait_ready();
        server
    }

    /// `SIGKILL`: as a crash would.
    pub fn kill(&mut self) {
        self.child.kill().expect("the child is ours to kill");
        self.child.wait().expect("the child is ours to wait for");
        let _ = fs::remove_file(self.data().join("endpoints.json"));
    }

    /// Starts it again on the same directory, on other ports.
    pub fn restart(&mut self) {
        self.child = spawn(self.directory.path(), &self.extra, self.descriptors);
        self.wait_ready();
    }

    /// `SIGTERM`; the exit code and how long it took.
    pub fn terminate(&mut self) -> (Option<i32>, Duration) {
        let began = Instant::now();
        run(Command::new("kill").arg(self.child.id().to_string()));
        let status = self.child.wait().expect("the child is ours to wait for");
        (status.code(), began.elapsed())
    }

    fn wait_ready(&mut self) {
        let path = self.data().join("endpoints.json");
        let child = &mut self.child;
        let endpoints = eventually("the server is ready", || {
            if let Ok(Some(status)) = child.try_wait() {
                panic!("the server ended with {status}");
            }
            let endpoints: Value = serde_json::from_slice(&fs::read(&path).ok()?).ok()?;
            let admin = endpoints["admin"].as_str()?.trim_start_matches("http://").to_owned();
            http_get(&admin, "/healthz").filter(|answer| answer.starts_with("HTTP/1.1 200")).map(|_| endpoints)
        });
        self.endpoints = endpoints;
    }

    /// The data directory.
    pub fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// MiB of memory that it holds.
    pub fn resident_mib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("a live process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line of /proc");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("kB") / 1024
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A folder for the test's own files.
    pub fn scratch(&self) -> &Path {
        self.directory.path()
    }

    /// `http://127.0.0.1:<port>` of the AWS APIs.
    pub fn api(&self) -> &str {
        self.endpoints["api"].as_str().expect("an address")
    }

    /// Host and port of the admin listener.
    pub fn admin(&self) -> &str {
        self.endpoints["admin"].as_str().expect("an address").trim_start_matches("http://")
    }

    /// The port devices speak MQTT to.
    pub fn mqtt_port(&self) -> u16 {
        port(self.endpoints["mqtt"].as_str().expect("an address"))
    }

    /// The port programs on this machine speak MQTT to without TLS, if the server was told of one.
    pub fn plain_mqtt_port(&self) -> u16 {
        port(self.endpoints["plain_mqtt"].as_str().expect("an address"))
    }

    /// Where devices speak all of it, host and port, if the server was told of such a port.
    pub fn alpn(&self) -> Option<&str> {
        self.endpoints["alpn"].as_str()
    }

    /// One that keeps to MQTT to the letter, and whose plain port is for a device `lab` that may do everything but what is forbidden.
    pub fn start_standard() -> Self {
        Self::start_standard_with(&[])
    }

    /// The same with more flags.
    pub fn start_standard_with(extra: &[&str]) -> Self {
        let server = Self::start_with(&[STANDARD, extra].concat());
        server.lab();
        server
    }

    /// The device that the plain port stands for.
    fn lab(&self) {
        self.bash(
            r#"
            aws iot create-policy --policy-name lab --policy-document '{"Version":"2012-10-17","Statement":[
              {"Effect":"Allow","Action":"iot:*","Resource":"*"},
              {"Effect":"Deny","Action":"iot:*","Resource":["arn:aws:iot:*:*:topicfilter/*nosubscribe","arn:aws:iot:*:*:topic/forbidden*"]}]}' >/dev/null
            CERT=$(aws iot create-keys-and-certificate --set-as-active --query certificateArn --output text)
            aws iot attach-policy --policy-name lab --target "$CERT"
            aws iot create-thing --thing-name lab >/dev/null
            aws iot attach-thing-principal --thing-name lab --principal "$CERT"
            "#,
        );
    }

    /// The port devices speak HTTPS to.
    pub fn https_port(&self) -> u16 {
        port(self.endpoints["https"].as_str().expect("an address"))
    }

    /// What devices trust.
    pub fn ca(&self) -> PathBuf {
        self.data().join("tls/server-ca.pem")
    }

    /// A command with the peers on its `PATH`, in the scratch folder, with everything `sekisho env` prints and the ports.
    pub fn command(&self, program: &str) -> Command {
        let printed = run(Command::new(binary()).args(["env", "--data"]).arg(self.data()));
        let mut command = Command::new(program);
        for line in String::from_utf8_lossy(&printed.stdout).lines() {
            if let Some((name, value)) = line.strip_prefix("export ").and_then(|pair| pair.split_once('=')) {
                command.env(name, value.trim_matches('\''));
            }
        }
        let venv = root().join(".venv/bin");
        let bin = binary().parent().map(Path::to_path_buf).unwrap_or_default();
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .env("PATH", format!("{}:{}:{path}", venv.display(), bin.display()))
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_PAGER", "")
            .env_remove("AWS_SESSION_TOKEN")
            .env_remove("AWS_PROFILE")
            .env("HOME", self.scratch())
            .env("SEKISHO_DATA", self.data())
            .env("CA", self.ca())
            .env("MQTT_PORT", self.mqtt_port().to_string())
            .env("ADMIN", format!("http://{}", self.admin()))
            .env("HTTPS_PORT", self.https_port().to_string())
            .env("API_PORT", port(self.api()).to_string())
            .env("ALPN", self.alpn().unwrap_or_default())
            .current_dir(self.scratch());
        command
    }

    /// Runs a bash script that must succeed; answers what it printed.
    pub fn bash(&self, script: &str) -> String {
        let output = run(self.command("bash").args(["-euo", "pipefail", "-c", script]));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs a bash script that may fail; answers its exit code and everything it printed.
    pub fn bash_may_fail(&self, script: &str) -> (Option<i32>, String) {
        let output = self.command("bash").args(["-uo", "pipefail", "-c", script]).output().expect("bash is there");
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&text).into_owned())
    }

    /// Runs the AWS CLI; answers its JSON.
    pub fn aws(&self, arguments: &[&str]) -> Value {
        let output = run(self.command("aws").args(arguments).args(["--output", "json"]));
        serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
    }

    /// Runs the AWS CLI, which must be refused; answers what it says.
    pub fn aws_refused(&self, arguments: &[&str]) -> String {
        let output = self.command("aws").args(arguments).output().expect("the AWS CLI is there");
        assert!(!output.status.success(), "aws {arguments:?} should have been refused");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// Runs a script of `conformance/python`.
    pub fn python(&self, script: &str) -> String {
        let path = root().join("conformance/python").join(script);
        let output = run(self.command("python").arg(path));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The account root's access key id and secret.
    pub fn credentials(&self) -> (String, String) {
        let text = self.bash("echo $AWS_ACCESS_KEY_ID $AWS_SECRET_ACCESS_KEY");
        let (id, secret) = text.trim().split_once(' ').expect("two words");
        (id.to_owned(), secret.to_owned())
    }

    /// Starts the stopped server with more flags, which must be refused; answers its exit code and what it says.
    pub fn refuses_to_start(&self, flags: &[&str]) -> (Option<i32>, String) {
        let mut command = Command::new(binary());
        command.args(["serve", "--data"]).arg(self.data()).args(flags);
        for listener in ["--api", "--mqtt", "--https", "--admin"] {
            command.args([listener, "127.0.0.1:0"]);
        }
        let output = command.output().expect("the server's binary");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Makes a device: key and certificate at `<name>.key` and `<name>.pem` in the scratch folder, active, with a policy
    /// that lets it connect as itself and use topics below `factory/<client id>/` and `shared/`. Answers its ARN.
    pub fn device(&self, name: &str) -> String {
        let script = format!(
            r#"
            aws iot get-policy --policy-name devices >/dev/null 2>&1 || aws iot create-policy --policy-name devices \
              --policy-document '{POLICY}' >/dev/null
            CERT=$(aws iot create-keys-and-certificate --set-as-active --certificate-pem-outfile {name}.pem \
              --private-key-outfile {name}.key --query certificateArn --output text)
            aws iot attach-policy --policy-name devices --target "$CERT"
            echo "$CERT"
            "#
        );
        self.bash(&script).trim().to_owned()
    }

    /// A bucket `lake` under a KMS key of its own, a stream `telemetry` into it, and a rule `hot` that feeds it.
    pub fn lake(&self, interval_s: u32) {
        self.bash(&format!(
            r#"
            KEY=$(aws kms create-key --query KeyMetadata.Arn --output text)
            aws s3api create-bucket --bucket lake >/dev/null
            aws s3api put-bucket-encryption --bucket lake --server-side-encryption-configuration \
              '{{"Rules":[{{"ApplyServerSideEncryptionByDefault":{{"SSEAlgorithm":"aws:kms","KMSMasterKeyID":"'$KEY'"}}}}]}}'
            aws firehose create-delivery-stream --delivery-stream-name telemetry --extended-s3-destination-configuration \
              'RoleARN=arn:aws:iam::000000000000:role/d,BucketARN=arn:aws:s3:::lake,BufferingHints={{SizeInMBs=1,IntervalInSeconds={interval_s}}}' >/dev/null
            aws iot create-topic-rule --rule-name hot --topic-rule-payload '{RULE}'
            "#
        ));
    }

    /// Every line of every object in the bucket `lake`.
    pub fn lake_lines(&self) -> Vec<String> {
        let _ = fs::remove_dir_all(self.scratch().join("lake"));
        self.bash("mkdir -p lake && aws s3 cp --quiet --recursive s3://lake lake");
        let mut lines = Vec::new();
        for file in files(&self.scratch().join("lake")) {
            let text = fs::read_to_string(file).expect("records are text");
            lines.extend(text.lines().map(str::to_owned));
        }
        lines
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if self.on_disk {
            let _ = Command::new("umount").arg(self.data()).status();
        }
    }
}

/// Whom the server's system trusts, if that is said.
const AUTHORITY: &str = "authority.pem";

/// Connect as oneself; use one's own topics and those below `shared/`.
const POLICY: &str = r#"{"Version": "2012-10-17", "Statement": [
  {"Effect": "Allow", "Action": "iot:Connect", "Resource": "arn:aws:iot:us-east-1:000000000000:client/${iot:ClientId}"},
  {"Effect": "Allow", "Action": ["iot:Publish", "iot:RetainPublish", "iot:Receive"], "Resource": [
    "arn:aws:iot:us-east-1:000000000000:topic/factory/${iot:ClientId}/*", "arn:aws:iot:us-east-1:000000000000:topic/shared/*"]},
  {"Effect": "Allow", "Action": "iot:Subscribe", "Resource": [
    "arn:aws:iot:us-east-1:000000000000:topicfilter/factory/${iot:ClientId}/*", "arn:aws:iot:us-east-1:000000000000:topicfilter/shared/*"]}]}"#;

/// The rule of the main job, as a bash single-quoted string takes it.
const RULE: &str = r#"{"sql": "SELECT *, topic(2) AS device, timestamp() AS ts FROM '"'factory/+/telemetry'"' WHERE temperature > 20",
  "awsIotSqlVersion": "2016-03-23", "actions": [{"firehose": {"deliveryStreamName": "telemetry", "separator": "\n",
  "roleArn": "arn:aws:iam::000000000000:role/r"}}]}"#;

fn spawn(directory: &Path, extra: &[String], descriptors: Option<u32>) -> Child {
    let log = fs::OpenOptions::new().create(true).append(true).open(directory.join("server.log")).expect("a log file");
    let mut command = match descriptors {
        None => Command::new(binary()),
        Some(most) => {
            let mut command = Command::new("bash");
            command.args(["-c", &format!("ulimit -n {most} && exec \"$0\" \"$@\"")]).arg(binary());
            command
        }
    };
    let authority = directory.join(AUTHORITY);
    if authority.exists() {
        command.env("SSL_CERT_FILE", authority);
    }
    command
        .args(["serve", "--data"])
        .arg(directory.join("data"))
        .args(["--mqtt", "127.0.0.1:0", "--https", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
        .args(if extra.iter().any(|flag| flag == "--api") { &[][..] } else { &["--api", "127.0.0.1:0"] })
        .args(extra)
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("the server's binary: `cargo build -p sekisho` first")
}

fn port(address: &str) -> u16 {
    address.rsplit(':').next().and_then(|port| port.trim_end_matches('/').parse().ok()).expect("a port")
}

/// Runs a command that must succeed.
pub fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}\n{}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// Asks again until there is an answer.
pub fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(began.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The whole answer to a plain GET.
pub fn http_get(address: &str, path: &str) -> Option<String> {
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    let answer = exchange(address, request.as_bytes())?;
    Some(String::from_utf8_lossy(&answer).into_owned())
}

/// Sends bytes over TCP and reads until the other side closes.
pub fn exchange(address: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.write_all(bytes).ok()?;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    Some(answer)
}

/// Every file below a folder.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.path() {
            path if path.is_dir() => found.extend(files(&path)),
            path => found.push(path),
        }
    }
    found
}

/// A port for somebody who listens later: one that nobody is given who asks for any.
pub fn free_port() -> u16 {
    let seed = std::collections::hash_map::RandomState::new();
    let ports = (0_u16..).map(|count| 15_000 + (std::hash::BuildHasher::hash_one(&seed, count) % 15_000) as u16);
    let mut free = ports.filter(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.next().expect("there are some")
}
