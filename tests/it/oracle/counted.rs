//! Rules where messages have positions: none is given twice, none is left out, and none is acknowledged before its
//! time.

use std::collections::{BTreeMap, BTreeSet};

use redial::config::{Acknowledge, Limits};
use redial::dialect::{Credit, LeaveSignal, Refusal, Resumption, SequenceSignal, Side, Signal};
use redial::journal::{Call, Input};
use redial::{Action, Event, Frame, MessageId, Secret, Session, State};

use super::ledger::{Ledger, waits};
use super::{Step, Verdict, decode, rule};

/// What the oracle has seen of one session's positions.
#[derive(Debug, Clone, Default)]
pub(super) struct Counted {
    /// The session to go on with, as the last welcome named it.
    sid: Option<(String, Secret)>,
    credit: Option<Credit>,
    /// Which message has which position, and how far the server has acknowledged.
    given: BTreeMap<u64, MessageId>,
    acked: u64,
    /// The last position that a hello named as given: its message may have been withdrawn before it left.
    named: u64,
    /// The position that has to go out next on this connection.
    next: Option<u64>,
    /// The ids that came and were taken, by position; and those held back behind a gap.
    came: Vec<MessageId>,
    held: Vec<MessageId>,
    gaps: u32,
    answered: Vec<MessageId>,
    /// The positions that the application refused.
    refused: BTreeSet<u64>,
    /// The last position that came in this session, in an earlier process too.
    furthest: u64,
    /// What is told as accepted on this connection, and which position which version covers.
    told: u64,
    covered: Vec<(u64, u64)>,
    /// Nothing is known of what this session did before.
    blind: bool,
}

impl Counted {
    /// For a session whose past nobody has seen.
    pub(super) fn blind() -> Self {
        Self { blind: true, ..Self::default() }
    }

    pub(super) fn judge(&mut self, session: &Session, step: &Step, ledger: &Ledger, actions: &[Action]) -> Verdict {
        if self.blind || !session.preset().dialect().capabilities().sequenced {
            return Ok(());
        }
        self.take_in(session, step);
        self.furthest = self.furthest.max(self.came.len() as u64);
        for action in actions {
            if let Action::Send { frame, .. } = action {
                self.follow(session, ledger, frame)?;
            }
            if let Action::Gap { .. } = action {
                self.gaps += 1;
            }
        }
        if matches!(session.state(), State::Waiting | State::Stopped | State::Closing | State::Connecting) {
            (self.next, self.told) = (None, 0);
            self.held.clear();
        }
        self.covered.push((ledger.announced(), self.accepted(session)));
        Ok(())
    }

    /// Whether something is out that is not acknowledged.
    pub(super) fn is_owed(&self) -> bool {
        self.next.is_some_and(|next| next > self.acked + 1)
    }

    /// The sockets went with the process; what the application has not answered comes again.
    pub(super) fn restarted(&mut self, session: &Session) {
        let accepted = self.accepted(session);
        self.came.truncate(usize::try_from(accepted).expect("so many came"));
        self.refused.retain(|seq| *seq <= accepted);
        (self.next, self.told, self.gaps) = (None, 0, 0);
        self.held.clear();
        // What a process begins with is stored.
        self.covered = vec![(0, accepted)];
    }

    /// What the input itself says.
    fn take_in(&mut self, session: &Session, step: &Step) {
        match &step.input {
            Input::Call { call: Call::Reject { id }, .. } => {
                self.refuse(session, id);
                self.answered.push(id.clone());
            }
            Input::Call { call: Call::Acknowledge { id }, .. } => self.answered.push(id.clone()),
            Input::Call { call: Call::Fetched { .. }, .. } if self.gaps > 0 => {
                self.gaps -= 1;
                if self.gaps == 0 {
                    self.came.append(&mut self.held);
                }
            }
            Input::Event { event: Event::FrameIn { frame, .. }, .. } if !step.is_stale() => {
                match (decode(session, frame), step.state) {
                    (Some(Signal::Sequence(SequenceSignal::Welcome(terms))), State::Authenticating) => {
                        self.welcome(&terms);
                    }
                    (Some(Signal::Sequence(SequenceSignal::Message { seq, id, content: body, .. })), State::Ready) => {
                        if body.is_none() {
                            self.answered.push(id.clone());
                        }
                        let line = if self.gaps > 0 { &mut self.held } else { &mut self.came };
                        line.push(id);
                        let last = (self.came.len() + self.held.len()) as u64;
                        if seq != last {
                            if self.gaps > 0 {
                                self.held.pop()
                            } else {
                                self.came.pop()
                            };
                        }
                    }
                    (Some(Signal::Sequence(SequenceSignal::Ack { seq, .. })), State::Ready)
                        if seq <= self.given.last_key_value().map_or(0, |(last, _)| *last).max(self.named) =>
                    {
                        self.acked = self.acked.max(seq);
                        // What is acknowledged does not have to go out again.
                        self.next = self.next.max(Some(self.acked + 1));
                    }
                    (Some(Signal::Leave(LeaveSignal::Bye(bye))), _) if !bye.resume => self.sid = None,
                    _ => {}
                }
            }
            _ => {}
        }
    }

    /// The positions under which a message waits for the application are refused with it.
    fn refuse(&mut self, session: &Session, id: &MessageId) {
        let accepted = self.accepted(session);
        let waiting = (1..).zip(&self.came).filter(|(seq, came)| *seq > accepted && *came == id);
        if !self.answered.contains(id) {
            self.refused.extend(waiting.map(|(seq, _)| seq));
        }
    }

    fn welcome(&mut self, terms: &redial::dialect::SessionTerms) {
        let goes_on = self.sid.as_ref().is_some_and(|(sid, _)| *sid == terms.sid);
        match terms.resumption {
            Resumption::Resumed { seq, .. } if goes_on => self.acked = self.acked.max(seq),
            _ => {
                (self.acked, self.told, self.named, self.furthest) = (0, 0, 0, 0);
                self.given.clear();
                self.came.clear();
                self.refused.clear();
                self.covered.clear();
            }
        }
        self.sid = Some((terms.sid.clone(), terms.token.clone()));
        self.credit = Some(terms.credit);
        self.next = Some(self.acked + 1);
    }

    /// One frame that leaves.
    fn follow(&mut self, session: &Session, ledger: &Ledger, frame: &Frame) -> Verdict {
        let limits = Limits::default();
        let signal = session.preset().dialect().decode(Side::Server, frame, &limits);
        match signal {
            Ok(Signal::Sequence(SequenceSignal::Hello(hello))) => {
                let Some(resume) = hello.resume else { return Ok(()) };
                let proof = self.sid.as_ref().map(|(sid, token)| (sid.as_str(), token));
                rule!(
                    proof == Some((resume.sid.as_str(), &resume.token)),
                    "it wants to go on with a session that no welcome gave"
                );
                self.named = resume.highest;
                self.tell(session, ledger, resume.seq, &resume.refused)?;
                rule!(
                    resume.lowest <= self.acked + 1,
                    "{} is not acknowledged, only {}",
                    resume.lowest - 1,
                    self.acked
                );
            }
            Ok(Signal::Sequence(SequenceSignal::Message { seq, id, content, .. })) => {
                // A copy that the user asked for; that it was asked for is judged with the messages.
                if self.next.is_some_and(|next| seq < next) && self.given.get(&seq) == Some(&id) {
                    return Ok(());
                }
                rule!(self.next == Some(seq), "seq {seq} left where {:?} had to", self.next);
                let given = self.given.entry(seq).or_insert_with(|| id.clone());
                // After a restart nobody remembers whose a number was whose message is settled.
                let nameless = content.is_none() && id == seq.into();
                rule!(*given == id || nameless, "seq {seq} is {given}'s, and {id} left under it");
                self.next = Some(seq + 1);
                let Some(credit) = self.credit else { return Ok(()) };
                let out = seq - self.acked;
                rule!(out <= credit.messages, "{out} messages are out, the server takes {}", credit.messages);
                let bytes = frame.len() as u64;
                rule!(bytes <= credit.frame, "a frame has {bytes} bytes, the server takes {}", credit.frame);
            }
            Ok(Signal::Sequence(SequenceSignal::Ack { seq, refused, .. })) => {
                self.tell(session, ledger, seq, &refused)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// A position is told as accepted for good, and `named` are refused.
    fn tell(&mut self, session: &Session, ledger: &Ledger, seq: u64, named: &[Refusal]) -> Verdict {
        rule!(seq >= self.told, "{seq} was told as accepted after {}", self.told);
        let accepted = self.accepted(session);
        rule!(seq <= accepted, "{seq} was told as accepted, and {accepted} is");
        if waits(session) {
            let stored = |(version, covered): &(u64, u64)| ledger.covers(*version) && *covered >= seq;
            let known = seq == 0 || self.covered.is_empty() || self.covered.iter().any(stored);
            rule!(known, "{seq} was told as accepted before that was stored");
        }
        // A server that has sent a whole window since has heard of it on an earlier connection.
        let known = self.furthest.saturating_sub(session.preset().config().inbox.pending.get());
        let first = self.told.max(known) + 1;
        let silent = self
            .refused
            .range(first..=seq.max(first))
            .find(|at| **at <= seq && named.iter().all(|refusal| refusal.seq != **at));
        rule!(silent.is_none(), "{silent:?} was told as accepted with {seq}, and is refused");
        self.told = seq;
        Ok(())
    }

    /// Everything up to here is accepted.
    fn accepted(&self, session: &Session) -> u64 {
        let waits_for_word = session.preset().config().inbox.acknowledge == Acknowledge::OnCall;
        // An id that was answered before is accepted as soon as it comes.
        let open = |id: &MessageId| waits_for_word && !self.answered.contains(id);
        self.came.iter().position(open).unwrap_or(self.came.len()) as u64
    }
}
