//! Where a session goes on: what a client says of it first, and what the server's answer means.

use super::{Delivery, sent_at_once, taken_at_once};
use crate::action::{Action, Purpose};
use crate::cx::Cx;
use crate::id::ConnectionId;
use crate::secret::Secret;
use crate::signal::{Hello, Refusal, Resume, Resumption, Signal, Terms};
use crate::state::Cause;
use crate::stream::{Sid, Stream};

impl Delivery {
    /// The first word on a connection.
    pub(crate) fn say_hello(&mut self, cx: &mut Cx<'_>, connection: ConnectionId, credential: Option<Secret>) {
        let hello = Hello { credential, resume: self.resume(), credit: taken_at_once(cx.config) };
        cx.say(connection, &Signal::Hello(alloc::boxed::Box::new(hello)), Purpose::Auth);
    }

    fn resume(&mut self) -> Option<Resume> {
        let stream = self.stream.as_mut().filter(|stream| !stream.out.is_full())?;
        let sid = stream.sid()?.clone();
        Some(Resume {
            sid: sid.name,
            token: sid.token,
            position: stream.inn.greet(),
            refused: stream.inn.refusals(),
            seen: stream.inn.received(),
            lowest: stream.out.acked() + 1,
            highest: stream.out.highest(),
        })
    }

    /// The server's answer to it. What it says of the messages on their way is settled before anything is sent.
    pub(crate) fn on_admitted(&mut self, cx: &mut Cx<'_>, terms: &Terms) -> Result<(), Cause> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        stream.credit = Some(sent_at_once(terms.credit, cx.config));
        stream.dedup = terms.dedup;
        let asked = stream.sid().is_some() && !stream.out.is_full();
        match &terms.resumption {
            Resumption::Resumed { position, refused } => {
                let known = stream.sid().is_some_and(|sid| sid.name == terms.sid);
                if !known || !(stream.out.acked()..=stream.out.highest()).contains(position) {
                    return Err(Cause::AckAboveSent);
                }
                stream.go_on(terms.token.clone());
                self.settle_up_to(cx, *position, refused);
            }
            Resumption::Lost { why, position, refused, gone } => {
                cx.push(Action::NotResumed { why: *why });
                self.begin_anew(cx, terms, position.map(|position| (position, refused.as_slice())), *gone, asked);
            }
            Resumption::Fresh => self.begin_anew(cx, terms, None, None, asked),
        }
        Ok(())
    }

    /// The positions, for the accepting side, which decides where a session goes on.
    pub(crate) fn stream(&mut self) -> Option<&mut Stream> {
        self.stream.as_deref_mut()
    }

    /// What the other end says of messages on their way, at the beginning of a connection.
    pub(crate) fn on_known(&mut self, cx: &mut Cx<'_>, position: u64, refused: &[Refusal]) {
        self.settle_up_to(cx, position, refused);
    }

    fn begin_anew(
        &mut self,
        cx: &mut Cx<'_>,
        terms: &Terms,
        accepted: Option<(u64, &[Refusal])>,
        gone: Option<u64>,
        asked: bool,
    ) {
        if let Some((position, refused)) = accepted {
            self.settle_up_to(cx, position, refused);
        }
        let Some(stream) = &mut self.stream else { return };
        let from = stream.inn.position() + 1;
        if asked && gone.is_none_or(|gone| gone >= from) {
            let (from, to) = stream.gap.on_lost(from, gone);
            cx.stats.gaps += 1;
            cx.push(Action::Gap { from, to });
        }
        stream.begin(Sid { name: terms.sid.clone(), token: terms.token.clone() });
    }
}
