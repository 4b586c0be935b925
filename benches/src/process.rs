//! What a process costs.
use anyhow::{Context, Result};

/// CPU seconds the process has used, in user and kernel, in steps of 10 ms.
pub fn cpu(pid: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<&str> = stat.rsplit(')').next().context("a stat line")?.split_whitespace().collect();
    let ticks = fields.get(11).zip(fields.get(12)).context("utime and stime")?;
    Ok((ticks.0.parse::<f64>()? + ticks.1.parse::<f64>()?) / 100.0)
}
