//! Delivery streams whose buffer is under a customer's KMS key: the key locks it, over a restart too, and loses nothing.
use conformance::{Server, files, root};

const FUNCTION: &str = "arn:aws:lambda:us-east-1:000000000000:function:echo";
const MARKER: &[u8] = b"PLANTED-MARKER-0123456789";

fn step(server: &Server, step: &str) {
    let mut script = server.command("python");
    script.arg(root().join("conformance/python/boto3_firehose_keys.py")).arg(step).env("FUNCTION_ARN", FUNCTION);
    let output = conformance::run(&mut script);
    assert!(String::from_utf8_lossy(&output.stdout).contains("ok"));
    for file in files(&server.data()) {
        let bytes = std::fs::read(&file).expect("readable");
        assert!(!bytes.windows(MARKER.len()).any(|window| window == MARKER), "{} holds the marker", file.display());
    }
}

#[test]
fn a_disabled_key_locks_the_buffer_and_an_enabled_one_lets_it_drain() {
    let python = root().join(".venv/bin/python");
    let echo = root().join("conformance/python/echo_function.py");
    let function = format!("{FUNCTION}=command:{} {}", python.display(), echo.display());
    let mut server = Server::start_with(&["--function", &function]);
    step(&server, "seal");
    server.kill();
    server.restart();
    step(&server, "held");
}

#[test]
fn encryption_has_the_documented_states() {
    assert!(Server::start().python("boto3_firehose_encryption.py").contains("ok"));
}
