//! Durable state of a peer: what survives a restart of the process.

use alloc::collections::VecDeque;
use alloc::sync::Arc;

use super::receipts::Receipts;
use super::record::ClientRecord;
use super::{Peer, PeerPolicy, adapted};
use crate::backlog::Backlog;
use crate::config::Durability;
use crate::delivery::Delivery;
use crate::dialect::{Preset, Side};
use crate::durable::{AgeClock, Changes, Snapshot};
use crate::error::RestoreError;
use crate::rng::{Rng, Seed};
use crate::time::{Duration, Instant};
use crate::uncompared::Uncompared;

impl Peer {
    /// Returns the durable state as of the last input: the unacknowledged pushes, the ids of received messages, the
    /// sequence numbers and the token of the session, and the receipts that were sent.
    ///
    /// Under [`Durability::WriteAhead`](crate::config::Durability#store-then-act) a host stores the changes that
    /// `Persist` carries, and this is the state that they add up to; otherwise it stores the snapshot when the process
    /// ends in order.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let surroundings = self.record.beside(&self.receipts, self.preset.name(), self.last_connection, false);
        Snapshot::of(self.delivery.all_records(self.clock, &surroundings))
    }

    /// Returns the changes of the durable state that no `Persist` has carried yet, as
    /// [`Session::changes`](crate::Session::changes) does.
    pub fn changes(&mut self) -> Changes {
        let surroundings = self.record.beside(&self.receipts, self.preset.name(), self.last_connection, false);
        let changes = self.delivery.take_changes(self.clock, &surroundings);
        self.receipts.clear_changes();
        changes
    }

    /// Restores a peer, without a connection, from the records that a store holds, in any order, or from a
    /// [`Snapshot`]; `away` is the time since the last changes were handed out, or since the snapshot was taken.
    ///
    /// The seed decides the ids of new pushes and the tokens; take a new one from the operating system each time. New
    /// pushes get ids under a nonce of their own, so an id never repeats, even where the snapshot is older than the
    /// last push. Versions of `Persist` and connection ids go on.
    ///
    /// [`RestoreError`] says why a snapshot was refused: another format version, another preset, the other side, or
    /// damage.
    pub fn restore<K: AsRef<str>, V: AsRef<[u8]>>(
        preset: Preset,
        policy: PeerPolicy,
        now: Instant,
        records: impl IntoIterator<Item = (K, V)>,
        away: Duration,
        seed: Seed,
    ) -> Result<Self, RestoreError> {
        let snapshot: Snapshot = records.into_iter().collect();
        let (records, meta, stored) = snapshot.open(preset.name(), Side::Server)?;
        let policy = policy.clamped();
        let preset = adapted(preset, &policy);
        let mut rng = Rng::new(seed);
        let ages = AgeClock::resumed(now, Instant::from_millis(meta.t), away);
        let sequenced = preset.dialect().capabilities().sequenced;
        let logs = preset.config.durability == Durability::WriteAhead;
        let stored = (records, &meta, stored);
        let delivery = Delivery::restored(now, stored, ages, &preset.config, sequenced, &mut rng)?;
        let (record, last_connection) = ClientRecord::restored(records, now, ages, away)?;
        let receipts = Receipts::restored(records, preset.config.outbox.remembered.as_count(), logs)?;
        let mut peer = Self {
            preset: Arc::new(preset),
            policy,
            clock: now,
            rng,
            delivery,
            backlog: Backlog::default(),
            current: None,
            newcomer: None,
            last_connection,
            receipts,
            record,
            actions: VecDeque::new(),
            stats: Uncompared::default(),
        };
        peer.input(now, |peer, cx| peer.delivery.on_restored(cx, last_connection));
        Ok(peer)
    }
}
