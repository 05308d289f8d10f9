//! Records of a sequence.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

use super::outbound::NumberRecord;
use super::{Gap, Inbound, LAST, Outbound, Sequence, Sid, UnackedMessage};
use crate::durable::{Batch, Damaged, Kind, Log, Records, is_default};
use crate::outbox::Outbox;

/// Record of the numbers up to which the messages of a session are accepted, acknowledged and sent.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SequenceRecord {
    accepted: u64,
    acked: u64,
    /// Last number that ever went out.
    gone_out: u64,
    /// First and last missing message; the last is unknown where it is left out.
    #[serde(default, skip_serializing_if = "is_default")]
    missing: Option<(u64, Option<u64>)>,
}

impl Sequence {
    /// Whether a change of the records begins a new version.
    pub(crate) fn has_changed(&mut self) -> bool {
        self.logs().into_iter().any(|log| log.is_loud())
    }

    fn logs(&mut self) -> [&mut Log; 4] {
        [&mut self.log, self.inbound.log(), self.gap.log(), self.out.log()]
    }

    /// Forgets the changes of the records, because they are announced.
    pub(crate) fn clear_changes(&mut self) {
        self.logs().into_iter().for_each(Log::clear);
    }

    /// Writes the records that were touched, or `all` of them.
    pub(crate) fn write(&self, batch: &mut Batch<'_>, all: bool) {
        if all || self.log.is_loud() {
            batch.set(Kind::Session.key(), self.sid.as_ref());
        }
        let (accepted, acked, gone_out) = (self.inbound.accepted(), self.out.acked(), self.out.gone_out());
        let record = SequenceRecord { accepted, acked, gone_out, missing: self.gap.missing() };
        batch.put(Kind::Sequence.key(), &record);
        self.out.write(batch, all);
        self.inbound.write(batch, all);
    }

    /// Restores a sequence from its records. `all_out` says that every number may have gone out, because the process
    /// could send messages until it ended. Damaged where the records contradict each other.
    pub(crate) fn restored(
        records: &Records,
        outbox: &Outbox,
        all_out: bool,
        logs: bool,
    ) -> Result<Box<Self>, Damaged> {
        let SequenceRecord { accepted, acked, gone_out, missing } = records.one(Kind::Sequence)?.ok_or(Damaged)?;
        let sid: Option<Sid> = records.one(Kind::Session)?;
        let numbers: Vec<(u64, NumberRecord)> = records.all(Kind::Number)?;
        let highest = acked.saturating_add(numbers.len() as u64);
        let begun = sid.is_some() || (acked == 0 && accepted == 0 && numbers.is_empty());
        let named = sid.as_ref().is_none_or(Sid::is_sound);
        if highest > LAST || gone_out > highest {
            return Err(Damaged);
        }
        let in_order = (acked + 1..).zip(&numbers).all(|(seq, (number, _))| seq == *number);
        let mut slots = BTreeSet::new();
        let once = numbers.iter().all(|(_, record)| record.slot().is_none_or(|slot| slots.insert(slot)));
        if !(begun && named && in_order && once) {
            return Err(Damaged);
        }
        let unacked = |(seq, record): &(u64, NumberRecord)| UnackedMessage::restored(*seq, record, outbox);
        let may_be_out =
            |(_, record): &&(u64, NumberRecord)| record.slot().is_none_or(|slot| slot < outbox.first_held());
        let out = if all_out { numbers.iter().take_while(may_be_out).count() as u64 } else { 0 };
        let gone_out = gone_out.max(acked.saturating_add(out));
        let out = Outbound::restored(acked, numbers.iter().map(unacked).collect(), gone_out, logs);
        Ok(Box::new(Self {
            sid,
            out,
            inbound: Inbound::restored(accepted, records, logs)?,
            gap: Gap::restored(missing, logs).ok_or(Damaged)?,
            restored: true,
            ..*Self::new(logs)
        }))
    }
}
