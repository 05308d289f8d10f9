//! Snapshot of a peer: the durable state that has to survive a restart of the process.

use core::fmt;

use alloc::collections::VecDeque;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

use super::record::{ClientRecord, ClientRecordState};
use super::{Peer, PeerPolicy, adapted};
use crate::backlog::Backlog;
use crate::delivery::{Delivery, DeliveryState};
use crate::dialect::Preset;
use crate::error::RestoreError;
use crate::id::{LAST, MessageId};
use crate::rng::{Rng, Seed};
use crate::session::checksum;
use crate::status::Status;
use crate::time::{Duration, Instant};
use crate::uncompared::Uncompared;

/// Format version of a snapshot.
const VERSION: u64 = 1;

/// Durable state of a peer, as a serde value.
///
/// A snapshot holds the unacknowledged pushes, the ids of received messages, the sequence numbers and the token of the
/// session, and the receipts that were sent. Message bodies and the resume token stand in it unencrypted; guard it like
/// them.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeerSnapshot {
    redial: u64,
    preset: String,
    /// Random stream that went on over a restart, in snapshots of before; a restored peer takes a seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rng: Option<Rng>,
    connections: u64,
    delivery: DeliveryState,
    receipts: Vec<(MessageId, Status)>,
    record: ClientRecordState,
    check: u64,
}

impl Peer {
    /// Returns the durable state as of the last input.
    ///
    /// Under [`Durability::WriteAhead`](crate::config::Durability#store-then-act) store the snapshot whenever
    /// `Persist` asks, in one transaction with what the application keeps of the actions; otherwise when the process
    /// ends in order.
    #[must_use]
    pub fn snapshot(&self) -> PeerSnapshot {
        let mut snapshot = PeerSnapshot {
            redial: VERSION,
            preset: self.preset.name().to_string(),
            rng: None,
            connections: self.last_connection,
            delivery: self.delivery.to_state(self.clock, &self.preset.config),
            receipts: self.receipts.iter().cloned().collect(),
            record: self.record.to_state(self.clock),
            check: 0,
        };
        snapshot.check = checksum(&snapshot);
        snapshot
    }

    /// Restores a peer from its snapshot, without a connection, `away` after the snapshot was taken.
    ///
    /// The seed decides the ids of new pushes and the tokens; take a new one from the operating system each time. New
    /// pushes get ids under a nonce of their own, so an id never repeats, even where the snapshot is older than the
    /// last push. Versions of `Persist` and connection ids go on.
    ///
    /// [`RestoreError`] says why a snapshot was refused: another format version, another preset, or damage.
    pub fn restore(
        preset: Preset,
        policy: PeerPolicy,
        now: Instant,
        snapshot: PeerSnapshot,
        away: Duration,
        seed: Seed,
    ) -> Result<Self, RestoreError> {
        if snapshot.redial != VERSION {
            return Err(RestoreError::Version { version: snapshot.redial });
        }
        if snapshot.check != checksum(&PeerSnapshot { check: 0, ..snapshot.clone() }) {
            return Err(RestoreError::Damaged);
        }
        if snapshot.preset != preset.name() {
            return Err(RestoreError::Preset { preset: snapshot.preset });
        }
        let policy = policy.clamped();
        let preset = adapted(preset, &policy);
        let mut rng = Rng::new(seed);
        let sequenced = preset.dialect().capabilities().sequenced;
        let delivery = Delivery::from_state(now, snapshot.delivery, away, &preset.config, sequenced, &mut rng);
        let is_receipt = |(_, status): &(MessageId, Status)| matches!(status, Status::Delivered | Status::Read);
        let Some(delivery) =
            delivery.filter(|_| snapshot.connections <= LAST && snapshot.receipts.iter().all(is_receipt))
        else {
            return Err(RestoreError::Damaged);
        };
        let surplus = snapshot.receipts.len().saturating_sub(preset.config.outbox.remembered.as_count());
        let mut peer = Self {
            preset: Arc::new(preset),
            policy,
            clock: now,
            rng,
            delivery,
            backlog: Backlog::default(),
            current: None,
            newcomer: None,
            last_connection: snapshot.connections,
            receipts: snapshot.receipts.into_iter().skip(surplus).collect(),
            record: ClientRecord::from_state(snapshot.record, now, away),
            actions: VecDeque::new(),
            stats: Uncompared::default(),
        };
        let attempts = peer.last_connection;
        peer.input(now, |peer, cx| peer.delivery.on_restored(cx, attempts));
        Ok(peer)
    }
}

impl fmt::Debug for PeerSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerSnapshot").field("preset", &self.preset).field("check", &self.check).finish_non_exhaustive()
    }
}
