//! What a stretch of work costs: time, allocations, instructions.

use std::process::Command;
use std::time::{Duration, Instant};

/// The cost of one measured stretch.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    pub(crate) time: Duration,
    pub(crate) allocations: u64,
}

/// An operation that prepares so many rounds, warms up, and measures them.
pub(crate) type Operation = fn(rounds: u32) -> Cost;

/// Runs the stretch that counts; callgrind knows it by this function's name.
#[inline(never)]
pub(crate) fn measured(work: impl FnOnce()) -> Cost {
    let mut time = Duration::ZERO;
    let counted = allocation_counter::measure(|| {
        let start = Instant::now();
        work();
        time = start.elapsed();
    });
    Cost { time, allocations: counted.count_total }
}

/// Nanoseconds a round for each operation: the medians of runs that take turns, so that a noisy machine is noisy for all.
pub(crate) fn nanoseconds<const N: usize>(operations: [Operation; N], rounds: u32, runs: usize) -> [f64; N] {
    let mut times: [Vec<Duration>; N] = std::array::from_fn(|_| Vec::with_capacity(runs));
    for _ in 0..runs {
        for (times, operation) in times.iter_mut().zip(operations) {
            allocation_counter::opt_out(|| times.push(operation(rounds).time));
        }
    }
    times.map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2].as_secs_f64() * 1e9 / f64::from(rounds)
    })
}

/// Allocations a round.
pub(crate) fn allocations(operation: Operation, rounds: u32) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let count = operation(rounds).allocations as f64;
    count / f64::from(rounds)
}

/// Instructions a round, counted by callgrind in another process; `None` where valgrind is not installed.
pub(crate) fn instructions(name: &str, rounds: u32) -> Option<f64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--collect-atstart=no"])
        .arg("--toggle-collect=ratios::measure::measured*")
        .arg(std::env::current_exe().ok()?)
        .args(["--once", name, &rounds.to_string()])
        .output()
        .ok()?;
    let report = String::from_utf8_lossy(&output.stderr);
    let collected = report.lines().find_map(|line| line.split_once("Collected :"))?.1.trim().parse::<f64>().ok()?;
    Some(collected / f64::from(rounds))
}
