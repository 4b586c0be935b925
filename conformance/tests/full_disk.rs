//! A disk that fills up: producers are pushed back, nothing acknowledged is lost, and what is there drains.
use conformance::Server;

/// The journal's reserve, and a few segments.
const DISK_MEBIBYTES: u32 = 288;

#[test]
fn a_full_disk_pushes_back_and_drains() {
    let Some(mut server) = Server::start_on_disk(DISK_MEBIBYTES) else {
        eprintln!("not tried: this user cannot mount a file system");
        return;
    };
    assert!(server.python("full_disk_fill.py").contains("full"));
    server.kill();
    server.restart();
    assert!(server.python("full_disk_drain.py").contains("drained"));
}
