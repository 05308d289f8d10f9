//! What a stretch of work costs: time, allocations, instructions.

use std::process::Command;
use std::time::{Duration, Instant};

/// The cost of one measured stretch.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    pub(crate) time: Duration,
    pub(crate) allocations: u64,
}

/// Something that prepares so many rounds, warms up, and measures them.
pub(crate) struct Operation {
    /// By this name a child process finds it again.
    pub(crate) name: String,
    pub(crate) run: Box<dyn Fn(u32) -> Cost>,
}

impl Operation {
    pub(crate) fn new(name: impl Into<String>, run: impl Fn(u32) -> Cost + 'static) -> Self {
        Self { name: name.into(), run: Box::new(run) }
    }

    /// Nanoseconds a round of one run.
    fn time(&self, rounds: u32) -> f64 {
        let mut cost = Cost::default();
        allocation_counter::opt_out(|| cost = (self.run)(rounds));
        cost.time.as_secs_f64() * 1e9 / f64::from(rounds)
    }

    /// Allocations a round.
    pub(crate) fn allocations(&self, rounds: u32) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let count = (self.run)(rounds).allocations as f64;
        count / f64::from(rounds)
    }

    /// Instructions a round, counted by callgrind in another process; `None` where valgrind is not installed.
    pub(crate) fn instructions(&self, rounds: u32) -> Option<f64> {
        let output = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--collect-atstart=no"])
            .arg("--toggle-collect=ratios::measure::measured*")
            .arg(std::env::current_exe().ok()?)
            .args(["--once", &self.name, &rounds.to_string()])
            .output()
            .ok()?;
        let report = String::from_utf8_lossy(&output.stderr);
        let collected = report.lines().find_map(|line| line.split_once("Collected :"))?.1.trim().parse::<f64>().ok()?;
        Some(collected / f64::from(rounds))
    }
}

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

/// Nanoseconds a round for each operation. Runs take turns and are short, and the lower quartile of them counts, so that a busy
/// machine is busy for all of them and is waited for.
pub(crate) fn nanoseconds(operations: &[Operation], rounds: u32, runs: usize) -> Vec<f64> {
    let mut times = vec![Vec::with_capacity(runs); operations.len()];
    for _ in 0..runs {
        for (times, operation) in times.iter_mut().zip(operations) {
            times.push(operation.time(rounds));
        }
    }
    times.into_iter().map(lower_quartile).collect()
}

pub(crate) fn lower_quartile(mut times: Vec<f64>) -> f64 {
    times.sort_unstable_by(f64::total_cmp);
    times[times.len() / 4]
}

/// What all threads of this process have spent on a processor, in hundredths of a second; `None` where the system does not tell.
pub(crate) fn cpu_time() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program, in parentheses, may hold anything; `utime` and `stime` are the 12th and 13th field behind it.
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks: u64 = fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Some(Duration::from_millis(ticks * 10))
}
