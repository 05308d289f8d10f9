//! What came of it: rates, a table of what was provoked, and the worst beside what is promised.

use std::fmt;
use std::time::Duration as Wall;

use redial::Config;

use crate::sim::{FAULTS, Figures, OUTCOMES};

const HOUR: f64 = 3_600_000.0;

/// What came of it.
pub(crate) struct Report {
    pub(crate) seeds: u64,
    pub(crate) figures: Figures,
    pub(crate) broken: Option<Broken>,
    wall: Wall,
    threads: u64,
}

/// A seed that failed, without the faults it fails without.
pub(crate) struct Broken {
    pub(crate) seed: u64,
    pub(crate) thorough: bool,
    pub(crate) without: Vec<&'static str>,
    pub(crate) reason: String,
    pub(crate) journal: String,
}

impl Report {
    pub(crate) fn new(wall: Wall, threads: u64) -> Self {
        Self { seeds: 0, figures: Figures::default(), broken: None, wall, threads }
    }

    /// What is wrong, each in a few lines.
    pub(crate) fn complaints(&self, all_faults: bool) -> Vec<String> {
        let mut complaints: Vec<String> = self.broken.iter().map(ToString::to_string).collect();
        let missing = self.figures.missing();
        if self.broken.is_none() && all_faults && !missing.is_empty() {
            complaints.push(format!("never happened, so never tested: {}", missing.join(", ")));
        }
        complaints
    }
}

#[allow(clippy::cast_precision_loss, reason = "rates are for the eye")]
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (wall, hours) = (self.wall.as_secs_f64().max(0.001), self.figures.virtual_ms as f64 / HOUR);
        let of_one = wall * self.threads as f64;
        writeln!(f, "{} seeds, {} inputs, {hours:.0} virtual hours", self.seeds, self.figures.inputs)?;
        writeln!(f, "{wall:.1} s on {} threads: {:.0} seeds/s", self.threads, self.seeds as f64 / wall)?;
        writeln!(f, "{:.0} virtual hours for each second of a thread\n", hours / of_one)?;
        for what in FAULTS.into_iter().chain(OUTCOMES) {
            writeln!(f, "{what:<22}{:>12}", self.figures.count(what))?;
        }
        let config = Config::default();
        let bounds = config.bounds();
        let notice = bounds.notice_dead_link.map_or(0, redial::Duration::as_millis);
        let hinted = notice + Figures::probe_ms(&config);
        writeln!(f, "\n{:<36}{:>10}{:>10}", "", "seen", "promised")?;
        writeln!(f, "{:<36}{:>10}{notice:>10}", "longest silence of a link, ms", self.figures.silence_ms)?;
        writeln!(f, "{:<36}{:>10}{hinted:>10}", "the same with a hint on the way, ms", self.figures.hinted_silence_ms)?;
        let (most, bound) = (self.figures.connects_in_120_s, bounds.connects_in_120_s_if_stable);
        writeln!(f, "{:<36}{most:>10}{bound:>10}\n", "connects in 120 s")
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, thorough, without, reason, journal } = self;
        write!(f, "{journal}\nseed {seed} failed: {reason}\nabove is its journal; repeat it with\n")?;
        write!(f, "cargo run --release --example soak -- --start {seed} --seeds 1")?;
        if *thorough {
            f.write_str(" --thorough")?;
        }
        if !without.is_empty() {
            write!(f, " --without '{}'", without.join(","))?;
        }
        Ok(())
    }
}
