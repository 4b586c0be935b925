//! Custom authorizers: by paho, awsiotsdk, mosquitto, requests and boto3, with a function that is a command; before and after a kill.
use conformance::{Server, run};

/// With the port where ALPN chooses, 443 if this machine lets us: the SDK's builder knows no other for `mqtt`.
#[test]
fn a_custom_authorizer_says_who_is_let_in_and_what_for() {
    let host = "127.44.3.3";
    let at = match std::net::TcpListener::bind((host, 443)) {
        Ok(_) => format!("{host}:443"),
        Err(_) => "127.0.0.1:0".to_owned(),
    };
    let folder = tempfile::tempdir().expect("a temporary directory");
    let function = conformance::root().join("conformance/python/authorizer_function.py");
    let function = format!(
        "arn:aws:lambda:us-east-1:000000000000:function:who=command:python3 {} {}",
        function.display(),
        folder.path().display()
    );
    #[rustfmt::skip]
    let flags = ["--alpn", &at, "--hostname", "localhost", "--hostname", host, "--function", &function, "--authorizer-seconds-min", "1"];
    let mut server = Server::start_with(&flags);
    let script = conformance::root().join("conformance/python/custom_authorizers.py");
    let told = run(server.command("python").arg(&script).env("AUTHORIZER", folder.path()));
    assert!(String::from_utf8_lossy(&told.stdout).contains("ok"));
    server.kill();
    server.restart();
    let told = run(server.command("python").arg(&script).arg("again").env("AUTHORIZER", folder.path()));
    assert!(String::from_utf8_lossy(&told.stdout).contains("ok"));
}
