//! The command line is a contract: exit codes, one-line errors, a clean end.
use std::process::{Command, Stdio};
use std::time::Duration;

use conformance::{Server, binary, run};

/// Somebody else may be using the default ones.
const PORTS: [&str; 8] =
    ["--api", "127.0.0.1:0", "--mqtt", "127.0.0.1:0", "--https", "127.0.0.1:0", "--admin", "127.0.0.1:0"];

fn refused(arguments: &[&str]) -> String {
    let output = Command::new(binary()).args(arguments).output().expect("the binary");
    assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(text.lines().filter(|line| line.starts_with("sekisho:")).count(), 1, "one line: {text}");
    text
}

#[test]
fn what_cannot_be_used_is_named_and_exits_with_2() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data").display().to_string();
    let file = directory.path().join("sekisho.toml");
    std::fs::write(&file, "mqqt = 1\n").unwrap();
    let config = file.display().to_string();
    assert!(refused(&["serve"]).contains("--data"));
    assert!(refused(&["serve", "--data", &data, "--config", &config]).contains("mqqt"));
    assert!(refused(&["serve", "--data", &data, "--region", "Mars"]).contains("region"));
    let missing = ["serve", "--data", &data, "--root-key", "env:NOT_THERE"];
    assert!(refused(&[missing.as_slice(), &PORTS].concat()).contains("NOT_THERE"));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let line = refused(&[&["serve", "--data", &data, "--api", &address], &PORTS[2..]].concat());
    assert!(line.contains("api") && line.contains(&address), "{line}");
}

#[test]
fn a_wrong_root_key_and_a_second_server_are_refused_and_touch_nothing() {
    let mut server = Server::start();
    let data = server.data().display().to_string();
    let with = |more: &[&str]| refused(&[&["serve", "--data", data.as_str()], PORTS.as_slice(), more].concat());
    assert!(with(&[]).contains("in use by another sekisho"));
    server.kill();
    let other = server.scratch().join("other.key");
    std::fs::write(&other, format!("{}=\n", "A".repeat(43))).unwrap();
    let source = format!("file:{}", other.display());
    assert!(with(&["--root-key", &source]).contains("the root key does not open"));
    server.restart();
}

#[test]
fn the_root_keys_key_can_be_changed_and_a_kill_leaves_one_that_opens() {
    let mut server = Server::start();
    let data = server.data().display().to_string();
    server.bash(
        "aws s3api create-bucket --bucket lake >/dev/null; echo kept > kept; aws s3 cp --quiet kept s3://lake/kept",
    );
    let [one, other] = ["one.key", "other.key"].map(|name| format!("file:{}", server.scratch().join(name).display()));
    let rotate = |from: Option<&str>, to: &str| {
        let mut command = Command::new(binary());
        command.args(["root-key", "rotate", "--data", &data, "--to", to]);
        command.args(from.iter().flat_map(|from| ["--root-key", from]));
        command
    };
    // While it runs, which goes on.
    run(&mut rotate(None, &one));
    assert_eq!(server.bash("aws s3 cp --quiet s3://lake/kept -").trim(), "kept");
    server.kill();
    let audit = |key: &str| {
        let output = Command::new(binary()).args(["audit", "at-rest", "--data", &data, "--root-key", key]).output();
        output.expect("it runs").status.success()
    };
    let beside = format!("file:{data}/root.key");
    assert!(audit(&one) && !audit(&beside), "the new key opens, the old one does not");
    let (mut current, mut next) = (one, other);
    run(&mut rotate(Some(&current), &next));
    std::mem::swap(&mut current, &mut next);
    for round in 0..20 {
        let mut child = rotate(Some(&current), &next).stdout(Stdio::null()).spawn().expect("it runs");
        std::thread::sleep(Duration::from_micros(250 * round));
        let _ = child.kill();
        child.wait().expect("it ends");
        let opens = [audit(&current), audit(&next)];
        assert!(opens == [true, false] || opens == [false, true], "round {round}: {opens:?}");
        if opens[1] {
            std::mem::swap(&mut current, &mut next);
        }
    }
    // A passphrase, and the server under it.
    let phrase = |mut command: Command| {
        command.env("PHRASE", "correct horse battery staple");
        command
    };
    run(&mut phrase(rotate(Some(&current), "passphrase:PHRASE")));
    assert!(!audit(&current));
    let mut keys = phrase(Command::new(binary()));
    run(keys.args(["audit", "at-rest", "--data", &data, "--root-key", "passphrase:PHRASE"]));
    let wrong = Command::new(binary())
        .args(["audit", "at-rest", "--data", &data, "--root-key", "passphrase:PHRASE"])
        .env("PHRASE", "correct horse battery stable")
        .output()
        .expect("it runs");
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("does not open"), "{wrong:?}");
    run(&mut phrase(rotate(Some("passphrase:PHRASE"), &beside)));
    server.restart();
    assert_eq!(server.bash("aws s3 cp --quiet s3://lake/kept -").trim(), "kept");
}

#[test]
fn sigterm_ends_within_five_seconds_with_0_and_everything_is_there_afterwards() {
    let mut server = Server::start();
    server.lake(900);
    server.device("pump-7");
    let mut listener = server
        .command("mosquitto_sub")
        .args(["-h", "localhost", "-p", &server.mqtt_port().to_string(), "--cafile"])
        .arg(server.ca())
        .args(["--cert", "pump-7.pem", "--key", "pump-7.key", "-i", "pump-7", "-t", "factory/pump-7/x"])
        .spawn()
        .unwrap();
    let (code, took) = server.terminate();
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(!server.data().join("endpoints.json").exists());
    let _ = listener.kill();
    let _ = listener.wait();
    server.restart();
    assert_eq!(server.aws(&["iot", "get-policy", "--policy-name", "devices"])["policyName"], "devices");
}

#[test]
fn config_prints_a_file_that_serve_takes() {
    let printed = run(Command::new(binary()).arg("config"));
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("sekisho.toml");
    std::fs::write(&file, printed.stdout).unwrap();
    let config = file.display().to_string();
    let server = Server::start_with(&["--config", &config]);
    assert!(server.bash("sekisho env --data $SEKISHO_DATA").contains("AWS_ENDPOINT_URL"));
}
