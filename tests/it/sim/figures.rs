//! What runs add up to: what happened how often, and the worst that was seen of what `bounds()` promises.

use std::collections::BTreeMap;

use redial::Config;

use super::{FAULTS, OUTCOMES};

/// What was seen in one run or in many.
#[derive(Debug, Clone, Default)]
pub(crate) struct Figures {
    /// What happened, and how often.
    tally: BTreeMap<&'static str, u64>,
    /// Virtual time.
    pub(crate) virtual_ms: u64,
    pub(crate) inputs: u64,
    /// The longest silence of a live link on which a session that was woken in time still waited.
    pub(crate) silence_ms: u64,
    /// The same where a hint on the way asked for a probe, which is given its own time to be answered.
    pub(crate) hinted_silence_ms: u64,
    /// Connects in any 120 s, those left out that hints and the user asked for.
    pub(crate) connects_in_120_s: u64,
}

impl Figures {
    pub(crate) fn note(&mut self, what: &'static str, times: u64) {
        *self.tally.entry(what).or_default() += times;
    }

    pub(crate) fn count(&self, what: &str) -> u64 {
        self.tally.get(what).copied().unwrap_or_default()
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (what, times) in &other.tally {
            self.note(what, *times);
        }
        self.virtual_ms += other.virtual_ms;
        self.inputs += other.inputs;
        self.silence_ms = self.silence_ms.max(other.silence_ms);
        self.hinted_silence_ms = self.hinted_silence_ms.max(other.hinted_silence_ms);
        self.connects_in_120_s = self.connects_in_120_s.max(other.connects_in_120_s);
    }

    /// What never happened.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        FAULTS.into_iter().chain(OUTCOMES).filter(|what| self.count(what) == 0).collect()
    }

    /// What was seen against what is promised.
    pub(crate) fn within(&self, config: &Config) -> Result<(), String> {
        let bounds = config.bounds();
        let silences = [(self.silence_ms, 0), (self.hinted_silence_ms, Self::probe_ms(config))];
        for (silence, probe) in silences {
            let notice = bounds.notice_dead_link.map_or(u64::MAX, |notice| notice.as_millis().saturating_add(probe));
            if silence > notice {
                return Err(format!("a link was silent for {silence} ms, to be noticed within {notice} ms"));
            }
        }
        let connects = self.connects_in_120_s;
        let most = bounds.connects_in_120_s_if_stable;
        if connects > u64::from(most) {
            return Err(format!("{connects} connects within 120 s, the bound is {most}"));
        }
        Ok(())
    }

    /// How long a probe out of turn may wait for its answer.
    pub(crate) fn probe_ms(config: &Config) -> u64 {
        config.heartbeat.probe.map_or(0, |probe| probe.wait.as_millis())
    }
}
