//! Durable state of a session: what survives a restart of the process.

use alloc::collections::VecDeque;
use alloc::sync::Arc;

use super::Session;
use crate::backlog::Backlog;
use crate::delivery::{Delivery, Surroundings};
use crate::dialect::{Preset, Side};
use crate::durable::{AgeClock, Batch, Changes, Snapshot, write_format};
use crate::error::RestoreError;
use crate::link::Link;
use crate::outbox::Outbox;
use crate::rng::{Rng, Seed};
use crate::time::{Duration, Instant};
use crate::uncompared::Uncompared;

/// Records of a session that are not delivery's: those of the format and of the link.
pub(super) struct LinkRecords<'a> {
    pub(super) preset: &'a Preset,
    pub(super) link: &'a Link,
    pub(super) now: Instant,
}

impl Surroundings for LinkRecords<'_> {
    fn attempts(&self) -> u64 {
        self.link.attempts()
    }

    fn write(&self, batch: &mut Batch<'_>, outbox: &Outbox, all: bool) {
        write_format(batch, self.preset.name(), Side::Client, all);
        let rate = outbox.rate_full_at(self.now);
        self.link.write(batch, self.now, (outbox.ages(), rate), &self.preset.config);
    }
}

impl Session {
    /// Returns the durable state as of [`now`](Session::now), the time of the last input; `away` is measured from
    /// there.
    ///
    /// Under [`Durability::WriteAhead`](crate::config::Durability#store-then-act) a host stores the changes that
    /// `Persist` carries, and this is the state that they add up to. A host may store the whole snapshot instead, which
    /// costs as much as there is. Take all actions first: the snapshot counts a message as delivered as soon as its
    /// `Deliver` is queued.
    ///
    /// Without write-ahead store the snapshot when the process ends in order. What happened after the snapshot is lost
    /// with the process.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let surroundings = LinkRecords { preset: &self.preset, link: &self.link, now: self.clock };
        Snapshot::of(self.delivery.all_records(self.clock, &surroundings))
    }

    /// Returns the changes of the durable state that no `Persist` has carried yet, as if one carried them now; for a
    /// host that stores all there is before it ends.
    ///
    /// Such changes begin no version of their own: how often a message was sent, and the time. What was stored before
    /// and these changes are together the same state as [`snapshot`](Session::snapshot). Without write-ahead no
    /// `Persist` carries anything, so the changes are the whole state, for an empty store.
    ///
    /// ```
    /// use redial::{Instant, Preset, Seed, Session, Snapshot};
    ///
    /// let mut session = Session::new(Preset::plain(), Seed::from(7_u64));
    /// session.send(Instant::ORIGIN, "hello")?;
    /// let mut store = Snapshot::default();
    /// store.apply(&session.changes());
    /// assert_eq!(store, session.snapshot());
    /// # Ok::<(), redial::SendError>(())
    /// ```
    pub fn changes(&mut self) -> Changes {
        let surroundings = LinkRecords { preset: &self.preset, link: &self.link, now: self.clock };
        self.delivery.take_changes(self.clock, &surroundings)
    }

    /// Restores a session, in `Idle`, from the records that a store holds, in any order, or from a [`Snapshot`]; `away`
    /// is the time since the last changes were handed out, or since the snapshot was taken.
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
    /// * Versions of `Persist` and connection ids go on. With write-ahead the next `Persist` carries the changes to the
    ///   records of this snapshot.
    /// * A credential has to be given again, and a hold or a drain is over.
    /// * Messages that waited for `acknowledge` come again from the server and are delivered again.
    ///
    /// [`RestoreError`] says why a snapshot was refused: another format version, another preset, the other side, or
    /// damage.
    pub fn restore<K: AsRef<str>, V: AsRef<[u8]>>(
        preset: impl Into<Arc<Preset>>,
        now: Instant,
        records: impl IntoIterator<Item = (K, V)>,
        away: Duration,
        seed: Seed,
    ) -> Result<Self, RestoreError> {
        let (preset, snapshot): (_, Snapshot) = (preset.into(), records.into_iter().collect());
        let (records, meta, stored) = snapshot.open(preset.name(), Side::Client)?;
        let mut rng = Rng::new(seed);
        let ages = AgeClock::resumed(now, Instant::from_millis(meta.t), away);
        let sequenced = preset.dialect().capabilities().sequenced;
        let stored = (records, &meta, stored);
        let mut delivery = Delivery::restored(now, stored, ages, &preset.config, sequenced, &mut rng)?;
        let (link, spent) = Link::restored(now, records, ages, away)?;
        delivery.restore_rate(now, spent, meta.ready, &preset.config);
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
