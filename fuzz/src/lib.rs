//! The bodies of the fuzz targets. They live in a library of their own so that `cargo test` of the crate replays the corpus.

#[path = "../../tests/it/oracle/mod.rs"]
#[allow(dead_code, reason = "the oracle serves stories and simulations too")]
mod oracle;
mod scenario;
#[path = "../../tests/it/support/sealed.rs"]
mod sealed;
pub mod target;
