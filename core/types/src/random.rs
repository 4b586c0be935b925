//! Randomness as an argument, so that a core can be replayed by seed.

/// A source of bytes nobody can guess. The shell passes the operating system's; a test passes a counter.
pub trait Random {
    /// Fills `out` with fresh random bytes.
    fn fill(&mut self, out: &mut [u8]);

    /// Fresh bytes as an array.
    fn array<const N: usize>(&mut self) -> [u8; N]
    where
        Self: Sized,
    {
        let mut out = [0; N];
        self.fill(&mut out);
        out
    }
}

impl<F: FnMut(&mut [u8])> Random for F {
    fn fill(&mut self, out: &mut [u8]) {
        self(out);
    }
}
