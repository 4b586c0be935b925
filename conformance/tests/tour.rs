//! The README's five-minute tour: its commands, as they stand there, in order.
use conformance::{Server, root};

#[test]
fn the_five_minute_tour_works_as_written() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("the README");
    let marked = readme.split("<!-- tour -->\n```sh\n").skip(1);
    let blocks: Vec<&str> = marked.filter_map(|rest| rest.split("\n```").next()).collect();
    assert!(blocks.len() >= 8, "{} blocks", blocks.len());
    // The first block builds and starts a server on the default ports; here one runs already, on ports and a directory of its
    // own. Everything behind it is taken literally but for those.
    let server = Server::start();
    std::os::unix::fs::symlink(server.data(), server.scratch().join("data-of-the-tour")).expect("a link");
    let script = blocks[1..].join("\n");
    let script = script
        .replace("-p 8883", &format!("-p {}", server.mqtt_port()))
        .replace("./data", "data-of-the-tour")
        .replace("data/tls", "data-of-the-tour/tls");
    let printed = server.bash(&script);
    for expected in [
        r#""device":"pump-7""#,
        r#""temperature":21"#,
        r#""temperature":35"#,
        "aws:kms",
        r#"{"valve": "open"}"#,
        "is REVOKED, not ACTIVE",
    ] {
        assert!(printed.contains(expected), "{expected} is missing in:\n{printed}");
    }
    assert!(!printed.contains(r#""temperature":19"#), "{printed}");
}
