//! The bounds that follow from a configuration: detection time, connects, memory, delivery guarantees.

use core::fmt;

use alloc::collections::BTreeMap;

use crate::config::{Config, Proof, Resend, Reset, floor_after};
use crate::state::Cause;
use crate::time::Duration;

/// The bounds that follow from a configuration, as [`Config::bounds`] computes them.
///
/// ```
/// use redial::{Config, Duration};
/// let bounds = Config::default().bounds();
/// assert_eq!(bounds.notice_dead_link, Some(Duration::from_secs(33)));
/// assert_eq!(bounds.notice_dead_link_under_traffic, Some(Duration::from_secs(15)));
/// assert_eq!(bounds.connects_in_120_s, 10);
/// assert_eq!(bounds.connects_in_120_s_if_stable, 20);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Bounds {
    /// The longest silence before a dead link is given up, provided that the host ticks in time; `None` where silence
    /// never ends a link, as where nothing can be asked and the server sends no heartbeats of its own. An [`Online`](crate::Event::Online) or [`Woke`](crate::Event::Woke) during the silence
    /// starts a new probe, which may add `heartbeat.probe.wait`.
    pub notice_dead_link: Option<Duration>,
    /// The longest time in which a dead link is noticed while messages leave, counted from when the first of them was
    /// written; `None` where silence never ends a link.
    pub notice_dead_link_under_traffic: Option<Duration>,
    /// The most connects in any 120 s against a server that never lets a connection become stable. Connects caused by
    /// hints and by the user's own calls come on top.
    pub connects_in_120_s: u32,
    /// The most connects in any 120 s against a server that sometimes lets a connection become stable. Connects
    /// caused by hints and by the user's own calls come on top.
    pub connects_in_120_s_if_stable: u32,
    /// The most bytes of heap that a session holds, including one inbound frame and excluding actions not yet polled.
    pub memory_bytes: u64,
    /// The guarantee for outgoing messages, in dialects with receipts and message ids.
    pub outbound: Guarantee,
    /// The guarantee for incoming messages, in dialects with acknowledgements and message ids.
    pub inbound: Guarantee,
}

/// The delivery guarantee for messages in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Guarantee {
    /// A message may be lost, and is then settled as `Unconfirmed`; the session itself sends a message at most once.
    AtMostOnce,
    /// No message is lost or shown twice while the server's dedup window holds; the length of that window is not
    /// known.
    OnceWhileServerRemembers,
    /// No message is lost or shown twice: an unconfirmed message older than the server's dedup window is settled as
    /// `Unconfirmed` and not sent again.
    OnceWithin(Duration),
    /// No message is shown twice among this many ids; none is lost where the server pushes unacknowledged messages
    /// again.
    OnceAmong(u64),
    /// No message is lost or shown twice while the server keeps at most this many pushes unacknowledged and repeats
    /// them in order.
    OnceInOrder(u32),
    /// No message is lost or shown twice, and all arrive in order, while both ends keep their state; an end that has
    /// lost its state says so.
    OnceWhileBothRemember,
}

impl fmt::Display for Guarantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMostOnce => f.write_str("sent at most once; a message that may be lost is reported as unconfirmed"),
            Self::OnceWhileServerRemembers => {
                f.write_str("nothing lost, nothing shown twice, while the server's dedup window holds")
            }
            Self::OnceWithin(window) => {
                write!(
                    f,
                    "nothing lost, nothing shown twice; an unconfirmed message older than {window} is reported, \
                     not sent again"
                )
            }
            Self::OnceAmong(ids) => {
                write!(
                    f,
                    "nothing shown twice among the last {ids} ids; nothing lost while the server pushes unacknowledged \
                     messages again"
                )
            }
            Self::OnceInOrder(keeps) => {
                write!(
                    f,
                    "nothing lost, nothing shown twice, while the server keeps at most {keeps} pushes and repeats them \
                     in order"
                )
            }
            Self::OnceWhileBothRemember => {
                f.write_str("nothing lost, nothing shown twice, in order, while both ends keep their state")
            }
        }
    }
}

/// The progress of an outage at the loss of a connection: the number of that loss, for the delay and for the safety
/// floor.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Outage {
    unstable: u32,
    losses: u32,
}

impl Config {
    /// Computes the bounds of this configuration. For a configuration that fails [`check`](Config::check) the values
    /// have no meaning. They are those of a dialect whose server answers heartbeats;
    /// [`Preset::bounds`](crate::Preset::bounds) knows the dialect.
    pub fn bounds(&self) -> Bounds {
        let (every, proof) = (self.heartbeat.period(), Proof::Unanswered);
        let outbound = match (self.outbox.resend, self.outbox.dedup_window) {
            (Resend::Never, _) => Guarantee::AtMostOnce,
            (Resend::NextConnection, None) => Guarantee::OnceWhileServerRemembers,
            (Resend::NextConnection, Some(window)) => Guarantee::OnceWithin(window),
        };
        let inbound = match self.inbox.server_keeps {
            Some(keeps) if self.check_window().is_ok() => Guarantee::OnceInOrder(keeps),
            _ => Guarantee::OnceAmong(self.inbox.window.get()),
        };
        Bounds {
            notice_dead_link: self.heartbeat.notice(every, proof),
            notice_dead_link_under_traffic: self.heartbeat.notice_under_traffic(every, proof),
            connects_in_120_s: self.connects_within(Duration::from_secs(120), false),
            connects_in_120_s_if_stable: self.connects_within(Duration::from_secs(120), true),
            memory_bytes: self.memory(),
            outbound,
            inbound,
        }
    }

    /// The most connects that any server can provoke within a window, found by trying every way to lose connections.
    fn connects_within(&self, window: Duration, holding: bool) -> u32 {
        let first = Outage { unstable: 1, losses: 1 };
        let quick = self.least_step(first).as_millis().max(1);
        let held = self.least_held(first).as_millis();
        if holding && held < quick.saturating_mul(8) {
            // With so short a stable time the shortest step alone bounds the count.
            return u32::try_from(window.as_millis() / quick.min(held.max(1))).unwrap_or(u32::MAX).saturating_add(1);
        }
        let mut known = BTreeMap::new();
        self.further_connects(window.as_millis(), first, holding, &mut known).saturating_add(1)
    }

    /// The most connects that fit into `left` milliseconds after a connection that is about to be lost.
    fn further_connects(&self, left: u64, at: Outage, holding: bool, known: &mut BTreeMap<(u64, Outage), u32>) -> u32 {
        if let Some(&count) = known.get(&(left, at)) {
            return count;
        }
        let mut most = 0;
        let resets = self.reconnect.reset == Reset::OnOpen;
        let allowed = resets || self.reconnect.max.is_none_or(|max| at.losses <= max);
        let step = self.least_step(at).as_millis();
        if let Some(rest) = left.checked_sub(step).filter(|_| allowed) {
            let next = Outage { unstable: at.unstable + 1, losses: at.losses + 1 };
            most = 1 + self.further_connects(rest, next, holding, known);
        }
        if let Some(rest) = left.checked_sub(self.least_held(at).as_millis()).filter(|_| holding) {
            let next = Outage { unstable: 1, losses: self.losses_after_stable(at) + 1 };
            most = most.max(1 + self.further_connects(rest, next, holding, known));
        }
        known.insert((left, at), most);
        most
    }

    /// The least time from one connect to the next, where the first connection does not become stable.
    fn least_step(&self, at: Outage) -> Duration {
        self.least_delay(at.losses).max(floor_after(at.unstable))
    }

    /// The least time from one connect to the next, where the first connection is lost as soon as it counts as
    /// stable.
    fn least_held(&self, at: Outage) -> Duration {
        self.reconnect.stable + self.least_delay(self.losses_after_stable(at))
    }

    /// The number of a loss that ends a stable connection.
    fn losses_after_stable(&self, at: Outage) -> u32 {
        match self.reconnect.reset {
            Reset::OnOpen | Reset::OnStable => 1,
            Reset::Never => at.losses,
        }
    }

    fn least_delay(&self, losses: u32) -> Duration {
        let policy = &self.reconnect;
        let first =
            [Cause::Errored, Cause::Closed, Cause::Dead].into_iter().filter_map(|loss| policy.first.after(loss)).min();
        let first = first.unwrap_or(Duration::MAX);
        let again = policy.again.delay(losses.saturating_sub(2));
        let delay = match (losses, policy.reset) {
            (0 | 1, _) => first,
            // The server may open each time, which resets the counter.
            (_, Reset::OnOpen) => first.min(again),
            (_, Reset::OnStable | Reset::Never) => again,
        };
        policy.jitter.least(delay)
    }

    /// An upper bound on the heap: every collection full, every id of the greatest length.
    fn memory(&self) -> u64 {
        const ENTRY: u64 = 512;
        let id = self.limits.id_bytes.get();
        let entries = [self.outbox.messages, self.outbox.remembered, self.inbox.window, self.inbox.pending];
        let entries = entries.into_iter().fold(0, |sum: u64, limit| sum.saturating_add(limit.get()));
        entries
            .saturating_mul(id.saturating_add(ENTRY))
            .saturating_add(self.outbox.bytes.get())
            // One frame as it arrives, one as it is read, and one frame's worth of messages held back behind a gap.
            .saturating_add(self.limits.frame_bytes.get().saturating_mul(3))
            .saturating_add(16 << 10)
    }
}
