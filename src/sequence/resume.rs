//! Resumption of a session: what the client's hello says of the session, and what the terms of the server mean.
//!
//! 1. The client names its session and the messages that it has of it, unless the session's sequence numbers are used
//!    up.
//! 2. Messages that the terms acknowledge are settled before any message is sent.
//! 3. A session that is not resumed leaves a gap after the accepted messages, unless the server says that no message is
//!    missing.

use super::{Sequence, Sid, sent_at_once};
use crate::action::Action;
use crate::context::Context;
use crate::dialect::{NotResumed, Resume, Resumption, SessionTerms};
use crate::outbox::Outbox;
use crate::state::Cause;

impl Sequence {
    /// Resumption request for the hello; `None` without a session to resume.
    pub(crate) fn resume(&mut self) -> Option<Resume> {
        let sid = self.resumable()?.clone();
        Some(Resume {
            sid: sid.name,
            token: sid.token,
            seq: self.inbound.greet(),
            refused: self.inbound.refusals(),
            seen: self.inbound.received(),
            lowest: self.out.acked() + 1,
            highest: self.out.gone_out(),
        })
    }

    /// Session that can be resumed: its sequence numbers are not used up.
    fn resumable(&self) -> Option<&Sid> {
        self.sid.as_ref().filter(|_| !self.out.is_full())
    }

    /// Applies the session terms of the server.
    pub(crate) fn on_session_terms(
        &mut self,
        outbox: &mut Outbox,
        cx: &mut Context<'_>,
        terms: &SessionTerms,
    ) -> Result<(), Cause> {
        self.credit = Some(sent_at_once(terms.credit, cx.config));
        self.dedup = terms.dedup;
        match &terms.resumption {
            Resumption::Resumed { seq, refused } => {
                let known = self.sid.as_ref().is_some_and(|sid| sid.name == terms.sid);
                if !known || !(self.out.acked()..=self.out.gone_out()).contains(seq) {
                    return Err(Cause::AckAboveSent);
                }
                self.go_on(terms.token.clone());
                self.settle(outbox, cx, *seq, refused);
            }
            Resumption::Lost { why, seq, refused, gone } => {
                let seq = seq.unwrap_or_default();
                if seq > self.out.gone_out() && !self.restored {
                    return Err(Cause::AckAboveSent);
                }
                cx.push(Action::NotResumed { why: *why });
                self.settle(outbox, cx, seq, refused);
                self.begin_new_session(cx, terms, *gone);
            }
            Resumption::Fresh => {
                if self.resumable().is_some() {
                    cx.push(Action::NotResumed { why: NotResumed::Unknown });
                }
                self.begin_new_session(cx, terms, None);
            }
        }
        Ok(())
    }

    /// Begins another session. `gone` is the last sequence number of the old session's messages, which are not sent
    /// again; `None` if it is unknown.
    fn begin_new_session(&mut self, cx: &mut Context<'_>, terms: &SessionTerms, gone: Option<u64>) {
        let from = self.inbound.stored_seq() + 1;
        if self.resumable().is_some() && gone.is_none_or(|gone| gone >= from) {
            let (from, to) = self.gap.on_lost(from, gone);
            cx.stats.gaps += 1;
            cx.push(Action::Gap { from, to });
        }
        self.begin(Sid { name: terms.sid.clone(), token: terms.token.clone() });
    }
}
