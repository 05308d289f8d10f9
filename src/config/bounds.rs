//! The bounds that follow from a configuration: detection time, connects, memory, delivery guarantees.

use core::fmt;

use serde::{Serialize, Serializer};

use super::connects::{self, Provoked};
use crate::config::{Config, DeathProof, Resend};
use crate::time::Duration;

/// The bounds that follow from a configuration, as [`Config::bounds`] computes them.
///
/// ```
/// use redial::{Config, Duration};
/// let bounds = Config::default().bounds();
/// assert_eq!(bounds.notice_dead_link, Some(Duration::from_secs(33)));
/// assert_eq!(bounds.notice_dead_link_under_traffic, Some(Duration::from_secs(15)));
/// assert_eq!(bounds.connects_in_120_s, 20);
/// assert_eq!(bounds.connects_in_120_s_if_stable, 28);
/// assert_eq!(bounds.connects_in_a_day, 17_284);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct Bounds {
    /// The longest silence before a dead link is given up, provided that the host ticks in time; `None` where silence
    /// never ends a link, as where nothing can be asked and the server sends no heartbeats of its own. There neither a
    /// hint of the host nor a late tick ends a link.
    ///
    /// Elsewhere an [`Online`](crate::Event::Online), [`Offline`](crate::Event::Offline) or
    /// [`Woke`](crate::Event::Woke) during the silence starts a new probe, and so does a tick that is later than
    /// `heartbeat.probe.late`; that may add `heartbeat.probe.wait` once. Where the server is only heard, each such tick
    /// gives it its time again. The lateness of each tick adds itself, and one more second where it is more than one.
    /// Under write-ahead the silence after a welcome with a token counts from when that is stored.
    #[serde(rename = "notice_dead_link_ms")]
    pub notice_dead_link: Option<Duration>,
    /// The longest time in which a dead link is noticed while messages leave, counted from when the first of them was
    /// written; `None` where silence never ends a link.
    #[serde(rename = "notice_dead_link_under_traffic_ms")]
    pub notice_dead_link_under_traffic: Option<Duration>,
    /// The most connects in any 120 s against a server on which no connection proves to be of use: none becomes stable,
    /// and none confirms or delivers a message. Connects caused by hints, by calls and by room for deferred messages
    /// come on top, up to `connects_in_120_s_at_most`.
    pub connects_in_120_s: u32,
    /// The most connects in any 120 s against any server: connections may become stable, and may confirm and deliver
    /// messages before they are lost. Others come on top, as above.
    pub connects_in_120_s_if_stable: u32,
    /// The most connects in any 120 s, whatever the server, the host's hints and the application's calls do. Only those
    /// of an [`open`](crate::Session::open) out of `Idle` or `Stopped` come on top: the user asked for each of them.
    pub connects_in_120_s_at_most: u32,
    /// The most connects in any 24 h, counted as in `connects_in_120_s_at_most`; `reconnect.budget` lowers it.
    pub connects_in_a_day: u32,
    /// The most bytes of heap that a session holds, including one inbound frame and excluding actions not yet polled.
    /// The last two credentials that the host gave come on top, each at its length.
    pub memory_bytes: u64,
    /// The guarantee for outgoing messages, in dialects with receipts and message ids.
    pub outbound: Guarantee,
    /// The guarantee for incoming messages, in dialects with acknowledgements and message ids.
    pub inbound: Guarantee,
}

/// The delivery guarantee for messages in one direction.
///
/// Written with serde, a guarantee has its name as `type`, and its number as `window_ms`, `ids` or `keeps`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Guarantee {
    /// A message may be lost, and is then settled as `Unconfirmed`; the session itself sends a message at most once.
    AtMostOnce,
    /// No message is lost or shown twice while the server's dedup window holds; the length of that window is not
    /// known.
    OnceWhileServerRemembers,
    /// No message is lost or shown twice: an unconfirmed message older than the server's dedup window is settled as
    /// `Unconfirmed` and not sent again.
    OnceWithin(#[serde(serialize_with = "window")] Duration),
    /// No message is lost where the server pushes unacknowledged messages again; a message that it repeats is shown
    /// again.
    AtLeastOnce,
    /// No message is shown twice among this many ids; none is lost where the server pushes unacknowledged messages
    /// again.
    OnceAmong(#[serde(serialize_with = "ids")] u64),
    /// No message is lost or shown twice while the server keeps at most this many pushes unacknowledged and repeats
    /// them in order.
    OnceInOrder(#[serde(serialize_with = "keeps")] u32),
    /// No message is lost or shown twice, and all arrive in order, while both ends keep their state; an end that has
    /// lost its state says so.
    OnceWhileBothRemember,
}

fn window<S: Serializer>(window: &impl Serialize, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map([("window_ms", window)])
}

fn ids<S: Serializer>(ids: &impl Serialize, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map([("ids", ids)])
}

fn keeps<S: Serializer>(keeps: &impl Serialize, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map([("keeps", keeps)])
}

impl fmt::Display for Guarantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMostOnce => f.write_str("sent at most once; a message that may be lost is reported as unconfirmed"),
            Self::AtLeastOnce => f.write_str(
                "nothing lost while the server pushes unacknowledged messages again; what it repeats is shown again",
            ),
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

impl Config {
    /// Computes the bounds of this configuration. For a configuration that fails [`check`](Config::check) the values
    /// have no meaning. They are those of a dialect whose server answers heartbeats;
    /// [`Preset::bounds`](crate::Preset::bounds) knows the dialect.
    pub fn bounds(&self) -> Bounds {
        let (every, proof) = (self.heartbeat.period(), DeathProof::Unanswered);
        let outbound = match (self.outbox.resend, self.outbox.dedup_window) {
            (Resend::Never, _) => Guarantee::AtMostOnce,
            (Resend::NextConnection, None) => Guarantee::OnceWhileServerRemembers,
            (Resend::NextConnection, Some(window)) => Guarantee::OnceWithin(window),
        };
        let inbound = match self.inbox.server_keeps {
            Some(keeps) if self.check_window().is_ok() => Guarantee::OnceInOrder(keeps),
            _ if self.inbox.window.get() == 0 => Guarantee::AtLeastOnce,
            _ => Guarantee::OnceAmong(self.inbox.window.get()),
        };
        Bounds {
            notice_dead_link: self.heartbeat.notice(every, proof),
            notice_dead_link_under_traffic: self.heartbeat.notice_under_traffic(every, proof),
            connects_in_120_s: connects::in_window(self, Provoked::ByOutage),
            connects_in_120_s_if_stable: connects::in_window(self, Provoked::ByServer),
            connects_in_120_s_at_most: connects::by_floor(&self.reconnect, Duration::from_secs(120)),
            connects_in_a_day: connects::by_floor(&self.reconnect, Duration::from_secs(86_400)),
            memory_bytes: self.memory(),
            outbound,
            inbound,
        }
    }

    /// An upper bound on the heap: every collection full, every id of the greatest length.
    fn memory(&self) -> u64 {
        let entries = [self.outbox.messages, self.outbox.remembered, self.inbox.window];
        let entries = entries.into_iter().fold(0, |sum: u64, limit| sum.saturating_add(limit.get()));
        // Messages that wait for the application, and twice as many answers that wait.
        let entries = entries.saturating_add(self.inbox.pending.get().saturating_mul(3));
        entries
            .saturating_mul(self.entry_bytes())
            .saturating_add(self.outbox.bytes.get())
            // One frame as it arrives, one as it is read, and one frame's worth of messages held back behind a gap.
            .saturating_add(self.limits.frame_bytes.get().saturating_mul(3))
            .saturating_add(16 << 10)
    }

    /// An upper bound on the heap of one entry of a collection.
    fn entry_bytes(&self) -> u64 {
        self.limits.id_bytes.get().saturating_add(512)
    }

    /// An upper bound on the heap of as many entries as `outbox.remembered` says.
    pub(crate) fn remembered_bytes(&self) -> u64 {
        self.outbox.remembered.get().saturating_mul(self.entry_bytes())
    }
}
