//! Tasks too long for a line of the Makefile.
fn main() {}
