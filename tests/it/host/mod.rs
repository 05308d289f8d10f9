//! The parts of a host, each on a virtual clock.

mod clock;
mod dials;
mod endings;
mod flow;
mod recorded;
mod shared;
mod targets;
mod waiters;
