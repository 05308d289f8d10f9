//! Runs the simulator for as many seeds as wanted, on all cores:
//! `cargo run --release --example soak -- --seeds 100000`.
//!
//! Every seed draws its configuration and its faults: minutes of chaos and then peace, in which everything must arrive,
//! once and in order, with the oracle listening. At the end stand the rates, what was provoked and how often, and the
//! closest that any run came to what `bounds()` promises. A seed that fails is shrunk, first by leaving out whole kinds
//! of faults, then by leaving out inputs; its journal is printed for `examples/replay`, with the command that repeats
//! it, and the exit code is 1.

include!("../common/say.rs");

mod memory;
mod options;
#[path = "../../tests/it/oracle/mod.rs"]
#[allow(dead_code, reason = "the oracle serves stories too")]
mod oracle;
mod report;
#[path = "../../tests/it/sim/mod.rs"]
#[allow(dead_code, reason = "the simulator serves tests too")]
mod sim;

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration as Wall, Instant as Watch};

use options::Options;
use report::Report;
use sim::{Broken, Figures, Order};

/// One seed in so many is played with the oracle that also clones the session at every step and compares, and measured.
const THOROUGH: u64 = 100;

fn main() -> ExitCode {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(usage) => {
            eprintln!("{usage}");
            return ExitCode::from(2);
        }
    };
    let report = soak(&options);
    say!("{}", report.to_string().trim_end());
    let complaints = report.complaints(options.is_whole());
    for complaint in &complaints {
        say!("{complaint}");
    }
    if complaints.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Plays the seeds on all threads, until they are done, the time is up, or one fails.
fn soak(options: &Options) -> Report {
    let (next, stop) = (AtomicU64::new(options.start), AtomicBool::new(false));
    let watch = Watch::now();
    let work = || worker(options, &next, &stop, watch);
    let shares: Vec<Share> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..options.threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().expect("a worker prints and returns")).collect()
    });
    let mut report = Report::new(watch.elapsed(), options.threads);
    for share in shares {
        report.seeds += share.seeds;
        report.figures.add(&share.figures);
        report.broken = report.broken.take().or(share.broken);
    }
    report
}

/// What one thread saw.
#[derive(Default)]
struct Share {
    seeds: u64,
    figures: Figures,
    broken: Option<Broken>,
}

fn worker(options: &Options, next: &AtomicU64, stop: &AtomicBool, watch: Watch) -> Share {
    let mut share = Share::default();
    let time = options.seconds.map(Wall::from_secs);
    while !stop.load(Ordering::Relaxed) && time.is_none_or(|time| watch.elapsed() < time) {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= options.start.saturating_add(options.seeds) {
            break;
        }
        let often = seed % THOROUGH == 0;
        let order = Order { seed, thorough: options.order.thorough || often, ..options.order.clone() };
        if let Ok(run) = sim::play(&order) {
            share.figures.add(&run.figures);
            if often {
                memory::measure(&run, &mut share.figures);
            }
        } else {
            stop.store(true, Ordering::Relaxed);
            share.broken = sim::shrink(&order);
        }
        share.seeds += 1;
    }
    share
}
