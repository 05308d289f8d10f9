//! Inbox: a bounded window of message ids that tells a new incoming message from a repeat.
//!
//! 1. Within the window a message is delivered once, and acknowledged every time it arrives.
//! 2. No message is acknowledged before its delivery, or before the application's answer where that is required.
//! 3. The window forgets its oldest answered id first, and never an id that still waits for the application.
//! 4. Where ids count anew on each connection, no message is compared with one of an earlier connection, and an answer
//!    to one of those is not taken for the answer to a later message of that id.
//! 5. A server that keeps at most U pushes unacknowledged and repeats them in order is safe with a window of U plus
//!    `pending`.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::config::{Acknowledge, InboxPolicy};
use crate::durable::{Batch, Damaged, Kind, Log, Records, is_default};
use crate::id::{LAST, MessageId};
use crate::outbox::slot_map::{HasId, SlotMap};

/// Decision on an incoming message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InboxDecision {
    /// The message is new: deliver it, then acknowledge it.
    DeliverAndAck,
    /// The message is new: deliver it; the application acknowledges it.
    Deliver,
    /// The message repeats an acknowledged message: acknowledge it again.
    AckAgain,
    /// The message repeats a refused message: refuse it again.
    NackAgain,
    /// The message repeats a message that waits for the application.
    Wait,
    /// The message is new, but as many messages wait for the application as `pending` allows.
    Defer,
}

/// Window of the ids of incoming messages.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Inbox {
    /// Ids of messages that were acknowledged or refused, oldest first; they may be forgotten.
    answered: SlotMap<Answered>,
    /// Ids of messages that wait for the application.
    pending: SlotMap<MessageId>,
    /// Ids, with their former slots, of messages of earlier connections that wait for the application and whose ids the
    /// present connection may use again. Their answers go nowhere.
    left: Option<Box<Left>>,
    /// Answered ids that came and went since records were last announced.
    log: Log,
}

/// Ids of messages of earlier connections; boxed, since few sessions ever have one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Left(BTreeSet<(MessageId, u64)>);

/// Record of one id.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SeenRecord<'a> {
    id: Cow<'a, MessageId>,
    #[serde(default, skip_serializing_if = "is_default")]
    rejected: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Answered {
    id: MessageId,
    accepted: bool,
}

impl HasId for Answered {
    fn id(&self) -> &MessageId {
        &self.id
    }
}

impl Inbox {
    /// Creates an empty window; `logs` says whether it notes the changes of its records.
    pub(crate) fn new(logs: bool) -> Self {
        Self { answered: SlotMap::default(), pending: SlotMap::default(), left: None, log: Log::new(logs) }
    }

    /// Changes of the records since they were last announced.
    pub(crate) fn log(&mut self) -> &mut Log {
        &mut self.log
    }

    /// Writes the records that were touched, or `all` of them. Messages that wait for the application have none: after
    /// a restart they have to be delivered again.
    pub(crate) fn write(&self, batch: &mut Batch<'_>, all: bool) {
        let write = |slot| {
            let answered = self.answered.get(slot);
            let record =
                answered.map(|Answered { id, accepted }| SeenRecord { id: Cow::Borrowed(id), rejected: !accepted });
            batch.set(Kind::Seen.at(slot), record.as_ref());
        };
        if all {
            self.answered.iter().map(|(slot, _)| slot).for_each(write);
        } else {
            self.log.numbers().for_each(write);
        }
    }

    /// Restores the window from its records; of more ids than the window holds, the last ones. Damaged where an id
    /// stands twice or no configuration has such an id.
    pub(crate) fn restored(records: &Records, policy: &InboxPolicy, logs: bool) -> Result<Self, Damaged> {
        let seen: Vec<(u64, SeenRecord<'_>)> = records.all(Kind::Seen)?;
        let ids: BTreeSet<&MessageId> = seen.iter().map(|(_, seen)| &*seen.id).filter(|id| id.is_sound()).collect();
        if ids.len() < seen.len() || seen.last().is_some_and(|(slot, _)| *slot >= LAST) {
            return Err(Damaged);
        }
        let mut inbox = Self::new(logs);
        let surplus = seen.len().saturating_sub(policy.window.as_count());
        for (at, (slot, SeenRecord { id, rejected })) in seen.into_iter().enumerate() {
            if at >= surplus {
                inbox.answered.insert(slot, Answered { id: id.into_owned(), accepted: !rejected });
            }
        }
        Ok(inbox)
    }

    /// Begins anew for the ids of the next connection. The application may still answer for the messages that wait.
    pub(crate) fn start_over(&mut self) {
        while let Some((slot, _)) = self.answered.pop_first() {
            self.log.touch(slot);
        }
        while let Some((slot, id)) = self.pending.pop_first() {
            self.left.get_or_insert_default().0.insert((id, slot));
        }
    }

    /// Handles the application's answer to a message of an earlier connection. Returns whether there was such a
    /// message; of two messages with one id the earlier one is answered first.
    pub(crate) fn on_late_answer(&mut self, id: &MessageId) -> bool {
        let Some(Left(left)) = self.left.as_deref_mut() else { return false };
        let first = left.range((id.clone(), 0)..).next().filter(|(of, _)| of == id).cloned();
        first.is_some_and(|first| left.remove(&first))
    }

    /// Number of messages that wait for the application.
    pub(crate) fn unanswered(&self) -> usize {
        self.pending.len() + self.left.as_ref().map_or(0, |left| left.0.len())
    }

    /// Decision on a repeated message; `None` for a new message.
    pub(crate) fn known(&self, id: &MessageId) -> Option<InboxDecision> {
        match self.answered.find(id) {
            Some((_, Answered { accepted: true, .. })) => Some(InboxDecision::AckAgain),
            Some((_, Answered { accepted: false, .. })) => Some(InboxDecision::NackAgain),
            None => self.pending.slot_of(id).map(|_| InboxDecision::Wait),
        }
    }

    /// Rank of a delivered message in the order of delivery. Messages that wait for the application rank above answered
    /// messages.
    pub(crate) fn rank(&self, id: &MessageId) -> Option<(bool, u64)> {
        let answered = self.answered.slot_of(id).map(|slot| (false, slot));
        answered.or_else(|| self.pending.slot_of(id).map(|slot| (true, slot)))
    }

    /// Decides on an incoming message. Also returns the number of ids that were forgotten to make room.
    pub(crate) fn on_message(&mut self, id: &MessageId, policy: &InboxPolicy) -> (InboxDecision, u64) {
        match (self.known(id), policy.acknowledge) {
            (Some(decision), _) => (decision, 0),
            (None, Acknowledge::OnDelivery) => (InboxDecision::DeliverAndAck, self.remember(id.clone(), true, policy)),
            (None, Acknowledge::OnCall) if self.unanswered() >= policy.pending.as_count() => (InboxDecision::Defer, 0),
            (None, Acknowledge::OnCall) => {
                self.pending.push(id.clone());
                (InboxDecision::Deliver, 0)
            }
        }
    }

    /// Whether as many messages wait for the application as `pending` allows.
    pub(crate) fn is_full(&self, policy: &InboxPolicy) -> bool {
        self.unanswered() >= policy.pending.as_count()
    }

    /// Whether at most half as many messages wait for the application as `pending` allows, so that the messages which
    /// were deferred find room.
    pub(crate) fn has_room(&self, policy: &InboxPolicy) -> bool {
        self.unanswered() <= policy.pending.as_count() / 2
    }

    /// Records the application's answer to a message: `accepted` or refused. Returns the number of ids that were
    /// forgotten to make room, or `None` if the message did not wait for an answer.
    pub(crate) fn on_answer(&mut self, id: &MessageId, accepted: bool, policy: &InboxPolicy) -> Option<u64> {
        let id = self.pending.remove(self.pending.slot_of(id)?)?;
        Some(self.remember(id, accepted, policy))
    }

    /// Decides on an own message that came back: it is acknowledged and not delivered, unless its id is known from
    /// another message. Also returns the number of ids that were forgotten to make room.
    pub(crate) fn on_own(&mut self, id: &MessageId, policy: &InboxPolicy) -> (InboxDecision, u64) {
        match self.known(id) {
            Some(decision) => (decision, 0),
            None => (InboxDecision::AckAgain, self.remember(id.clone(), true, policy)),
        }
    }

    fn remember(&mut self, id: MessageId, accepted: bool, policy: &InboxPolicy) -> u64 {
        // Also with a window of no id: what was delivered is to be stored before it is answered.
        self.log.call();
        if policy.window.get() == 0 {
            return 0;
        }
        let mut forgotten = 0;
        while self.answered.len() >= policy.window.as_count() {
            let Some((slot, _)) = self.answered.pop_first() else { break };
            self.log.touch(slot);
            forgotten += 1;
        }
        self.log.touch(self.answered.end());
        self.answered.push(Answered { id, accepted });
        forgotten
    }
}
