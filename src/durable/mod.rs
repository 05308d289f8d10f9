#![doc = include_str!("../durable.md")]

mod ages;
mod changes;
mod hexadecimal;
mod key;
mod log;
mod records;
mod snapshot;
mod stored;

pub use changes::Changes;
pub use snapshot::Snapshot;

pub(crate) use ages::AgeClock;
pub(crate) use hexadecimal::Hexadecimal;
pub(crate) use key::Kind;
pub(crate) use log::Log;
pub(crate) use records::{Damaged, Records};
pub(crate) use snapshot::write_format;
pub(crate) use stored::{Batch, Head, Meta, Stored, is_default};
