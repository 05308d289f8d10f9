//! Runs the simulator for as many seeds as wanted, on all cores: `cargo run --release --example soak -- --seeds 100000`.
//!
//! Every seed is ten virtual minutes of faults and then peace, in which everything must arrive, once and in order, with the
//! oracle listening. At the end stand the rates, what was provoked and how often, and the worst that was seen beside what
//! `bounds()` promises. A seed that fails is shrunk by leaving out whole kinds of faults; its journal is printed for
//! `examples/replay`, with the command that repeats it, and the exit code is 1.

include!("../common/say.rs");

mod options;
#[path = "../../tests/it/oracle/mod.rs"]
#[allow(dead_code, reason = "the oracle serves stories and restarts too")]
mod oracle;
mod report;
#[path = "../../tests/it/sim/mod.rs"]
mod sim;

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration as Wall, Instant as Watch};

use options::Options;
use report::{Broken, Report};
use sim::{FAULTS, Figures};

/// One seed in so many is played with the oracle that also clones the session at every step and compares.
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
    let complaints = report.complaints(options.without.is_empty());
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
        let thorough = options.thorough || seed % THOROUGH == 0;
        if let Ok(run) = sim::play(seed, thorough, &options.without) {
            share.figures.add(&run.figures);
        } else {
            stop.store(true, Ordering::Relaxed);
            share.broken = shrink(seed, thorough, &options.without);
        }
        share.seeds += 1;
    }
    share
}

/// Leaves out one kind of fault after the other, as long as the seed still fails.
fn shrink(seed: u64, thorough: bool, without: &[&'static str]) -> Option<Broken> {
    let mut without = without.to_vec();
    let mut least = sim::play(seed, thorough, &without).err()?;
    for kind in FAULTS {
        without.push(kind);
        match sim::play(seed, thorough, &without) {
            Err(failed) => least = failed,
            Ok(_) => drop(without.pop()),
        }
    }
    let (run, reason) = *least;
    Some(Broken { seed, thorough, without, reason, journal: run.journal() })
}
