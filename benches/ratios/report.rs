//! The rows: what was measured, what the goal is, and whether it is met.

use std::fmt;

/// What a value is to be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// This or less.
    AtMost(f64),
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
        let Goal::AtMost(goal) = self.goal;
        match self.value {
            Some(value) => {
                let verdict = if value <= goal { "ok" } else { "MISS" };
                write!(f, "ratio {} {value:.2} {goal} {verdict}", self.name)
            }
            None => write!(f, "# {} was skipped: it needs valgrind", self.name),
        }
    }
}
