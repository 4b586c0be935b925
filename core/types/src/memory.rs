//! What things take in memory, near enough: for whoever bounds what a peer may have kept there.

/// What a buffer of so many bytes takes: nothing if there is none, else a header and a round number, as allocators have it (glibc malloc:
/// 8 bytes more, in steps of 16, at least 32).
pub const fn allocated(bytes: usize) -> usize {
    match bytes {
        0 => 0,
        1..24 => 32,
        _ => (bytes + 8).next_multiple_of(16),
    }
}

/// What so many entries of a map or set take that are of `size` bytes each: nodes and tables are two thirds full on average, half at worst.
pub const fn entries(count: usize, size: usize) -> usize {
    2 * count * size
}
