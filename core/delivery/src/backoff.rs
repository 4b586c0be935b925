//! When a destination that failed is asked again.
use std::time::Duration;

use sekisho_types::Random;

/// The wait after the first failure; it doubles.
const WAIT_MIN: Duration = Duration::from_millis(500);
/// Longer than this nobody who mends a destination waits to see that it works.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// A wait is off by up to this, so that those who failed together do not come back together.
const JITTER_PERCENT: u32 = 15;

/// The waits of one destination, one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Failures since the last success.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// It failed (again): the wait before the next attempt.
    pub fn handle_failure(&mut self, random: &mut dyn Random) -> Duration {
        let doubled = WAIT_MIN.saturating_mul(1 << self.failures.min(16)).min(WAIT_MAX);
        self.failures = self.failures.saturating_add(1);
        let mut byte = [0];
        random.fill(&mut byte);
        let percent = 100 - JITTER_PERCENT + u32::from(byte[0]) * 2 * JITTER_PERCENT / 255;
        doubled * percent / 100
    }

    /// It works.
    pub fn handle_success(&mut self) {
        self.failures = 0;
    }
}

/// What `RetryOptions.DurationInSeconds` allows one batch: time that passes between attempts, not time spent waiting for
/// answers (API reference: HttpEndpointRetryOptions).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryBudget {
    left: Duration,
    backoff: Backoff,
}

impl RetryBudget {
    /// All of it.
    pub fn new(duration: Duration) -> Self {
        Self { left: duration, backoff: Backoff::default() }
    }

    /// Attempts that have failed.
    pub fn attempts(&self) -> u32 {
        self.backoff.failures()
    }

    /// An attempt failed: the wait before the next one, or `None` when the batch is given up.
    pub fn handle_failure(&mut self, random: &mut dyn Random) -> Option<Duration> {
        let wait = self.backoff.handle_failure(random).min(self.left);
        self.left -= wait;
        (!wait.is_zero()).then_some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_minute_and_are_off_by_15_percent() {
        #[rustfmt::skip] // byte  waits in milliseconds
        let table: [(u8, &[u128]); 2] = [
            (0,                   &[425, 850, 1_700, 3_400, 6_800, 13_600, 27_200, 51_000, 51_000]),
            (255,                 &[575, 1_150, 2_300, 4_600, 9_200, 18_400, 36_800, 69_000, 69_000]),
        ];
        for (byte, expected) in table {
            let mut backoff = Backoff::default();
            let waits: Vec<_> = expected
                .iter()
                .map(|_| backoff.handle_failure(&mut |out: &mut [u8]| out.fill(byte)).as_millis())
                .collect();
            assert_eq!(waits, expected);
            backoff.handle_success();
            assert_eq!(backoff, Backoff::default());
        }
    }

    #[test]
    fn a_batch_is_given_up_when_its_time_is_over() {
        #[rustfmt::skip] // DurationInSeconds  attempts in all
        let table = [(0, 1), (1, 3), (3, 5), (300, 13), (7_200, 149)];
        for (seconds, attempts) in table {
            let mut budget = RetryBudget::new(Duration::from_secs(seconds));
            let mut waited = Duration::ZERO;
            while let Some(wait) = budget.handle_failure(&mut |out: &mut [u8]| out.fill(0)) {
                waited += wait;
            }
            assert_eq!((waited.as_secs(), budget.attempts()), (seconds, attempts));
        }
    }
}
