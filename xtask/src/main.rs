//! Tasks too long for a line of the Makefile.
mod r#gen; // tables of operations from the service models
mod statements; // what docs/mqtt-conformance.md claims
mod tidy; // what ARCHITECTURE.md claims

use anyhow::{Result, bail};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (task, rest) = arguments.split_first().map_or(("", &arguments[..]), |(task, rest)| (task.as_str(), rest));
    match task {
        "gen" => r#gen::run(rest),
        "tidy" => tidy::run(),
        other => bail!("`{other}` is not a task; there are gen and tidy"),
    }
}
