//! Rules about messages on their way in: shown once within the window, acknowledged every time, never before they were
//! shown.

use std::collections::{BTreeMap, BTreeSet};

use redial::config::{Acknowledge, Deliver};
use redial::dialect::{Content, IdScope, MessageSignal, ReceiptSignal, SequenceSignal, Signal};
use redial::journal::{Call, Input};
use redial::{Action, Event, MessageId, Purpose, Session, State};

use super::flow::Flow;
use super::ledger::{Ledger, waits};
use super::{Step, Verdict, decode, is_one_record, rule};

/// What the oracle has seen of messages on their way in.
#[derive(Debug, Clone, Default)]
pub(super) struct Incoming {
    /// The ids that were shown, by how many had entered the window before; none while they wait for the application,
    /// which is before they enter.
    known: BTreeMap<MessageId, Option<u64>>,
    entered: u64,
    /// Own messages that came back.
    echoes: BTreeSet<MessageId>,
    /// What the application has answered.
    answered: BTreeSet<MessageId>,
    /// The version that covers what is known of an id, by the input that last changed it.
    covered_by: BTreeMap<MessageId, u64>,
    fresh: Vec<MessageId>,
    /// Whether a message of the present connection was deferred.
    deferring: bool,
    /// Echoes that may have to be acknowledged once that is stored, by how many ids had come before.
    later: BTreeMap<MessageId, u64>,
}

impl Incoming {
    pub(super) fn judge(
        &mut self,
        session: &Session,
        step: &Step,
        ledger: &Ledger,
        flow: &Flow,
        actions: &[Action],
    ) -> Verdict {
        if let Input::Call { call: Call::Acknowledge { id } | Call::Reject { id }, .. } = &step.input {
            // An echo that waits for the store is not the application's to answer.
            if self.answered.insert(id.clone()) && !self.later.contains_key(id) {
                self.fresh.push(id.clone());
            }
            if let Some(waits @ None) = self.known.get_mut(id) {
                *waits = Some(self.entered);
                self.entered += 1;
            }
        }
        if waits(session) {
            self.hear_echo(session, step);
        }
        let mut delivered = 0;
        for action in actions {
            match action {
                // On another connection the same id is another message.
                Action::Connect { .. } if session.preset().dialect().capabilities().id_scope == IdScope::Connection => {
                    self.known.clear();
                    self.answered.clear();
                }
                Action::Deliver(message) => {
                    delivered += 1;
                    if let Some(id) = &message.id {
                        rule!(!self.deferring, "{id} overtook a message that was deferred");
                        self.enter(session, id)?;
                    }
                }
                Action::Send { purpose: Purpose::Ack { id } | Purpose::Nack { id }, .. } => {
                    self.acknowledge(session, step, ledger, id)?;
                }
                // To the server what was read has arrived.
                Action::Send { purpose: Purpose::Receipt { id }, .. } if waits(session) => {
                    rule!(self.is_stored(ledger, id), "{id} was told as read before that it was shown was stored");
                }
                Action::Deferred { .. } => self.deferring = true,
                Action::Connect { .. } => self.deferring = false,
                _ => {}
            }
        }
        // Answers wait while the socket is full, in order, and end with the connection that was lost meanwhile.
        let lost = flow.reports() && session.state() != State::Ready;
        let level = ledger.is_level() && !flow.is_full(session, 0) && !lost;
        // As long as answers wait, what was deferred for them may wait as well.
        if self.deferring && level && session.state() == State::Ready {
            let waiting = self.known.values().filter(|before| before.is_none()).count() as u64;
            let room = waiting <= session.preset().config().inbox.pending.get() / 2;
            rule!(!room, "there is room, and nobody asks for what was deferred");
        }
        for id in std::mem::take(&mut self.fresh) {
            self.covered_by.insert(id, ledger.announced());
        }
        frame(session, step, level, delivered, actions)
    }

    /// After a restart what waited for the application comes again.
    pub(super) fn restarted(&mut self, session: &Session) {
        if session.preset().config().inbox.acknowledge == Acknowledge::OnCall {
            self.known.retain(|id, _| self.answered.contains(id) || self.echoes.contains(id));
        }
        self.covered_by.clear();
        self.later.clear();
        self.deferring = false;
    }

    fn hear_echo(&mut self, session: &Session, step: &Step) {
        if let Some(Signal::Receipt(ReceiptSignal::Accepted { echo: Some(echo), .. })) = frame_of(session, step)
            && !self.is_known(session, &echo.id)
        {
            self.later.entry(echo.id).or_insert(self.entered);
            self.entered += 1;
        }
    }

    /// Whether an id is in the window, or waits for the application.
    fn is_known(&self, session: &Session, id: &MessageId) -> bool {
        let window = session.preset().config().inbox.window.get();
        self.known.get(id).is_some_and(|before| before.is_none_or(|before| self.entered - before <= window))
    }

    fn enter(&mut self, session: &Session, id: &MessageId) -> Verdict {
        let policy = &session.preset().config().inbox;
        let window = policy.window.get();
        let waits = policy.acknowledge == Acknowledge::OnCall;
        if let Some(before) = self.known.insert(id.clone(), (!waits).then_some(self.entered)) {
            rule!(before.is_some(), "{id} was shown twice while it waits");
            let since = self.entered - before.unwrap_or(self.entered);
            rule!(since > window, "{id} was shown twice with {} ids between, the window is {window}", since - 1);
        }
        self.answered.remove(id);
        self.entered += u64::from(!waits);
        self.fresh.push(id.clone());
        Ok(())
    }

    fn is_stored(&self, ledger: &Ledger, id: &MessageId) -> bool {
        let covered = self.covered_by.get(id).is_none_or(|version| ledger.covers(*version));
        covered && !self.fresh.contains(id)
    }

    fn acknowledge(&mut self, session: &Session, step: &Step, ledger: &Ledger, id: &MessageId) -> Verdict {
        if let Some(Signal::Receipt(ReceiptSignal::Accepted { echo: Some(echo), .. })) = frame_of(session, step)
            && echo.id == *id
            && !self.is_known(session, id)
        {
            self.known.insert(id.clone(), Some(self.entered));
            self.entered += 1;
            self.echoes.insert(id.clone());
        }
        if let Some(before) = self.later.remove(id).filter(|_| !self.is_known(session, id)) {
            self.known.insert(id.clone(), Some(before));
            self.echoes.insert(id.clone());
        }
        if waits(session) {
            rule!(self.is_stored(ledger, id), "{id} was acknowledged before that it was shown was stored");
        }
        rule!(self.known.contains_key(id), "{id} was acknowledged and never shown");
        if session.preset().config().inbox.acknowledge == Acknowledge::OnCall && !self.echoes.contains(id) {
            rule!(self.answered.contains(id), "{id} was acknowledged before the application said so");
        }
        Ok(())
    }
}

/// What a frame of the present connection must lead to.
fn frame(session: &Session, step: &Step, level: bool, delivered: usize, actions: &[Action]) -> Verdict {
    if matches!(step.input, Input::Call { call: Call::Fetched { .. }, .. }) {
        return Ok(());
    }
    let Input::Event { event: Event::FrameIn { frame, .. }, .. } = &step.input else {
        rule!(delivered == 0, "something was shown, and no frame had come");
        return Ok(());
    };
    if !is_one_record(session, frame) {
        // `properties::records` holds such frames against those that bring their records one by one.
        return Ok(());
    }
    rule!(delivered <= 1, "one frame was shown {delivered} times");
    if step.state != State::Ready || step.is_stale() {
        return Ok(());
    }
    let malformed = actions.iter().any(|action| matches!(action, Action::Malformed { .. }));
    let Some(signal) = frame_of(session, step) else {
        rule!(malformed, "a frame that cannot be understood was not told");
        return Ok(());
    };
    rule!(!malformed, "a frame that can be understood was told as malformed");
    message(session, &signal, level, delivered, actions)
}

fn message(
    session: &Session,
    signal: &Signal<Content<'_>>,
    level: bool,
    delivered: usize,
    actions: &[Action],
) -> Verdict {
    let profile = session.preset().dialect().capabilities();
    match signal {
        Signal::Message(MessageSignal { id: Some(id), .. }) if profile.acks => {
            // Where answers wait for storing, they leave after all else, and on a link that was lost meanwhile not at
            // all.
            let owed = level && (!waits(session) || session.state() == State::Ready);
            if owed && session.preset().config().inbox.acknowledge == Acknowledge::OnDelivery {
                let acked = actions
                    .iter()
                    .any(|action| matches!(action, Action::Send { purpose: Purpose::Ack { id: of }, .. } if of == id));
                rule!(acked, "{id} came and was not acknowledged");
            }
        }
        Signal::Message(MessageSignal { .. }) | Signal::Notice(_) => {
            rule!(delivered == 1, "a message came and was not shown");
        }
        Signal::Receipt(ReceiptSignal::Accepted { echo: Some(_), .. })
        | Signal::Sequence(SequenceSignal::Message { .. }) => {}
        _ => rule!(delivered == 0, "a frame that is no message was shown"),
    }
    let Some(Action::Deliver(message)) = actions.iter().find(|action| matches!(action, Action::Deliver(_))) else {
        return Ok(());
    };
    if let Signal::Message(MessageSignal { content: body, .. })
    | Signal::Notice(body)
    | Signal::Sequence(SequenceSignal::Message { content: Some(body), .. }) = signal
        && session.preset().config().inbox.deliver == Deliver::Content
    {
        rule!(message.body == body.to_body(), "what was shown is not what came");
    }
    Ok(())
}

fn frame_of<'a>(session: &Session, step: &'a Step) -> Option<Signal<Content<'a>>> {
    match &step.input {
        Input::Event { event: Event::FrameIn { frame, .. }, .. } => decode(session, frame),
        _ => None,
    }
}
