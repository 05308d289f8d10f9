//! Where a session goes on: what a client says of it first, and what the server's answer means.

use super::{Delivery, sent_at_once, taken_at_once};
use crate::action::{Action, Purpose};
use crate::context::Context;
use crate::dialect::{Hello, Refusal, Resume, Resumption, SessionTerms, Signal};
use crate::id::ConnectionId;
use crate::secret::Secret;
use crate::sequence::{Sequence, Sid};
use crate::state::Cause;

impl Delivery {
    /// The first word on a connection.
    pub(crate) fn send_hello(&mut self, cx: &mut Context<'_>, connection: ConnectionId, credential: Option<Secret>) {
        let hello = Hello { credential, resume: self.resume(), credit: taken_at_once(cx.config) };
        cx.send_signal(connection, &Signal::Hello(alloc::boxed::Box::new(hello)), Purpose::Auth);
    }

    fn resume(&mut self) -> Option<Resume> {
        let sequence = self.sequence.as_mut().filter(|sequence| !sequence.out.is_full())?;
        let sid = sequence.sid()?.clone();
        Some(Resume {
            sid: sid.name,
            token: sid.token,
            seq: sequence.inbound.greet(),
            refused: sequence.inbound.refusals(),
            seen: sequence.inbound.received(),
            lowest: sequence.out.acked() + 1,
            highest: sequence.out.highest(),
        })
    }

    /// The server's answer to it. What it says of the messages on their way is settled before anything is sent.
    pub(crate) fn on_session_terms(&mut self, cx: &mut Context<'_>, terms: &SessionTerms) -> Result<(), Cause> {
        let Some(sequence) = &mut self.sequence else { return Ok(()) };
        sequence.credit = Some(sent_at_once(terms.credit, cx.config));
        sequence.dedup = terms.dedup;
        let asked = sequence.sid().is_some() && !sequence.out.is_full();
        match &terms.resumption {
            Resumption::Resumed { seq, refused } => {
                let known = sequence.sid().is_some_and(|sid| sid.name == terms.sid);
                if !known || !(sequence.out.acked()..=sequence.out.highest()).contains(seq) {
                    return Err(Cause::AckAboveSent);
                }
                sequence.go_on(terms.token.clone());
                self.settle_up_to(cx, *seq, refused);
            }
            Resumption::Lost { why, seq, refused, gone } => {
                cx.push(Action::NotResumed { why: *why });
                self.begin_anew(cx, terms, seq.map(|seq| (seq, refused.as_slice())), *gone, asked);
            }
            Resumption::Fresh => self.begin_anew(cx, terms, None, None, asked),
        }
        Ok(())
    }

    /// The positions, for the accepting side, which decides where a session goes on.
    pub(crate) fn sequence(&mut self) -> Option<&mut Sequence> {
        self.sequence.as_deref_mut()
    }

    /// What the other end says of messages on their way, at the beginning of a connection.
    pub(crate) fn on_known(&mut self, cx: &mut Context<'_>, seq: u64, refused: &[Refusal]) {
        self.settle_up_to(cx, seq, refused);
    }

    fn begin_anew(
        &mut self,
        cx: &mut Context<'_>,
        terms: &SessionTerms,
        accepted: Option<(u64, &[Refusal])>,
        gone: Option<u64>,
        asked: bool,
    ) {
        if let Some((seq, refused)) = accepted {
            self.settle_up_to(cx, seq, refused);
        }
        let Some(sequence) = &mut self.sequence else { return };
        let from = sequence.inbound.stored_seq() + 1;
        if asked && gone.is_none_or(|gone| gone >= from) {
            let (from, to) = sequence.gap.on_lost(from, gone);
            cx.stats.gaps += 1;
            cx.push(Action::Gap { from, to });
        }
        sequence.begin(Sid { name: terms.sid.clone(), token: terms.token.clone() });
    }
}
