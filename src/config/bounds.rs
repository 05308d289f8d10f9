//! What a configuration promises, in numbers.

use core::fmt;

use alloc::collections::BTreeMap;

use crate::config::{Config, Resend, Reset, floor_after};
use crate::state::Cause;
use crate::time::Duration;

/// What a configuration promises, in numbers.
///
/// ```
/// use redial::{Config, Duration};
/// let bounds = Config::default().bounds();
/// assert_eq!(bounds.notice_dead_link, Some(Duration::from_secs(55)));
/// assert_eq!(bounds.connects_in_120_s, 10);
/// assert_eq!(bounds.connects_in_120_s_if_stable, 20);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Bounds {
    /// The longest silence before a dead link is given up, where the host ticks in time; `None` where it never is. An
    /// [`Online`](crate::Event::Online) or [`Woke`](crate::Event::Woke) on the way asks anew, which may add `heartbeat.probe.wait`.
    pub notice_dead_link: Option<Duration>,
    /// Connects in any 120 s against a server that never lets a connection become stable; hints and the user's own calls come on top.
    pub connects_in_120_s: u32,
    /// The same against a server that now and then does.
    pub connects_in_120_s_if_stable: u32,
    /// Bytes of heap a session holds at most, one inbound frame included and the actions nobody has taken yet left out.
    pub memory_bytes: u64,
    /// What is promised for messages on their way out, where the dialect has receipts and ids.
    pub outbound: Guarantee,
    /// What is promised for messages on their way in, where the dialect has acknowledgements and ids.
    pub inbound: Guarantee,
}

/// What is promised for messages in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Guarantee {
    /// A message may be lost, and is then told as `Unconfirmed`; it is never sent twice by the session itself.
    AtMostOnce,
    /// Nothing lost, nothing shown twice, while the server's dedup window holds; how long that is, is not known.
    OnceWhileServerRemembers,
    /// Nothing lost, nothing shown twice: what is older than the server's dedup window is told as `Unconfirmed`, not sent again.
    OnceWithin(Duration),
    /// Nothing shown twice among so many ids; nothing lost where the server pushes again what is not acknowledged.
    OnceAmong(u64),
    /// Nothing lost, nothing shown twice, while the server keeps at most so many pushes unacknowledged and repeats them in order.
    OnceInOrder(u32),
    /// Nothing lost, nothing shown twice, in order, while both ends keep their state; an end that has lost it says so.
    OnceWhileBothRemember,
}

impl fmt::Display for Guarantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMostOnce => f.write_str("sent at most once; what may be lost is told as unconfirmed"),
            Self::OnceWhileServerRemembers => {
                f.write_str("nothing lost, nothing shown twice, while the server's dedup window holds")
            }
            Self::OnceWithin(window) => {
                write!(
                    f,
                    "nothing lost, nothing shown twice; older than {window} and unconfirmed is told, not sent again"
                )
            }
            Self::OnceAmong(ids) => {
                write!(
                    f,
                    "nothing shown twice among the last {ids} ids; nothing lost while the server pushes again what is not acknowledged"
                )
            }
            Self::OnceInOrder(keeps) => {
                write!(
                    f,
                    "nothing lost, nothing shown twice, while the server keeps at most {keeps} pushes and repeats them in order"
                )
            }
            Self::OnceWhileBothRemember => {
                f.write_str("nothing lost, nothing shown twice, in order, while both ends keep their state")
            }
        }
    }
}

/// Where an outage is when a connection is lost: the number of that loss, for the delay and for the safety floor.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Outage {
    unstable: u32,
    losses: u32,
}

impl Config {
    /// What this configuration promises, in numbers; of one that fails its check, whatever comes out.
    pub fn bounds(&self) -> Bounds {
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
            notice_dead_link: self.heartbeat.notice(),
            connects_in_120_s: self.connects_within(Duration::from_secs(120), false),
            connects_in_120_s_if_stable: self.connects_within(Duration::from_secs(120), true),
            memory_bytes: self.memory(),
            outbound,
            inbound,
        }
    }

    /// The most connects that any server can provoke in a window, by trying every way to lose connections.
    fn connects_within(&self, window: Duration, holding: bool) -> u32 {
        let first = Outage { unstable: 1, losses: 1 };
        let quick = self.least_step(first).as_millis().max(1);
        let held = self.least_held(first).as_millis();
        if holding && held < quick.saturating_mul(8) {
            // So short a stable time is no wait at all; the shortest step bounds everything.
            return u32::try_from(window.as_millis() / quick.min(held.max(1))).unwrap_or(u32::MAX).saturating_add(1);
        }
        let mut known = BTreeMap::new();
        self.further_connects(window.as_millis(), first, holding, &mut known).saturating_add(1)
    }

    /// Connects that fit into `left` milliseconds after one that is about to be lost.
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

    /// The least time from one connect to the next, where the first of them does not become stable.
    fn least_step(&self, at: Outage) -> Duration {
        self.least_delay(at.losses).max(floor_after(at.unstable))
    }

    /// The same where it is held until it counts as stable, and then lost.
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
            // The server may open each time, which sets the count back.
            (_, Reset::OnOpen) => first.min(again),
            (_, Reset::OnStable | Reset::Never) => again,
        };
        policy.jitter.least(delay)
    }

    /// A ceiling: every collection full, every id as long as it may be.
    fn memory(&self) -> u64 {
        const ENTRY: u64 = 512;
        let id = self.limits.id_bytes.get();
        let entries = [self.outbox.messages, self.outbox.remembered, self.inbox.window, self.inbox.pending];
        let entries = entries.into_iter().fold(0, |sum: u64, limit| sum.saturating_add(limit.get()));
        entries
            .saturating_mul(id.saturating_add(ENTRY))
            .saturating_add(self.outbox.bytes.get())
            // One as it comes, one as it is read, and the window's bytes of what is held back behind a gap.
            .saturating_add(self.limits.frame_bytes.get().saturating_mul(3))
            .saturating_add(16 << 10)
    }
}
