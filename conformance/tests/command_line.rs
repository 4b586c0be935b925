//! The command line is a contract: exit codes, one-line errors, a clean end.
use std::process::Command;
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
