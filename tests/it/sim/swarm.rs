//! What one seed is made of: which kinds of faults it has, and how strong each of them is.
//!
//! A seed with every fault at once tests little: the connection never lives long enough for the subtle ones. So each
//! kind is left out of half of the seeds, and has a strength of its own in the others; and some seeds have none at all.

use std::collections::BTreeMap;

use super::dice::Dice;

/// Every kind of fault, by the name under which it is counted and can be left out.
pub(crate) const FAULTS: [&str; 55] = [
    // The network.
    "cut",
    "half-open",
    "half-open up",
    "half-open down",
    "stall",
    "heavy delay",
    "refused dial",
    "retry after",
    "unauthorized dial",
    "permanent failure",
    "unanswered dial",
    "accepted and dropped",
    "failed write",
    "socket stalls",
    "bloated buffer",
    "close and error",
    "duplicate event",
    // The host and its clock.
    "suspend",
    "host blocks",
    "throttled timers",
    "clock forward",
    "clock back",
    "hint",
    "client restart",
    "client crash",
    "slow storage",
    // The server.
    "server restart",
    "server forgets",
    "server crash",
    "kick",
    "final close code",
    "refused login",
    "refused message",
    "slow receipt",
    "poison message",
    "nonsense",
    "server drips",
    // The application.
    "renewed by hand",
    "close and open",
    "drain",
    "hold",
    "cancel",
    "abandon",
    "send again",
    "time to live",
    "sent once",
    "flood of messages",
    "long message",
    "slow consumer",
    "late application",
    "refused push",
    "credential late",
    "credential missing",
    "credential renewed",
    "left stopped",
];

/// Of so many seeds in a hundred nothing goes wrong at all.
const QUIET: u64 = 5;

/// The faults of one seed, each with its strength from 10 to 100.
#[derive(Debug, Clone)]
pub(crate) struct Swarm {
    strengths: BTreeMap<&'static str, u64>,
}

impl Swarm {
    /// Draws; what is left out costs as many rolls as what is not, so that leaving it out changes as little else as can
    /// be.
    pub(crate) fn draw(dice: &mut Dice, without: &[&'static str]) -> Self {
        let quiet = dice.percent(QUIET);
        let draw = |kind| (kind, dice.percent(50), dice.between(10, 100));
        let drawn: Vec<_> = FAULTS.into_iter().map(draw).collect();
        let strengths = drawn
            .into_iter()
            .filter(|(kind, on, _)| *on && !quiet && !without.contains(kind))
            .map(|(kind, _, strength)| (kind, strength))
            .collect();
        Self { strengths }
    }

    /// Whether nothing goes wrong.
    pub(crate) fn is_quiet(&self) -> bool {
        self.strengths.is_empty()
    }

    /// How strong a kind is; zero for one that this seed does not have.
    pub(crate) fn strength(&self, kind: &str) -> u64 {
        self.strengths.get(kind).copied().unwrap_or_default()
    }

    pub(crate) fn has(&self, kind: &str) -> bool {
        self.strengths.contains_key(kind)
    }
}
