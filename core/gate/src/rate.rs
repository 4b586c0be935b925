//! So much a second, and at most a second's worth at once.
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

/// What was used of a rate. The rate itself is said at each use, 0 for one without bound.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rate {
    /// Then all that was used is made up for.
    made_up_at: Option<Instant>,
}

impl Rate {
    /// Uses `count` if a second has room for it; whether it has. What a second never has room for never fits.
    pub fn take(&mut self, now: Instant, count: u32, per_s: u32) -> bool {
        let fits = self.wait(now, count, per_s).is_zero();
        if fits {
            self.owe(now, count, per_s);
        }
        fits
    }

    /// Uses `count`, room or not.
    pub fn owe(&mut self, now: Instant, count: u32, per_s: u32) {
        if let Some(takes) = takes(count, per_s) {
            self.made_up_at = Some(self.made_up_at.map_or(now, |at| at.max(now)) + takes);
        }
    }

    /// How long until there is room for `count`.
    pub fn wait(&self, now: Instant, count: u32, per_s: u32) -> Duration {
        let Some(takes) = takes(count, per_s) else { return Duration::ZERO };
        let owed = self.made_up_at.map_or(Duration::ZERO, |at| at.saturating_duration_since(now));
        (owed + takes).saturating_sub(SECOND)
    }

    /// Whether nothing of it is in use any more.
    pub fn is_idle(&self, now: Instant) -> bool {
        self.made_up_at.is_none_or(|at| at <= now)
    }
}

/// How long `count` of a rate take; `None` without a bound.
fn takes(count: u32, per_s: u32) -> Option<Duration> {
    let nanos = u64::from(count) * 1_000_000_000;
    nanos.checked_div(per_s.into()).map(Duration::from_nanos)
}
