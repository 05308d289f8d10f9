//! What can go wrong on the way, and in which order it will.

use super::rng::Rng;

/// What can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The connection ends in the middle of whatever was under way.
    Cut,
    /// No byte moves for a while.
    Stall,
    /// No byte of this connection ever moves again, and nobody is told.
    HalfOpen,
    /// The connection ends and new ones are refused.
    Refused,
    /// The hub dies and comes back.
    Hub,
    /// The connection is reset: both ends get an error instead of an end.
    Reset,
    /// Rubbish comes instead of a frame, within one, or behind one.
    Garbage,
    /// Every byte takes its time.
    Delay,
    /// Every byte comes by itself.
    Drip,
}

impl Kind {
    pub(crate) const ALL: [Self; 9] = [
        Self::Cut,
        Self::Stall,
        Self::HalfOpen,
        Self::Refused,
        Self::Hub,
        Self::Reset,
        Self::Garbage,
        Self::Delay,
        Self::Drip,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::Stall => "stall",
            Self::HalfOpen => "half-open",
            Self::Refused => "refused",
            Self::Hub => "hub down",
            Self::Reset => "reset",
            Self::Garbage => "garbage",
            Self::Delay => "delay",
            Self::Drip => "drip",
        }
    }
}

/// Each kind in turn until there are enough, in an order of the seed's.
pub(crate) fn shuffled(faults: usize, rng: &mut Rng) -> Vec<Kind> {
    let mut kinds: Vec<Kind> = Kind::ALL.into_iter().cycle().take(faults).collect();
    for end in (1..kinds.len()).rev() {
        kinds.swap(end, rng.below(end + 1));
    }
    kinds
}

/// The same, one list a link.
pub(crate) fn plan(faults: usize, rng: &mut Rng) -> [Vec<Kind>; 2] {
    let mut lists = [Vec::new(), Vec::new()];
    for (index, kind) in shuffled(faults, rng).into_iter().enumerate() {
        lists[index % 2].push(kind);
    }
    lists
}
