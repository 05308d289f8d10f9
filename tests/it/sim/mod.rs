//! A simulator: a session, an adversarial network, its server and both applications, on a virtual clock, from one seed.
//!
//! Each seed draws its configuration and its faults, and how strong each is. Minutes of chaos, then peace, in which
//! everything must be delivered both ways, once and in order, and every status that was told must be true. Some seeds
//! have no faults; in those nothing may happen but what must. `SIM_SEED=n` repeats one run, `SIM_SEEDS=n` makes so
//! many; `examples/soak` makes any number on all cores.

mod app;
mod client;
mod dice;
mod faults;
mod figures;
mod host;
mod line;
mod outage;
mod pipe;
mod run;
mod server;
mod shrink;
mod storage;
mod swarm;
mod terse;
#[cfg(test)]
mod tests;
mod user;
mod verdict;
mod words;
mod worlds;

#[cfg(not(test))]
pub(crate) use client::bounds_without_stable_connections;
#[cfg(test)]
pub(crate) use dice::Dice;
pub(crate) use figures::Figures;
#[cfg(not(test))]
pub(crate) use figures::{Closest, MEMORY};
pub(crate) use run::{Order, Run};
#[cfg(not(test))]
pub(crate) use shrink::Broken;
pub(crate) use shrink::shrink;
pub(crate) use swarm::FAULTS;
#[cfg(test)]
pub(crate) use terse::Terse;
#[cfg(not(test))]
pub(crate) use worlds::names as worlds;

/// Plays one order; a failure comes with the run, which knows all that the session was told.
pub(crate) fn play(order: &Order) -> Result<Run, Box<(Run, String)>> {
    let mut run = Run::new(order);
    match run.play() {
        Ok(()) => Ok(run),
        Err(broken) => Err(Box::new((run, broken))),
    }
}
