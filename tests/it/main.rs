//! Tests, as one program.
