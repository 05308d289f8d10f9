//! The durable state of a session: what has to survive a restart of the process.

use core::fmt;

use alloc::collections::VecDeque;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use serde::{Deserialize, Serialize};

use super::Session;
use crate::delivery::{Delivery, DeliveryState};
use crate::dialect::Preset;
use crate::error::RestoreError;
use crate::link::{Link, LinkState};
use crate::rng::Rng;
use crate::time::{Duration, Instant};
use crate::uncompared::Uncompared;

const VERSION: u64 = 1;

/// The durable state of a session, as a serde value: messages that are not settled, the memory of those that are, the dedup
/// window, the counters of ids, and the attempts that failed in a row.
///
/// It holds message bodies as they are, and no credential but the token that resumes a session where the dialect has one; guard it
/// like the messages. Its size is that of the unsettled
/// bodies plus some 64 bytes an id.
///
/// ```
/// use redial::{Duration, Instant, Outgoing, Preset, Seed, Session, Snapshot};
/// let mut session = Session::new(Preset::uni_app().with_config(Default::default())?, Seed::from(7_u64));
/// let id = session.send(Instant::ORIGIN, "hello")?;
/// let stored = serde_json::to_string(&session.snapshot())?;
///
/// // A new process, an hour later, whose clock starts at zero again.
/// let snapshot: Snapshot = serde_json::from_str(&stored)?;
/// let preset = Preset::uni_app().with_config(Default::default())?;
/// let session = Session::restore(preset, Instant::ORIGIN, snapshot, Duration::from_secs(3_600))?;
/// assert_eq!(session.unsettled(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    redial: u64,
    preset: String,
    rng: Rng,
    link: LinkState,
    delivery: DeliveryState,
    check: u64,
}

impl Session {
    /// The durable state as of [`now`](Session::now), the time of the last input; count `away` from there.
    ///
    /// Under [`Durability::WriteAhead`](crate::config::Durability#store-then-act) store it whenever `Persist` asks, in one transaction
    /// with what the application keeps of the actions: then nothing is lost and nothing is shown twice across a crash. Take all
    /// actions first: the snapshot counts a message as shown as soon as its `Deliver` is queued.
    ///
    /// Otherwise store it when the process ends in order. One that is older than the last `send` must not be used: the ids made
    /// since would be made again, and a server drops a new message under an old id.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot {
            redial: VERSION,
            preset: self.preset.name().to_string(),
            rng: self.rng.clone(),
            link: self.link.to_state(self.clock, &self.preset.config),
            delivery: self.delivery.to_state(self.clock, &self.preset.config),
            check: 0,
        };
        snapshot.check = snapshot.own_checksum();
        snapshot
    }

    /// The session that a snapshot describes, idle, `away` after the snapshot was taken.
    ///
    /// What may have been sent and may not be sent twice settles as `Unconfirmed`, and where the outbox refuses while there is no
    /// connection, everything settles; the actions of that wait to be polled. What is too old for the server's dedup window settles
    /// when it would go out again. `away` is the wall's time, sleep included. Attempts that had proved nothing count on, so that a process
    /// that crashes again and again is no storm: `open` connects at once, or after the wait that the outage had earned, less
    /// `away`. Versions of `Persist` start anew, connections do not. A credential has to be given again, and a hold or a drain
    /// is over. Messages that waited for `acknowledge` come again from the server and are delivered again. Two sessions restored from one snapshot would mint the same
    /// ids: restore it once.
    pub fn restore(
        preset: impl Into<Arc<Preset>>,
        now: Instant,
        snapshot: Snapshot,
        away: Duration,
    ) -> Result<Self, RestoreError> {
        let preset = preset.into();
        if snapshot.redial != VERSION {
            return Err(RestoreError::Version { version: snapshot.redial });
        }
        if snapshot.check != snapshot.own_checksum() {
            return Err(RestoreError::Damaged);
        }
        if snapshot.preset != preset.name() {
            return Err(RestoreError::Preset { preset: snapshot.preset });
        }
        let delivery = Delivery::from_state(now, snapshot.delivery, away, &preset.config);
        let mut session = Self {
            preset,
            clock: now,
            rng: snapshot.rng,
            link: Link::from_state(&snapshot.link, away),
            delivery,
            actions: VecDeque::new(),
            stats: Uncompared::default(),
        };
        session.input(now, |halves, cx| {
            let attempts = halves.link.attempts();
            halves.delivery.on_restored(cx, attempts);
        });
        Ok(session)
    }
}

impl Snapshot {
    fn own_checksum(&self) -> u64 {
        checksum(&Self { check: 0, ..self.clone() })
    }
}

/// FNV-1a over the content: it finds damage, not forgery.
pub(crate) fn checksum(content: &impl Serialize) -> u64 {
    let text = serde_json::to_string(content).unwrap_or_default();
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").field("preset", &self.preset).field("check", &self.check).finish_non_exhaustive()
    }
}
