//! The rows: what was measured, what the goal is, and whether it is met.

use std::fmt;

/// What a value is to be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// This or less.
    AtMost(f64),
    /// This or more.
    #[allow(dead_code, reason = "not every benchmark has such a row")]
    AtLeast(f64),
}

/// One line of the result.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// `None` where this machine cannot measure it.
    pub(crate) value: Option<f64>,
    pub(crate) goal: Goal,
}

impl Row {
    pub(crate) fn new(name: &'static str, value: impl Into<Option<f64>>, goal: Goal) -> Self {
        Self { name, value: value.into(), goal }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(value) = self.value else {
            return write!(f, "# {} was skipped: this machine cannot measure it", self.name);
        };
        let (goal, met) = match self.goal {
            Goal::AtMost(goal) => (goal, value <= goal),
            Goal::AtLeast(goal) => (goal, value >= goal),
        };
        write!(f, "ratio {} {value:.2} {goal} {}", self.name, if met { "ok" } else { "MISS" })
    }
}
