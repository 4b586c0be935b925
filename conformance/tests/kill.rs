//! Kills at random instants under load: every message that was acknowledged is in exactly one object.
use std::collections::HashMap;

use conformance::{Server, eventually};

/// `SEKISHO_KILLS`; few by default, so that the suite stays short.
fn kills() -> u32 {
    std::env::var("SEKISHO_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(5)
}

#[test]
fn every_acknowledged_message_is_in_exactly_one_object() {
    let mut server = Server::start();
    server.lake(1);
    for device in 0..4 {
        server.device(&format!("pump-{device}"));
    }
    // The load publishes QoS 1 messages, notes each PUBACK in a file, and goes on when the server is back.
    let acknowledged = server.scratch().join("acknowledged");
    std::fs::write(&acknowledged, "").unwrap();
    let mut seed = u64::from(std::process::id());
    for round in 0..kills() {
        let script = conformance::root().join("conformance/python/load.py");
        let mut load = server.command("python").arg(script).arg(round.to_string()).spawn().expect("python is there");
        let before = std::fs::read_to_string(&acknowledged).unwrap().lines().count();
        eventually("the load is under way", || {
            let now = std::fs::read_to_string(&acknowledged).ok()?.lines().count();
            (now > before + 50).then_some(())
        });
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        std::thread::sleep(std::time::Duration::from_millis(seed >> 33 & 0x3ff));
        server.kill();
        let _ = load.kill();
        let _ = load.wait();
        server.restart();
    }
    let promised: Vec<String> = std::fs::read_to_string(&acknowledged).unwrap().lines().map(str::to_owned).collect();
    let counted = eventually("everything acknowledged arrives", || {
        let mut counted: HashMap<String, u32> = HashMap::new();
        for line in server.lake_lines() {
            let record: serde_json::Value = serde_json::from_str(&line).expect("whole records only");
            *counted.entry(record["id"].as_str().expect("an id").to_owned()).or_default() += 1;
        }
        promised.iter().all(|id| counted.contains_key(id)).then_some(counted)
    });
    let twice: Vec<_> = promised.iter().filter(|id| counted[*id] != 1).collect();
    assert!(twice.is_empty(), "more than once: {twice:?}");
    eprintln!("{} kills, {} messages acknowledged, each in exactly one object", kills(), promised.len());
}
