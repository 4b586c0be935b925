//! The walks of docs/provisioning.md: its commands, as they stand there, in order.
use conformance::{Server, root};

#[test]
fn every_way_in_works_as_written() {
    let page = std::fs::read_to_string(root().join("docs/provisioning.md")).expect("the page");
    let marked = page.split("<!-- provisioning -->\n```sh\n").skip(1);
    let blocks: Vec<&str> = marked.filter_map(|rest| rest.split("\n```").next()).collect();
    assert_eq!(blocks.len(), 10, "blocks");
    let server = Server::start();
    std::os::unix::fs::symlink(server.data(), server.scratch().join("data-of-the-walk")).expect("a link");
    let script = blocks.join("\n");
    let script = script.replace("-p 8883", &format!("-p {}", server.mqtt_port())).replace("./data", "data-of-the-walk");
    let printed = server.bash(&script);
    for expected in [
        "way 1: published",
        "way 2: published",
        "way 3: published",
        "way 4: the first connection is closed",
        "PENDING_ACTIVATION",
        "way 4: published",
        "would create thing `pump-5`",
        "way 5: the first connection is closed",
        "way 5: published",
        r#""serial": "SN-pump-5""#,
        r#""deviceConfiguration":{"interval":"60"}"#,
        "fleet provisioning: published",
        "3\t0\t100",
        "bulk registration: published",
        "is REVOKED, not ACTIVE",
        "1 certificate became REVOKED",
        "a certificate on its CA's revocation list is refused",
    ] {
        assert!(printed.contains(expected), "{expected} is missing in:\n{printed}");
    }
}
