//! What runs add up to: what happened how often, and how close they came to what `bounds()` promises.

use std::collections::BTreeMap;

use redial::Duration;
use redial::config::Probe;

use super::swarm::FAULTS;
use super::{words, worlds};

/// What was seen in one run or in many.
#[derive(Debug, Clone, Default)]
pub(crate) struct Figures {
    /// What happened, and how often.
    tally: BTreeMap<&'static str, u64>,
    /// The closest that a run came to each promise.
    closest: BTreeMap<&'static str, Closest>,
    /// Virtual time.
    pub(crate) virtual_ms: u64,
    pub(crate) inputs: u64,
}

/// Something that was seen beside what is promised of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Closest {
    pub(crate) seen: u64,
    pub(crate) promised: u64,
}

pub(crate) const SILENCE: &str = "longest silence of a link, ms";
pub(crate) const HINTED_SILENCE: &str = "the same with a hint on the way, ms";
pub(crate) const CONNECTS: &str = "connects in 120 s";
#[cfg(not(test))]
pub(crate) const MEMORY: &str = "bytes of heap";

impl Figures {
    pub(crate) fn note(&mut self, what: &'static str, times: u64) {
        *self.tally.entry(what).or_default() += times;
    }

    pub(crate) fn count(&self, what: &str) -> u64 {
        self.tally.get(what).copied().unwrap_or_default()
    }

    pub(crate) fn happened(&self, what: &str) -> bool {
        self.tally.contains_key(what)
    }

    /// Something was seen of which so much is promised.
    pub(crate) fn measure(&mut self, what: &'static str, seen: u64, promised: u64) {
        let new = Closest { seen, promised };
        let closest = self.closest.entry(what).or_insert(new);
        if u128::from(seen) * u128::from(closest.promised) > u128::from(closest.seen) * u128::from(promised) {
            *closest = new;
        }
    }

    /// A live link on which a session that was woken in time still waits has been silent for so long.
    pub(super) fn silence(&mut self, notice: Option<Duration>, probe: Option<Probe>, hinted: bool, millis: u64) {
        let Some(notice) = notice else { return };
        // A hint asks anew, and the answer to that has its own time.
        let probe = probe.filter(|_| hinted).map_or(0, |probe| probe.wait.as_millis());
        self.measure(if hinted { HINTED_SILENCE } else { SILENCE }, millis, notice.as_millis() + probe);
    }

    pub(crate) fn closest(&self) -> impl Iterator<Item = (&'static str, Closest)> {
        self.closest.iter().map(|(what, closest)| (*what, *closest))
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (what, times) in &other.tally {
            self.note(what, *times);
        }
        for (what, Closest { seen, promised }) in other.closest() {
            self.measure(what, seen, promised);
        }
        self.virtual_ms += other.virtual_ms;
        self.inputs += other.inputs;
    }

    /// All that has to happen in a soak.
    pub(crate) fn expected() -> impl Iterator<Item = &'static str> {
        let ends = words::GUARDS.into_iter().chain(words::STATUSES).chain(words::kinds());
        FAULTS.into_iter().chain(worlds::names()).chain(ends)
    }

    /// What never happened, so was never tested.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        Self::expected().filter(|what| self.count(what) == 0).collect()
    }

    /// What was seen is within what is promised.
    pub(crate) fn within(&self) -> Result<(), String> {
        for (what, Closest { seen, promised }) in self.closest() {
            if seen > promised {
                return Err(format!("{what}: {seen}, and {promised} is promised"));
            }
        }
        Ok(())
    }
}
