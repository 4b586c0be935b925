//! Kills at random instants while objects are put, copied, uploaded in parts and deleted: what was answered is there, what was under
//! way is there whole or not at all, and the disk holds nothing else.
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Duration;

use conformance::{Server, binary, root, run};
use serde_json::Value;

/// `SEKISHO_KILLS`; few by default, so that the suite stays short.
fn kills() -> u32 {
    std::env::var("SEKISHO_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(5)
}

#[test]
fn an_answered_change_survives_and_another_is_whole_or_not_there() {
    let mut server = Server::start();
    let script = root().join("conformance/python/kill_objects.py");
    let state = server.scratch().join("state.json");
    let mut seed = u64::from(std::process::id());
    for round in 0..kills() {
        let mut load = server.command("python");
        let mut load =
            load.arg(&script).arg("load").arg(&state).stdout(Stdio::piped()).spawn().expect("python is there");
        let told = BufReader::new(load.stdout.take().expect("piped"));
        let mut changes = told.lines();
        for _ in 0..50 {
            changes.next().expect("the load goes on").expect("text");
        }
        let reading = std::thread::spawn(move || changes.count());
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        std::thread::sleep(Duration::from_millis(seed >> 33 & 0xff));
        server.kill();
        assert!(load.wait().expect("ours").success(), "round {round}: the load met a refusal");
        let _ = reading.join();
        server.restart();
        run(server.command("python").arg(&script).arg("check").arg(&state));
        // What nobody can ask for is not on the disk, and everything on it opens.
        server.kill();
        run(std::process::Command::new(binary()).args(["audit", "at-rest", "--data"]).arg(server.data()));
        server.restart();
    }
    let state: Value = serde_json::from_slice(&std::fs::read(&state).expect("a state")).expect("JSON");
    eprintln!("{} kills, {} changes answered", kills(), state["changes"]);
}
