//! What an application asks of a session.

use alloc::string::String;

use super::Session;
use crate::error::{
    AcknowledgeError, CancelError, CloseError, FetchedError, MarkReadError, NotOpenError, ResendError, SendError,
};
use crate::event::CredentialFailure;
use crate::id::MessageId;
use crate::link::check_close;
use crate::outgoing::Outgoing;
use crate::secret::Secret;
use crate::state::Cause;
use crate::time::{Duration, Instant};

impl Session {
    /// Connects now, whatever wait is under way; the count of attempts starts anew. Does nothing while a connection is there or on its way.
    pub fn open(&mut self, now: Instant) {
        self.input(now, |session, cx| {
            let news = session.link.open(cx);
            session.pass_on(cx, news);
        });
    }

    /// Closes for good, until `open`: every message gets its outcome in this call.
    ///
    /// A connection is closed politely; after `close.timeout` (3 s) it is dropped.
    pub fn close(&mut self, now: Instant) {
        self.end(now, None, String::new());
    }

    /// As [`close`](Session::close), with a code and a reason of the application's own.
    ///
    /// The code is 1000 or 3000 to 4999 (RFC 6455 §7.4), the reason at most 123 bytes (RFC 6455 §5.5).
    pub fn close_with(&mut self, now: Instant, code: Option<u16>, reason: impl Into<String>) -> Result<(), CloseError> {
        let reason = reason.into();
        let checked = check_close(code, &reason);
        match checked {
            Ok(()) => self.end(now, code, reason),
            Err(_) => self.refused(now),
        }
        checked
    }

    fn end(&mut self, now: Instant, code: Option<u16>, reason: String) {
        self.input(now, |session, cx| {
            let news = session.link.close(cx, code, reason, Cause::User);
            session.pass_on(cx, news);
        });
    }

    /// Takes a message; from the returned id on the session answers for it until its status settles.
    ///
    /// The body goes out unchanged where the dialect has no envelope.
    ///
    /// ```
    /// # use redial::{Instant, Outgoing, Preset, Seed, SendError, Session};
    /// # let (now, mut session) = (Instant::ORIGIN, Session::new(Preset::plain(), Seed::from(7_u64)));
    /// let id = session.send(now, Outgoing::from("hello").id("c1"))?;
    /// assert_eq!(id.as_text(), Some("c1"));
    /// assert_eq!(session.send(now, Outgoing::from("again").id("c1")), Err(SendError::DuplicateId));
    /// # Ok::<(), SendError>(())
    /// ```
    pub fn send(&mut self, now: Instant, message: impl Into<Outgoing>) -> Result<MessageId, SendError> {
        self.take(now, &mut message.into())
    }

    fn take(&mut self, now: Instant, message: &mut Outgoing) -> Result<MessageId, SendError> {
        let sent = self.input(now, |session, cx| {
            if session.link.is_ended() {
                return Err(SendError::Stopped);
            }
            session.delivery.send(cx, message)
        });
        self.counted(sent)
    }

    /// Opens a new round for a message that failed or is unconfirmed, under the same id and with the same body.
    pub fn resend(&mut self, now: Instant, id: &MessageId) -> Result<(), ResendError> {
        let resent = self.input(now, |session, cx| {
            if session.link.is_ended() {
                return Err(ResendError::Stopped);
            }
            session.delivery.resend(cx, id)
        });
        self.counted(resent)
    }

    /// Takes a message back that was never sent; it settles as `Cancelled`.
    pub fn cancel(&mut self, now: Instant, id: &MessageId) -> Result<(), CancelError> {
        let cancelled = self.input(now, |session, cx| session.delivery.cancel(cx, id));
        self.counted(cancelled)
    }

    /// Says that a delivered message is stored, where `inbox.acknowledge` waits for that.
    pub fn acknowledge(&mut self, now: Instant, id: &MessageId) -> Result<(), AcknowledgeError> {
        let acknowledged = self.input(now, |session, cx| session.delivery.acknowledge(cx, id));
        self.counted(acknowledged)
    }

    /// Says that a delivered message will never be taken. Where the dialect has no word for that, it is acknowledged.
    pub fn reject(&mut self, now: Instant, id: &MessageId) -> Result<(), AcknowledgeError> {
        let rejected = self.input(now, |session, cx| session.delivery.reject(cx, id, 0));
        self.counted(rejected)
    }

    /// Tells the other end that everything up to this message was read, where the dialect has a word for it.
    ///
    /// A mark only rises, in the order in which messages were acknowledged; one that does not is `Ok` and says nothing. It is no message: nothing
    /// confirms it, only the newest is kept, and every new connection is told it. Acknowledge first where `inbox.acknowledge` waits
    /// for that: to the server a message that was read is one that arrived.
    pub fn mark_read(&mut self, now: Instant, id: &MessageId) -> Result<(), MarkReadError> {
        self.mark_read_in(now, "", id)
    }

    /// The same for one of several conversations, named as the application likes; the marks of the last 64 are kept.
    pub fn mark_read_in(&mut self, now: Instant, conversation: &str, id: &MessageId) -> Result<(), MarkReadError> {
        let marked = self.input(now, |session, cx| session.delivery.mark_read(cx, conversation, id));
        self.counted(marked)
    }

    /// Says that what [`Action::Gap`](crate::Action::Gap) asked for is fetched, between the two positions it named. What was held
    /// back meanwhile is delivered, without those of `ids`: messages that were among what was fetched.
    pub fn fetched(&mut self, now: Instant, from: u64, to: Option<u64>, ids: &[MessageId]) -> Result<(), FetchedError> {
        let fetched = self.input(now, |session, cx| session.on_fetched(cx, from, to, ids));
        self.counted(fetched)
    }

    /// Replaces the connection, or ends the wait for the next one; only the safety floor stands against it.
    pub fn reconnect_now(&mut self, now: Instant) -> Result<(), NotOpenError> {
        let renewed = self.input(now, |session, cx| {
            let news = session.link.renew(cx);
            session.pass_on(cx, news);
            news.map(|_| ()).ok_or(NotOpenError::NotOpen)
        });
        self.counted(renewed)
    }

    /// Keeps messages back from here on: they are taken and wait for [`release`](Session::release).
    pub fn hold(&mut self, now: Instant) {
        self.input(now, |session, _| session.delivery.hold());
    }

    /// Lets messages leave again.
    pub fn release(&mut self, now: Instant) {
        self.input(now, |session, cx| session.delivery.release(cx));
    }

    /// Takes nothing new, lets what is there settle, and closes: when all is settled, or after `within`.
    pub fn drain(&mut self, now: Instant, within: Duration) -> Result<(), NotOpenError> {
        let drained = self.input(now, |session, cx| {
            if session.link.is_ended() {
                return Err(NotOpenError::NotOpen);
            }
            session.delivery.drain(cx, cx.now + within);
            Ok(())
        });
        self.counted(drained)
    }

    /// Gives a credential: for the question that is open, for later ones, and at once to a server that takes a new one on a live
    /// link.
    pub fn credential(&mut self, now: Instant, value: impl Into<Secret>) {
        let value = value.into();
        self.input(now, |session, cx| {
            let news = session.link.credential(cx, value);
            session.pass_on(cx, news);
        });
    }

    /// Says why there is no credential. `Refused` stops the session and keeps its messages; the others are a failed attempt.
    pub fn credential_failed(&mut self, now: Instant, why: CredentialFailure) {
        self.input(now, |session, cx| {
            let news = session.link.credential_failed(cx, why);
            session.pass_on(cx, news);
        });
    }

    /// Says that the state of this version is stored; what waited for it is told, sent and acknowledged.
    ///
    /// A version that no `Persist` has named yet counts as the latest that one has.
    pub fn persisted(&mut self, now: Instant, version: u64) {
        self.input(now, |session, cx| session.delivery.persisted(cx, version));
    }

    fn refused(&mut self, now: Instant) {
        self.input(now, |_, cx| cx.stats.refused += 1);
    }

    fn counted<T, E>(&mut self, result: Result<T, E>) -> Result<T, E> {
        if result.is_err() {
            self.stats.refused += 1;
        }
        result
    }
}
