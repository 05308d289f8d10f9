//! A server's bad days.

use std::fmt;
use std::time::Duration;

/// What goes wrong, for every connection, from the moment it is switched on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    Silent,
    HalfOpen,
    Kick,
    NoAuth,
    Flapping,
    Duplicates,
}

impl Fault {
    pub(crate) const ALL: [Self; 7] =
        [Self::None, Self::Silent, Self::HalfOpen, Self::Kick, Self::NoAuth, Self::Flapping, Self::Duplicates];

    /// The fault of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.to_string() == name)
    }

    /// What it does, in a sentence.
    pub(crate) fn sentence(self) -> &'static str {
        match self {
            Self::None => "all is well",
            Self::Silent => {
                "the server reads and says nothing more, not even to heartbeats; only the socket below answers pings"
            }
            Self::HalfOpen => "after 10 s a connection goes dead: nothing is read, written or closed any more",
            Self::Kick => "after 5 s a client is told that its account is connected elsewhere",
            Self::NoAuth => "nobody is let in: a refused handshake, or a login that the server never asks for",
            Self::Flapping => "every connection is dropped as soon as it is open",
            Self::Duplicates => "every message is sent twice",
        }
    }

    /// How long a connection, or one that was there before, stays well.
    pub(crate) fn strikes_after(self) -> Option<Duration> {
        match self {
            Self::HalfOpen => Some(Duration::from_secs(10)),
            Self::Kick => Some(Duration::from_secs(5)),
            Self::Flapping => Some(Duration::ZERO),
            Self::None | Self::Silent | Self::NoAuth | Self::Duplicates => None,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Silent => "silent",
            Self::HalfOpen => "half-open",
            Self::Kick => "kick",
            Self::NoAuth => "no-auth",
            Self::Flapping => "flapping",
            Self::Duplicates => "duplicates",
        })
    }
}
