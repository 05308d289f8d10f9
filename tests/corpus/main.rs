//! The replay of the corpus, as a program of its own: the published package has neither the fuzz targets nor this.

mod corpus;
#[path = "../it/oracle/mod.rs"]
#[allow(dead_code, reason = "the oracle serves stories and simulations too")]
mod oracle;
#[path = "../it/support/sealed.rs"]
mod sealed;
