//! What came of it: rates, a table of what was provoked, and the closest that a run came to each promise.

use std::fmt;
use std::time::Duration as Wall;

use crate::sim::{Broken, Closest, Figures};

const HOUR: f64 = 3_600_000.0;

/// What came of it.
pub(crate) struct Report {
    pub(crate) seeds: u64,
    pub(crate) figures: Figures,
    pub(crate) broken: Option<Broken>,
    wall: Wall,
    threads: u64,
}

impl Report {
    pub(crate) fn new(wall: Wall, threads: u64) -> Self {
        Self { seeds: 0, figures: Figures::default(), broken: None, wall, threads }
    }

    /// What is wrong, each in a few lines.
    pub(crate) fn complaints(&self, whole: bool) -> Vec<String> {
        let mut complaints: Vec<String> = self.broken.iter().map(ToString::to_string).collect();
        complaints.extend(self.figures.within().err());
        let missing = self.figures.missing();
        if self.broken.is_none() && whole && !missing.is_empty() {
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
        for what in Figures::expected() {
            writeln!(f, "{what:<34}{:>12}", self.figures.count(what))?;
        }
        writeln!(f, "\n{:<38}{:>10}{:>10}", "where a run came closest", "seen", "promised")?;
        for (what, Closest { seen, promised }) in self.figures.closest() {
            writeln!(f, "{what:<38}{seen:>10}{promised:>10}")?;
        }
        writeln!(f, "\n{} seeds, {} inputs, {hours:.0} virtual hours", self.seeds, self.figures.inputs)?;
        writeln!(f, "{wall:.1} s on {} threads: {:.0} seeds/s", self.threads, self.seeds as f64 / wall)?;
        writeln!(f, "{:.0} virtual hours for each second of a thread", hours / of_one)
    }
}
