//! Check of a decoded signal against the limits, whoever wrote the dialect.
//!
//! 1. Every id and every sequence number can be held by a snapshot and be written again.
//! 2. What the session keeps of a signal is bounded: ids, the name and the token of a session, a reference.
//! 3. A JSON content nests no deeper than `limits.depth`.

use super::greeting::{LONGEST_SID, LONGEST_TOKEN, Resumption};
use super::{LeaveSignal, LoginSignal, ReceiptSignal, SequenceSignal, Signal, Span};
use crate::config::Limits;
use crate::error::Malformed;
use crate::frame::Frame;
use crate::id::MessageId;
use crate::secret::Secret;

impl Signal<Span> {
    /// Checks the signal, which was decoded from this frame, against the limits.
    #[inline]
    pub(crate) fn check(&self, frame: &Frame, limits: &Limits) -> Result<(), Malformed> {
        match self {
            Self::Heartbeat(_) | Self::Ignored => return Ok(()),
            Self::Sequence(_) | Self::Login(_) => self.check_terms(frame, limits)?,
            Self::Message(_) | Self::Receipt(_) | Self::Notice(_) | Self::Leave(_) => {}
        }
        let limit = limits.id_bytes.get();
        if self.ids().into_iter().flatten().any(|id| !id.is_writable(limit)) {
            return Err(Malformed::BadId { field: "id".into(), limit });
        }
        let limit = limits.depth.get();
        if self.contents().into_iter().flatten().any(|span| span.is_deeper(frame, limit)) {
            return Err(Malformed::TooDeep { limit });
        }
        Ok(())
    }

    /// Checks what only logins and sequences have.
    fn check_terms(&self, frame: &Frame, limits: &Limits) -> Result<(), Malformed> {
        let limit = limits.id_bytes.get();
        let long = |field: &str, limit| Err(Malformed::BadId { field: field.into(), limit });
        if self.highest_seq() > MessageId::MAX_NUMBER {
            return Err(Malformed::BadNumber { field: "seq".into() });
        }
        match self {
            // An escape takes at most six bytes for one, and the quotes take two.
            Self::Login(LoginSignal::Challenge { reference: Some(reference), .. })
                if reference.len(frame) > limit.saturating_mul(6).saturating_add(2) =>
            {
                return long("reference", limit);
            }
            _ => {}
        }
        let Some((sid, token)) = self.session() else { return Ok(()) };
        for (field, text, limit) in [("sid", sid, LONGEST_SID), ("token", token.reveal(), LONGEST_TOKEN)] {
            if text.len() as u64 > limit {
                return long(field, limit);
            }
        }
        Ok(())
    }

    fn contents(&self) -> [Option<&Span>; 2] {
        match self {
            Self::Message(message) => [Some(&message.content), None],
            Self::Notice(content) | Self::Leave(LeaveSignal::Kick { content }) => [Some(content), None],
            Self::Receipt(ReceiptSignal::Accepted { echo, .. }) => [echo.as_ref().map(|echo| &echo.content), None],
            Self::Sequence(SequenceSignal::Message { content, .. })
            | Self::Login(LoginSignal::Refused { content, .. }) => [content.as_ref(), None],
            Self::Login(LoginSignal::Challenge { challenge, reference }) => [challenge.as_ref(), reference.as_ref()],
            Self::Login(LoginSignal::Proof { reference, .. }) => [reference.as_ref(), None],
            Self::Login(LoginSignal::Accepted { greeting }) => {
                [greeting.as_ref().and_then(|greeting| greeting.content.as_ref()), None]
            }
            Self::Heartbeat(_)
            | Self::Ignored
            | Self::Login(LoginSignal::First { .. })
            | Self::Receipt(
                ReceiptSignal::Rejected { .. } | ReceiptSignal::Delivered { .. } | ReceiptSignal::Read { .. },
            )
            | Self::Sequence(SequenceSignal::Hello(_) | SequenceSignal::Welcome(_) | SequenceSignal::Ack { .. })
            | Self::Leave(LeaveSignal::Bye(_)) => [None, None],
        }
    }

    fn ids(&self) -> [Option<&MessageId>; 2] {
        match self {
            Self::Message(message) => [message.id.as_ref(), None],
            Self::Sequence(SequenceSignal::Message { id, .. })
            | Self::Receipt(
                ReceiptSignal::Rejected { id, .. } | ReceiptSignal::Delivered { id } | ReceiptSignal::Read { id },
            ) => [Some(id), None],
            Self::Receipt(ReceiptSignal::Accepted { id, echo }) => [Some(id), echo.as_ref().map(|echo| &echo.id)],
            _ => [None, None],
        }
    }

    /// The session that a welcome begins, or that a hello resumes.
    fn session(&self) -> Option<(&str, &Secret)> {
        match self {
            Self::Sequence(SequenceSignal::Welcome(terms)) => Some((&terms.sid, &terms.token)),
            Self::Sequence(SequenceSignal::Hello(hello)) => {
                hello.resume.as_ref().map(|resume| (&*resume.sid, &resume.token))
            }
            _ => None,
        }
    }

    fn highest_seq(&self) -> u64 {
        match self {
            Self::Sequence(SequenceSignal::Message { seq, .. } | SequenceSignal::Ack { seq, .. }) => *seq,
            Self::Sequence(SequenceSignal::Welcome(terms)) => match terms.resumption {
                Resumption::Fresh => 0,
                Resumption::Resumed { seq, .. } => seq,
                Resumption::Lost { seq, gone, .. } => seq.max(gone).unwrap_or(0),
            },
            Self::Sequence(SequenceSignal::Hello(hello)) => {
                let numbers =
                    hello.resume.as_ref().map(|resume| [resume.seq, resume.seen, resume.lowest, resume.highest]);
                numbers.into_iter().flatten().max().unwrap_or(0)
            }
            _ => 0,
        }
    }
}
