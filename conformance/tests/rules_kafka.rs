//! Records for topics of Kafka's: against a broker of somebody else's, read back by a client of somebody else's.
use conformance::{Moto, Server, service};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/python/rules_kafka.py");

#[test]
fn what_a_rule_produces_is_read_by_others() {
    let (moto, directory) = (Moto::start(), tempfile::tempdir().expect("a directory"));
    let file = directory.path().join("sekisho.toml");
    std::fs::write(&file, service("secretsmanager", &moto.api())).expect("a file");
    let server = Server::start_with(&["--config", &file.display().to_string()]);
    server.device("pump-7");
    server.device("pump-8");
    server.bash(&format!("MOTO={} python {SCRIPT}", moto.api()));
}
