//! Random numbers for a rule over a message: others each time, or, for who comes back to it, the same again.
use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use sekisho_state::OsRandom;
use sekisho_types::Random;

use super::perform::Subject;

/// The statement's, or those of one of its actions.
pub(crate) enum Draws {
    Fresh(OsRandom),
    Again { seed: [u8; 32], part: u8, drawn: u64 },
}

impl Draws {
    pub(crate) fn of_statement(subject: &Subject<'_>) -> Self {
        Self::of(subject, 0)
    }

    pub(crate) fn of_action(subject: &Subject<'_>, place: u8) -> Self {
        Self::of(subject, place.saturating_add(1))
    }

    pub(crate) fn of_error_action(subject: &Subject<'_>) -> Self {
        Self::of(subject, u8::MAX)
    }

    fn of(subject: &Subject<'_>, part: u8) -> Self {
        match subject.again {
            None => Self::Fresh(OsRandom),
            Some((seed, _)) => Self::Again { seed: *seed, part, drawn: 0 },
        }
    }
}

impl Random for Draws {
    fn fill(&mut self, out: &mut [u8]) {
        match self {
            Self::Fresh(random) => random.fill(out),
            Self::Again { seed, part, drawn } => {
                for piece in out.chunks_mut(SHA256_OUTPUT_LEN) {
                    let mut text = seed.to_vec();
                    text.push(*part);
                    text.extend_from_slice(&drawn.to_be_bytes());
                    *drawn += 1;
                    piece.copy_from_slice(&digest(&SHA256, &text).as_ref()[..piece.len()]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_back_draws_the_same_and_each_part_its_own() {
        let again = |part| Draws::Again { seed: [7; 32], part, drawn: 0 };
        let drawn = |mut draws: Draws| (draws.array::<16>(), draws.array::<40>());
        assert_eq!(drawn(again(1)), drawn(again(1)));
        assert_ne!(drawn(again(1)), drawn(again(2)));
        assert_ne!(drawn(Draws::Fresh(OsRandom)), drawn(Draws::Fresh(OsRandom)));
        let (first, second) = drawn(again(1));
        assert_ne!(first, second[..16]);
    }
}
