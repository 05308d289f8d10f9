//! What must hold at the end of a run.

use std::collections::BTreeSet;

use super::run::{Run, Side};

impl Run {
    pub(super) fn is_done(&self) -> bool {
        let all = |from: &Side, to: &Side| from.said.len() == from.to_say && to.shown.len() >= from.to_say;
        let settled = self.session.unsettled() == 0 && self.peer.unacknowledged() == 0;
        !self.in_chaos() && settled && all(&self.client, &self.server) && all(&self.server, &self.client)
    }

    /// What must hold at the end: everything is there, once, and in order.
    pub(super) fn verdict(&mut self) -> Result<(), String> {
        let stats = self.session.stats().clone();
        let repeats = stats.duplicates + self.peer.stats().duplicates;
        for (what, count) in [("resent", stats.resent), ("duplicate suppressed", repeats), ("lost", stats.lost)] {
            self.figures.note(what, count);
        }
        self.add_up();
        if !self.is_done() {
            let (unsettled, unheard) = (self.session.unsettled(), self.peer.unacknowledged());
            return Err(format!("not healed in time: {unsettled} up and {unheard} down; {}", self.session.explain()));
        }
        compare("the server", &self.client.said, &self.server.shown, &self.again)?;
        compare("the client", &self.server.said, &self.client.shown, &BTreeSet::new())?;
        self.figures.within(&self.session.preset().config)
    }

    /// Adds up what only the whole run shows.
    fn add_up(&mut self) {
        self.figures.virtual_ms = self.now;
        self.figures.inputs = self.inputs.len() as u64;
        let most = self.connects.iter().map(|from| self.connects_after(*from)).max();
        self.figures.connects_in_120_s = most.unwrap_or_default();
    }

    /// Connects within 120 s from one of them on; a hint may have brought each about, and those do not count.
    fn connects_after(&self, from: u64) -> u64 {
        let within = |times: &[u64]| times.iter().filter(|at| (from..from + 120_000).contains(*at)).count();
        within(&self.connects).saturating_sub(within(&self.hints)) as u64
    }
}

/// Everything that was said was shown once, and in order but for what was sent again by hand.
fn compare(whom: &str, said: &[String], shown: &[String], again: &BTreeSet<String>) -> Result<(), String> {
    let mut once: Vec<&String> = shown.iter().collect();
    once.sort();
    once.dedup();
    if once.len() != shown.len() {
        return Err(format!("{whom} was shown something twice: {shown:?}"));
    }
    let in_turn = |list: &[String]| list.iter().filter(|body| !again.contains(*body)).cloned().collect::<Vec<_>>();
    if shown.len() != said.len() || in_turn(said) != in_turn(shown) {
        return Err(format!("{whom} was shown {shown:?} of {said:?}"));
    }
    Ok(())
}
