//! Rules about messages on their way out: settled exactly once a round, never lied about, sent in order, sent as they
//! were.

use std::collections::BTreeMap;

use redial::config::{OnFailure, Resend, SendFailure, WhileDown};
use redial::dialect::{SequenceSignal, Side, Signal};
use redial::journal::{Call, Input};
use redial::{Action, ConnectionId, Event, Frame, MessageId, Purpose, Session, State, Status};

use super::flow::Flow;
use super::ledger::waits;
use super::sent::Sent;
use super::{Step, Verdict, Violation, rule};

/// What the oracle has seen of messages on their way out.
#[derive(Debug, Clone)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Outgoing {
    receipts: bool,
    messages: BTreeMap<MessageId, Sent>,
    /// Rounds begun, which is the order in line.
    rounds: u64,
    /// The connection of the last message, and that message's place in line.
    line: Option<(ConnectionId, u64)>,
    held: bool,
    draining: bool,
    /// Failed messages that hold those behind them, with their places in line; 0 where the place is not known.
    failures: BTreeMap<MessageId, u64>,
    /// What was taken or taken up again and is told as queued once that is stored, in order.
    untold: Vec<MessageId>,
    /// Whether this is the first step of a new process.
    begins: bool,
}

impl Outgoing {
    pub(super) fn new(receipts: bool) -> Self {
        let (messages, untold) = (BTreeMap::new(), Vec::new());
        let failures = BTreeMap::new();
        Self {
            receipts,
            messages,
            rounds: 0,
            line: None,
            held: false,
            draining: false,
            failures,
            untold,
            begins: false,
        }
    }

    pub(super) fn judge(
        &mut self,
        session: &Session,
        step: &Step,
        open: Option<ConnectionId>,
        level: bool,
        flow: &Flow,
        actions: &[Action],
    ) -> Verdict {
        // Where nothing confirms, a host that reports what is out is told of that, and else of what it was handed.
        let told_later = flow.reports() && !self.receipts;
        if !step.is_stale() {
            self.take_back(session, step, told_later);
        }
        self.steer(session, step);
        let mut touched = Vec::new();
        for (at, action) in actions.iter().enumerate() {
            match action {
                Action::Send { connection, frame, purpose: Purpose::Message { id } } => {
                    let by_hand = self.hand_over(session, *connection, frame, id)?;
                    let dark = !flow.is_life() && step.probing && held_while_probing(session);
                    rule!(!dark, "{id} was sent while a heartbeat out of turn was unanswered");
                    let told = matches!(&actions.get(at + 1), Some(Action::Status { id: of, status: Status::Sent }) if of == id);
                    rule!(told || told_later || by_hand, "{id} was sent and that was not told at once");
                }
                Action::Status { id, status } => {
                    let early = told_later && *status == Status::Sent && !flow.is_out(id);
                    rule!(!early, "{id} was told as sent and is not out");
                    self.tell(session, step, id, *status)?;
                    touched.push(id);
                }
                Action::LateReceipt { id } => {
                    let status = self.messages.get(id).map(|message| message.status);
                    rule!(status == Some(Status::Unconfirmed), "a late receipt for {id}, which is {status:?}");
                }
                _ => {}
            }
        }
        if step.state == State::Closing && session.state() != State::Closing {
            // What was leaving gets its outcome when its connection is gone, and no failure outlives the session's end.
            self.failures.clear();
        }
        if step.state != State::Closing && has_ended(session) && !step.stopped_for_good {
            (self.held, self.draining) = (false, false);
            self.failures.clear();
        }
        if let Input::Call { call: Call::Abandon { id }, .. } = &step.input {
            // A call that came too early is refused, and the message may leave later in the same input.
            let leaves = |action: &Action| matches!(action, Action::Send { purpose: Purpose::Message { id: of }, .. } if of == id);
            let sent_now = actions.iter().any(leaves);
            rule!(
                session.status(id) != Some(Status::Sent) || !self.receipts || sent_now,
                "{id} was abandoned and is in doubt still"
            );
        }
        self.begins = false;
        self.untold.retain(|id| self.messages.get(id).is_none_or(|message| message.reopened));
        self.reopen(session, step);
        self.add_up(session, step, open, level, flow)?;
        for id in touched {
            self.agrees(session, id)?;
        }
        Ok(())
    }

    /// The session has given a message its id.
    pub(super) fn taken(&mut self, id: MessageId) {
        self.untold.push(id);
    }

    /// A new process knows what was not settled, and under write-ahead must take it for sent.
    pub(super) fn restarted(&mut self, session: &Session) {
        let waits = waits(session);
        (self.line, self.held, self.draining, self.begins) = (None, false, false, true);
        // A failure that was stored holds the line still; of one that was not, the message is there.
        self.failures.retain(|id, _| session.status(id).is_some() && !is_unsettled(session, id));
        // What was stored before it could be told is there all the same, in the order in which it was asked for.
        for id in std::mem::take(&mut self.untold) {
            let place = self.rounds + 1;
            let queued = is_unsettled(session, &id);
            match self.messages.get_mut(&id) {
                None if queued => drop(self.messages.insert(id, Sent::new(place))),
                Some(message) if message.reopened && queued => {
                    let place = if message.kept_place { message.place } else { place };
                    (message.status, message.place, message.reopened) = (Status::Queued, place, false);
                    message.maybe = true;
                }
                Some(message) => message.maybe |= message.reopened,
                None => {}
            }
            self.rounds = place;
        }
        for message in self.messages.values_mut().filter(|message| !message.is_settled(self.receipts)) {
            (message.status, message.on) = (Status::Queued, None);
            message.maybe |= waits;
        }
    }

    /// Under write-ahead a new round begins here and is told later.
    fn reopen(&mut self, session: &Session, step: &Step) {
        let Input::Call { call, .. } = &step.input else { return };
        let (id, again) = match call {
            Call::Resend { id } => (id, true),
            // An id that the session forgot may be given to another message.
            Call::Send { id: Some(id), .. } => (id, false),
            _ => return,
        };
        if waits(session)
            && is_unsettled(session, id)
            && let Some(message) = self.messages.get_mut(id)
            && message.is_settled(self.receipts)
            && !message.reopened
        {
            if !again {
                *message = Sent { status: message.status, ..Sent::new(0) };
            }
            message.reopened = true;
            message.kept_place = self.failures.remove(id).is_some();
            self.untold.push(id.clone());
        }
    }

    /// A write that failed was none; and where it ends the link, those behind it were none either.
    fn take_back(&mut self, session: &Session, step: &Step, told_later: bool) {
        let Input::Event { event: Event::SendFailed { connection, purpose: Some(Purpose::Message { id }) }, .. } =
            &step.input
        else {
            return;
        };
        let connection = Some(*connection);
        let sent = |message: &Sent| message.status == Status::Sent || (told_later && message.status == Status::Queued);
        let Some(failed) = self.messages.get(id).filter(|message| sent(message) && message.on == connection) else {
            return;
        };
        let place = failed.place;
        // While the session closes, each failed write stands for itself.
        let ends = step.state != State::Closing
            && session.preset().config().outbox.send_failure == SendFailure::EndLink
            && !self.receipts;
        for message in self.messages.values_mut() {
            let behind = ends && message.place > place;
            if (behind || message.place == place) && sent(message) && message.on == connection {
                message.handed -= 1;
                message.on = None;
            }
        }
    }

    fn steer(&mut self, session: &Session, step: &Step) {
        let Input::Call { call, .. } = &step.input else { return };
        match call {
            Call::Hold if !self.draining => self.held = true,
            Call::Release => {
                self.held = false;
                self.failures.clear();
            }
            Call::Drain { .. } if !step.stopped_for_good && step.state != State::Closing => {
                (self.held, self.draining) = (false, true);
                self.failures.clear();
            }
            Call::Resend { id } if !session.preset().dialect().capabilities().no_repeats => {
                if let Some(message) = self.messages.get_mut(id) {
                    message.asked = message.status == Status::Sent && self.receipts;
                }
            }
            Call::Abandon { id } => {
                self.failures.remove(id);
            }
            _ => {}
        }
    }

    /// One copy leaves; says whether the user asked for it while the one before was in flight.
    fn hand_over(
        &mut self,
        session: &Session,
        connection: ConnectionId,
        frame: &Frame,
        id: &MessageId,
    ) -> Result<bool, Violation> {
        rule!(!self.held, "{id} left while messages were held");
        let Some(message) = self.messages.get_mut(id) else {
            rule!(false, "{id} was sent, but nobody took it");
            return Ok(false);
        };
        let by_hand = std::mem::take(&mut message.asked) && message.on == Some(connection);
        rule!(message.on != Some(connection) || by_hand, "{id} was sent twice on {connection}");
        rule!(!message.is_settled(self.receipts), "{id} was sent although it is {}", message.word());
        let said = content(session, frame);
        let first = message.first.get_or_insert_with(|| said.clone());
        rule!(*first == said, "{id} was sent again as other bytes");
        message.handed += 1;
        if by_hand {
            return Ok(true);
        }
        // What has a sequence number goes before a new round, whatever its place.
        let jumps = message.retaken && session.preset().dialect().capabilities().sequenced;
        if let Some((on, place)) = self.line.filter(|_| !jumps) {
            rule!(on != connection || place < message.place, "{id} was sent out of order on {connection}");
        }
        // Of what was settled before it was told as queued the place is not known.
        let behind = self.failures.values().any(|failed| (1..message.place).contains(failed));
        rule!(!behind, "{id} was sent past a message that failed");
        if message.handed > 1 {
            let resends = session.preset().config().outbox.resend == Resend::NextConnection || message.again();
            rule!(resends, "{id} was sent again, and nobody asked for that");
        }
        if !jumps {
            self.line = Some((connection, message.place));
        }
        message.on = Some(connection);
        Ok(false)
    }

    fn tell(&mut self, session: &Session, step: &Step, id: &MessageId, status: Status) -> Verdict {
        if status == Status::Queued {
            return self.begin(step, id);
        }
        if waits(session) && status.may_resend() {
            // It may have been taken and settled before the taking was stored and told, even in this very step.
            let maybe = self.begins;
            let message = self.messages.entry(id.clone()).or_insert(Sent { maybe, ..Sent::new(0) });
            match &step.input {
                Input::Call { call: Call::Send { id: Some(of), .. }, .. }
                    if of == id && message.is_settled(self.receipts) && !message.reopened =>
                {
                    *message = Sent::new(0);
                }
                _ => {}
            }
        }
        let Some(message) = self.messages.get_mut(id) else {
            rule!(false, "{id} is {status:?}, but nobody took it");
            return Ok(());
        };
        // An id that was forgotten may be another message's, which may end before it is told as queued; and what a new
        // process settles first may have been stored and not told.
        let another = message.reopened && (message.place == 0 || self.begins);
        let settled = message.is_settled(self.receipts) && !another;
        // Where nothing confirms, a failed write undoes what was settled as sent.
        let undone = message.status == Status::Sent && gave_back(session, step, id);
        let allowed = match status {
            Status::Queued => true,
            Status::Sent => !settled && message.on.is_some(),
            Status::Accepted | Status::Rejected { .. } => !settled && message.was_handed(),
            Status::Delivered => message.status == Status::Accepted,
            Status::Read => matches!(message.status, Status::Accepted | Status::Delivered),
            Status::NotSent => message.handed == 0 && (!settled || undone),
            Status::Unconfirmed => message.was_handed() && (!settled || undone),
            Status::Cancelled => !settled && message.handed == 0 && is_cancel(&step.input, id),
            _ => false,
        };
        rule!(allowed, "{id} went from {} to {status:?}, handed over {} times", message.word(), message.handed);
        (message.status, message.reopened) = (status, false);
        let failed = status.may_resend() && status != Status::Cancelled;
        let holds = session.preset().config().outbox.on_failure == OnFailure::Hold && !self.draining;
        // The call is refused for what was never sent, which may expire in the same input.
        let abandoned = matches!(&step.input, Input::Call { call: Call::Abandon { id: of }, .. } if of == id);
        let given_up = abandoned && status != Status::NotSent;
        if failed && holds && !given_up {
            self.failures.insert(id.clone(), message.place);
        }
        Ok(())
    }

    /// A round begins: by `send`, by `resend`, by their having been stored, or because the write failed.
    fn begin(&mut self, step: &Step, id: &MessageId) -> Verdict {
        self.rounds += 1;
        let place = self.rounds;
        match (self.messages.get_mut(id), &step.input) {
            // It is stored, or it ends before that.
            (Some(message), _) if message.reopened => {
                (message.status, message.on, message.reopened) = (Status::Queued, None, false);
                message.retaken = std::mem::take(&mut message.kept_place);
                if message.retaken {
                    self.line = None;
                } else {
                    message.place = place;
                }
            }
            (Some(message), Input::Call { call: Call::Resend { id: asked }, .. }) if asked == id => {
                rule!(message.status.may_resend(), "a new round for {id}, which is {}", message.word());
                (message.status, message.on) = (Status::Queued, None);
                message.retaken = self.failures.remove(id).is_some();
                if message.retaken {
                    self.line = None;
                } else {
                    message.place = place;
                }
            }
            (Some(message), Input::Event { event: Event::SendFailed { .. }, .. }) => {
                rule!(
                    matches!(message.status, Status::Sent | Status::Queued) && message.on.is_none(),
                    "{id} is queued again from {}",
                    message.word()
                );
                message.status = Status::Queued;
            }
            // Also an id that was settled so long ago that the session forgot it.
            (known, Input::Call { call: Call::Send { .. }, .. }) => {
                let forgotten = known.is_none_or(|message| message.is_settled(self.receipts));
                rule!(forgotten, "{id} was taken twice");
                self.messages.insert(id.clone(), Sent::new(place));
            }
            (known, Input::Call { call: Call::Persisted { .. }, .. }) => {
                let forgotten = known.is_none_or(|message| message.is_settled(self.receipts));
                rule!(forgotten, "{id} was stored twice");
                self.messages.insert(id.clone(), Sent::new(place));
            }
            _ => rule!(false, "{id} is queued by {:?}", step.input),
        }
        Ok(())
    }

    /// Nothing taken goes missing, the window is kept, and what may leave has left.
    fn add_up(&self, session: &Session, step: &Step, open: Option<ConnectionId>, level: bool, flow: &Flow) -> Verdict {
        let unsettled: Vec<_> =
            self.messages.iter().filter(|(_, message)| !message.is_settled(self.receipts)).collect();
        rule!(
            unsettled.len() == session.unsettled() || (!level && unsettled.len() < session.unsettled()),
            "{} messages have no outcome, the session holds {}",
            unsettled.len(),
            session.unsettled()
        );
        if session.state() == State::Ready {
            let flying = unsettled.iter().filter(|(_, message)| message.on == open).count();
            let window = session.preset().config().outbox.in_flight.get();
            rule!(flying as u64 <= window || !self.receipts, "{flying} messages are in flight, the window is {window}");
            let free = level && !step.owed && !self.held && self.failures.is_empty() && !held_while_probing(session);
            let free = free
                && !Flow::is_rated(session)
                && !flow.is_full(session, session.preset().config().limits.message_bytes.get());
            let idle = free && flying == 0 && !unsettled.is_empty();
            rule!(!idle, "ready, and {} messages do not leave", unsettled.len());
        }
        Ok(())
    }

    /// What the session says when asked is what it told.
    fn agrees(&self, session: &Session, id: &MessageId) -> Verdict {
        let Some(message) = self.messages.get(id) else { return Ok(()) };
        let said = session.status(id);
        let same = match said {
            // What another process may have sent is in doubt.
            Some(said) => said == message.status || (said == Status::Sent && message.maybe),
            None => message.is_settled(self.receipts),
        };
        rule!(same, "{id} was told as {}, asked for it is {said:?}", message.word());
        Ok(())
    }
}

/// What must not change from copy to copy: the whole frame, but for the position, which another session gives anew.
fn content(session: &Session, frame: &Frame) -> Frame {
    let limits = redial::config::Limits::default();
    match session.preset().dialect().decode(Side::Server, frame, &limits).map(|signal| signal.in_frame(frame)) {
        Ok(Signal::Sequence(SequenceSignal::Message { id, content: body, .. })) => {
            let signal = Signal::sequenced(0, id, body);
            session.preset().dialect().encode(Side::Client, &signal).unwrap_or_else(|_| frame.clone())
        }
        _ => frame.clone(),
    }
}

/// Whether a message is in the outbox; where nothing confirms, `Sent` is its outcome.
fn is_unsettled(session: &Session, id: &MessageId) -> bool {
    let receipts = session.preset().dialect().capabilities().receipts;
    session.status(id).is_some_and(|status| status == Status::Queued || (receipts && status == Status::Sent))
}

fn gave_back(session: &Session, step: &Step, id: &MessageId) -> bool {
    let tells = session.preset().config().outbox.send_failure == SendFailure::Tell;
    let failed = matches!(
        &step.input,
        Input::Event { event: Event::SendFailed { purpose: Some(Purpose::Message { id: of }), .. }, .. } if of == id
    );
    tells && failed
}

/// Whether every message has its outcome, because the session is over.
fn has_ended(session: &Session) -> bool {
    session.state() == State::Closing || super::is_stopped_for_good(session)
}

fn is_cancel(input: &Input, id: &MessageId) -> bool {
    matches!(input, Input::Call { call: Call::Cancel { id: of }, .. } if of == id)
}

/// Whether messages that can wait do, because nobody knows if the link still carries anything.
fn held_while_probing(session: &Session) -> bool {
    session.explain().probing && session.preset().config().outbox.while_down == WhileDown::Queue
}
