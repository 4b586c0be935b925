//! Simulated hours, from seeds. `SEKISHO_SIM_HOURS` (1) of each of `SEKISHO_SIM_SEEDS` (4) seeds from `SEKISHO_SIM_SEED` (1) on.
use std::time::{Duration, Instant};

use sekisho_sim::World;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn run(seed: u64, hours: u64) -> sekisho_sim::Summary {
    World::new(seed, Instant::now()).run(Duration::from_secs(hours * 3_600))
}

/// No acknowledged message is lost, the order of each publisher and topic is kept, each client id has one connection, QoS 2 comes once
/// while the server is not killed, and what is journaled folds to the same after any crash.
#[test]
fn nothing_is_lost_and_order_is_kept() {
    let (hours, first) = (setting("SEKISHO_SIM_HOURS", 1), setting("SEKISHO_SIM_SEED", 1));
    for seed in first..first + setting("SEKISHO_SIM_SEEDS", 4) {
        let summary = run(seed, hours);
        eprintln!("seed {seed}, {hours} h: {summary:?}");
        assert!(summary.published > 1_000 * hours && summary.heard >= 3 * summary.published);
        World::new(seed, Instant::now()).without_crashes().run(Duration::from_secs(hours * 900));
    }
}

#[test]
fn a_seed_is_the_same_again() {
    assert_eq!(run(7, 1), run(7, 1));
}
