//! Tests, as one program.

mod model;
