//! Messages on their way in: a bounded window of ids that tells a new message from a repeat.
//!
//! 1. Within the window a message is delivered once and acknowledged every time it comes.
//! 2. Nothing is acknowledged before it was delivered, or before the application said so.
//! 3. The window forgets its oldest acknowledged id first, and never one that still waits for the application.
//! 4. A server that keeps at most U pushes unacknowledged and repeats them in order is safe with a window of U plus `pending`.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::config::{Acknowledge, InboxPolicy};
use crate::id::MessageId;
use crate::outbox::slot_map::{HasId, SlotMap};

/// What is to be done with a message that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InboxDecision {
    /// New: deliver it, then acknowledge it.
    DeliverAndAck,
    /// New: deliver it; the application acknowledges.
    Deliver,
    /// A repeat of one that was acknowledged: acknowledge it again.
    AckAgain,
    /// A repeat of one that was refused: refuse it again.
    NackAgain,
    /// A repeat of one that waits for the application.
    Wait,
    /// New, but as many wait for the application as may.
    Defer,
}

/// The window of ids.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Inbox {
    /// Ids that were answered and may be forgotten, oldest first.
    answered: SlotMap<Answered>,
    /// Ids that wait for the application.
    pending: SlotMap<MessageId>,
    /// Changes to what a snapshot holds.
    revision: u64,
}

/// One id in a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct SeenIdState {
    id: MessageId,
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
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
    pub(crate) fn new() -> Self {
        Self { answered: SlotMap::new(), pending: SlotMap::new(), revision: 0 }
    }

    /// Changes to what a snapshot holds, counted.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// The ids that are acknowledged or refused, oldest first, for a snapshot. What still waits for the application is left
    /// out: after a restart it has to be delivered again.
    pub(crate) fn to_state(&self) -> Vec<SeenIdState> {
        let to_state = |(_, past): (u64, &Answered)| SeenIdState { id: past.id.clone(), rejected: !past.accepted };
        self.answered.iter().map(to_state).collect()
    }

    /// The window as a snapshot held it.
    pub(crate) fn from_state(state: Vec<SeenIdState>, policy: &InboxPolicy) -> Self {
        let mut inbox = Self::new();
        for SeenIdState { id, rejected } in state {
            if inbox.answered.slot_of(&id).is_none() {
                inbox.remember(id, !rejected, policy);
            }
        }
        inbox
    }

    /// What a repeat of a message calls for; nothing for a new one.
    fn known(&self, id: &MessageId) -> Option<InboxDecision> {
        match self.answered.find(id) {
            Some((_, Answered { accepted: true, .. })) => Some(InboxDecision::AckAgain),
            Some((_, Answered { accepted: false, .. })) => Some(InboxDecision::NackAgain),
            None => self.pending.slot_of(id).map(|_| InboxDecision::Wait),
        }
    }

    /// Where a delivered message stands among the others: those that wait for the application come after those it has answered.
    pub(crate) fn rank(&self, id: &MessageId) -> Option<(bool, u64)> {
        let answered = self.answered.slot_of(id).map(|slot| (false, slot));
        answered.or_else(|| self.pending.slot_of(id).map(|slot| (true, slot)))
    }

    /// A message has arrived; the second value counts the ids that had to be forgotten for it.
    pub(crate) fn on_message(&mut self, id: &MessageId, policy: &InboxPolicy) -> (InboxDecision, u64) {
        match (self.known(id), policy.acknowledge) {
            (Some(verdict), _) => (verdict, 0),
            (None, Acknowledge::OnDelivery) => (InboxDecision::DeliverAndAck, self.remember(id.clone(), true, policy)),
            (None, Acknowledge::OnCall) if self.pending.len() >= policy.pending.as_count() => (InboxDecision::Defer, 0),
            (None, Acknowledge::OnCall) => {
                self.pending.push(id.clone());
                (InboxDecision::Deliver, 0)
            }
        }
    }

    /// The application has the message, or refuses it; counts the ids that had to be forgotten for it, or says that it was not
    /// waited for.
    pub(crate) fn on_answer(&mut self, id: &MessageId, accepted: bool, policy: &InboxPolicy) -> Option<u64> {
        let id = self.pending.remove(self.pending.slot_of(id)?)?;
        Some(self.remember(id, accepted, policy))
    }

    /// An own message has come back, which is nothing new: it is acknowledged unless its id was another message's before.
    /// The second value counts the ids that had to be forgotten for it.
    pub(crate) fn on_own(&mut self, id: &MessageId, policy: &InboxPolicy) -> (InboxDecision, u64) {
        match self.known(id) {
            Some(verdict) => (verdict, 0),
            None => (InboxDecision::AckAgain, self.remember(id.clone(), true, policy)),
        }
    }

    fn remember(&mut self, id: MessageId, accepted: bool, policy: &InboxPolicy) -> u64 {
        self.revision += 1;
        let mut forgotten = 0;
        while self.answered.len() >= policy.window.as_count() && self.answered.pop_first().is_some() {
            forgotten += 1;
        }
        self.answered.push(Answered { id, accepted });
        forgotten
    }
}
