//! Fleet provisioning by unmodified clients: the AWS IoT SDK in JSON, paho in CBOR.
use std::path::Path;

use conformance::{Server, root, run};

/// Functions: `ask` refuses or overrides, `slow` takes longer than a hook may; nothing stands in the place of `nobody`.
fn hooks(event: &Path) -> [String; 4] {
    let hook = root().join("conformance/python/fleet_hook.py");
    let flag =
        |name: &str, command: &str| format!("arn:aws:lambda:us-east-1:000000000000:function:{name}=command:{command}");
    let ask = flag("ask", &format!("python3 {} {}", hook.display(), event.display()));
    ["--hook".into(), ask, "--hook".into(), flag("slow", "sleep 30")]
}

#[test]
fn the_sdk_provisions_devices_in_both_versions() {
    let folder = tempfile::tempdir().unwrap();
    let event = folder.path().join("event.json");
    let flags = hooks(&event);
    let server = Server::start_with(&flags.each_ref().map(String::as_str));
    let mut script = server.command("python");
    script.arg(root().join("conformance/python/awsiotsdk_fleet.py")).env("HOOK_EVENT", &event);
    let output = run(&mut script);
    assert!(String::from_utf8_lossy(&output.stdout).contains("ok"));
    let why = server.bash("sekisho why");
    for reason in [
        "hook `arn:aws:lambda:us-east-1:000000000000:function:ask` refused",
        "took longer than 5 s",
        "template `closed`: it is not enabled",
        "parameter `Serial` has no value",
    ] {
        assert!(why.contains(reason), "{reason} is missing in:\n{why}");
    }
}

#[test]
fn paho_provisions_devices_in_cbor() {
    assert!(Server::start().python("paho_fleet_cbor.py").contains("ok"));
}
