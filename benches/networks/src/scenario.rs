//! What happens to the networks.

/// A way in which a network or an end of it is bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Fin,
    Reset,
    HalfOpen,
    Stall,
    Forgotten,
    Moved,
    MovedTold,
    BlackHole,
    Away,
    Slow { kilobytes: u32, size: usize, count: u64 },
    Stopped,
    Asleep,
}

/// One table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) fault: Fault,
    /// Whether both sides talk; otherwise only heartbeats pass.
    pub(crate) busy: bool,
    /// Whether the figures differ from run to run.
    pub(crate) chance: bool,
    /// Seconds after which a client counts as not back, from the moment at which it could be.
    pub(crate) limit: u64,
}

const fn row(name: &'static str, fault: Fault, limit: u64, about: &'static str) -> Scenario {
    Scenario { name, about, fault, busy: true, chance: true, limit }
}

const fn slow(name: &'static str, kilobytes: u32, size: usize, count: u64, about: &'static str) -> Scenario {
    let fault = Fault::Slow { kilobytes, size, count };
    Scenario { name, about, fault, busy: true, chance: false, limit: 150 }
}

/// Seconds for which the server is away, hangs, or is gone without a word.
pub(crate) const AWAY: u64 = 20;
pub(crate) const HANGS: u64 = 60;
pub(crate) const GONE: u64 = 10;
/// Seconds for which the interface is gone, the client is stopped, or sleeps.
pub(crate) const UNPLUGGED: u64 = 3;
pub(crate) const STOPPED: u64 = 30;
pub(crate) const SLEEPS: u64 = 60;

pub(crate) const SCENARIOS: &[Scenario] = &[
    row("fin", Fault::Fin, 60, "The server ends the connection with a FIN, without a close frame."),
    row("rst", Fault::Reset, 60, "The server ends the connection with a RST."),
    row(
        "half-open",
        Fault::HalfOpen,
        120,
        "The server's machine is gone without a word; after 10 s it is there again and knows no connection.",
    ),
    row(
        "stall",
        Fault::Stall,
        120,
        "The server process hangs for 60 s (SIGSTOP); its system goes on taking connections.",
    ),
    row("forgotten", Fault::Forgotten, 120, "The network drops every packet of the connection; new ones pass at once."),
    Scenario {
        busy: false,
        ..row("forgotten-idle", Fault::Forgotten, 120, "The same while nobody has anything to say.")
    },
    row("moved", Fault::Moved, 120, "The client's interface is gone for 3 s and comes back with another address."),
    row(
        "moved-told",
        Fault::MovedTold,
        120,
        "The same, and the application is told of the new network, as on a phone.",
    ),
    Scenario {
        busy: false,
        chance: false,
        ..row("black-hole", Fault::BlackHole, 60, "The server's name has two addresses; the first answers nothing.")
    },
    row("away", Fault::Away, 90, "The server is away for 20 s; connects are refused meanwhile."),
    slow("slow-20-60k", 20, 60_000, 12, "A link of 20 kB/s; 12 messages of 60 kB each way at once."),
    slow("slow-20-1m", 20, 1_000_000, 1, "A link of 20 kB/s; one message of 1 MB each way."),
    slow("slow-100-60k", 100, 60_000, 60, "A link of 100 kB/s; 60 messages of 60 kB each way at once."),
    slow("slow-100-1m", 100, 1_000_000, 3, "A link of 100 kB/s; 3 messages of 1 MB each way at once."),
    slow("slow-1000-60k", 1_000, 60_000, 300, "A link of 1,000 kB/s; 300 messages of 60 kB each way at once."),
    slow("slow-1000-1m", 1_000, 1_000_000, 20, "A link of 1,000 kB/s; 20 messages of 1 MB each way at once."),
    row(
        "stopped",
        Fault::Stopped,
        60,
        "The client process stands still for 30 s (SIGSTOP); nothing is wrong otherwise.",
    ),
    row(
        "asleep",
        Fault::Asleep,
        120,
        "The client process stands still for 60 s, and the network forgets its connection meanwhile.",
    ),
];
