//! The commands of docs/provisioning.md as they stand there, all together and each advice by itself.
use conformance::{Server, root};

/// Runs commands of the page with this server's port and directory in them.
fn of_the_page(server: &Server, script: &str) -> String {
    std::os::unix::fs::symlink(server.data(), server.scratch().join("data-of-the-walk")).expect("a link");
    let script = script.replace("-p 8883", &format!("-p {}", server.mqtt_port())).replace("./data", "data-of-the-walk");
    server.bash(&script)
}

#[test]
fn the_commands_of_each_advice_work_by_themselves() {
    for (flags, printed) in [
        ("--issuer service --when production --key service", "way 1: published"),
        ("--issuer service --when production --key device", "way 2: published"),
        ("--issuer own-ca --first-seen refuse", "way 3: published"),
        ("--issuer own-ca --first-seen decide", "way 4: published"),
        ("--issuer own-ca --first-seen template", "way 5: published"),
        ("--issuer service --when field", "fleet provisioning: published"),
    ] {
        let server = Server::start();
        let commands = server.bash(&format!("sekisho provision advise {flags} | sed -n '/^# /,$p'"));
        let all = of_the_page(&server, &commands);
        assert!(all.contains(printed), "{flags}: {printed} is missing in:\n{all}");
    }
}

#[test]
fn every_way_in_works_as_written() {
    let page = std::fs::read_to_string(root().join("docs/provisioning.md")).expect("the page");
    let marked = page.split("<!-- provisioning -->\n```sh\n").skip(1);
    let blocks: Vec<&str> = marked.filter_map(|rest| rest.split("\n```").next()).collect();
    assert_eq!(blocks.len(), 10, "blocks");
    let printed = of_the_page(&Server::start(), &blocks.join("\n"));
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
