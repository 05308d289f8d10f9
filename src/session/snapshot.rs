//! Snapshot of a session: the durable state that has to survive a restart of the process.

use core::fmt;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use serde::{Deserialize, Serialize};

use super::Session;
use crate::backlog::Backlog;
use crate::delivery::{Delivery, DeliveryState};
use crate::dialect::Preset;
use crate::error::RestoreError;
use crate::link::{Link, LinkState};
use crate::rng::{Rng, Seed};
use crate::time::{Duration, Instant};
use crate::uncompared::Uncompared;

/// Format version of a snapshot.
const VERSION: u64 = 1;

/// Durable state of a session, as a serde value.
///
/// A snapshot holds the unsettled messages, the ids and statuses of settled ones, the dedup window, the counters of
/// ids, and the number of failed attempts in a row. Message bodies stand in it unencrypted, and so does the token
/// that resumes a session where the dialect has one; no other credential does. Guard it like the messages. Its size
/// is that of the unsettled bodies plus some 64 bytes an id.
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
/// let session = Session::restore(preset, Instant::ORIGIN, snapshot, Duration::from_secs(3_600), Seed::from(8_u64))?;
/// assert_eq!(session.unsettled(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    redial: u64,
    preset: String,
    /// Random stream that went on over a restart, in snapshots of before; a restored session takes a seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rng: Option<Rng>,
    link: LinkState,
    delivery: Box<DeliveryState>,
    check: u64,
}

impl Session {
    /// Returns the durable state as of [`now`](Session::now), the time of the last input; `away` is measured from
    /// there.
    ///
    /// Under [`Durability::WriteAhead`](crate::config::Durability#store-then-act) store the snapshot whenever
    /// `Persist` asks, in one transaction with what the application keeps of the actions: then nothing is lost and
    /// nothing is delivered twice across a crash. Take all actions first: the snapshot counts a message as delivered
    /// as soon as its `Deliver` is queued.
    ///
    /// Without write-ahead store the snapshot when the process ends in order. What happened after the snapshot is lost
    /// with the process.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot {
            redial: VERSION,
            preset: self.preset.name().to_string(),
            rng: None,
            link: self.link.to_state(self.clock, &self.preset.config),
            delivery: Box::new(self.delivery.to_state(self.clock, &self.preset.config)),
            check: 0,
        };
        snapshot.check = snapshot.own_checksum();
        snapshot
    }

    /// Restores a session from its snapshot, in `Idle`, `away` after the snapshot was taken.
    ///
    /// `away` is wall-clock time, sleep included. The seed decides every jitter from now on and the nonce of new
    /// message ids, as in [`Session::new`]; take a new one from the operating system each time. Two sessions that are
    /// restored from one snapshot at one `now` behave the same under the same seed.
    ///
    /// * New messages get ids under a nonce of their own, so an id never repeats, even where the snapshot is older than
    ///   the last `send`. The ids of the last 64 processes are still known as own ids.
    /// * Messages that may be sent at most once, and may have been sent, settle as `Unconfirmed`. Where the outbox
    ///   refuses messages while there is no connection, all messages settle. The actions that report it wait to be
    ///   polled.
    /// * Messages that are too old for the server's dedup window settle when they would go out again.
    /// * Attempts that were not stable yet count as failed, so that a process which crashes again and again causes no
    ///   connect storm: `open` connects at once, or after the backoff of the outage, less `away`.
    /// * Versions of `Persist` and connection ids go on.
    /// * A credential has to be given again, and a hold or a drain is over.
    /// * Messages that waited for `acknowledge` come again from the server and are delivered again.
    ///
    /// [`RestoreError`] says why a snapshot was refused: another format version, another preset, or damage.
    pub fn restore(
        preset: impl Into<Arc<Preset>>,
        now: Instant,
        snapshot: Snapshot,
        away: Duration,
        seed: Seed,
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
        let mut rng = Rng::new(seed);
        let sequenced = preset.dialect().capabilities().sequenced;
        let delivery = Delivery::from_state(now, *snapshot.delivery, away, &preset.config, sequenced, &mut rng);
        let (Some(delivery), Some(link)) = (delivery, Link::from_state(now, &snapshot.link, away)) else {
            return Err(RestoreError::Damaged);
        };
        let mut session = Self {
            preset,
            clock: now,
            rng,
            link,
            delivery,
            backlog: Backlog::default(),
            actions: VecDeque::new(),
            stats: Uncompared::default(),
        };
        session.input(now, |core, cx| {
            let attempts = core.link.attempts();
            core.delivery.on_restored(cx, attempts);
        });
        Ok(session)
    }
}

impl Snapshot {
    fn own_checksum(&self) -> u64 {
        checksum(&Self { check: 0, ..self.clone() })
    }
}

/// FNV-1a checksum of the content, which detects damage but not forgery.
pub(crate) fn checksum(content: &impl Serialize) -> u64 {
    let text = serde_json::to_string(content).unwrap_or_default();
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").field("preset", &self.preset).field("check", &self.check).finish_non_exhaustive()
    }
}
