//! Calls of the application to a session.

use alloc::string::String;

use super::Session;
use crate::error::{
    AbandonError, AcknowledgeError, CancelError, CloseError, FetchedError, MarkReadError, NotOpenError, ResendError,
    SendError,
};
use crate::event::CredentialFailure;
use crate::id::{ConnectionId, MessageId};
use crate::link::check_close;
use crate::outgoing::Outgoing;
use crate::secret::Secret;
use crate::state::Cause;
use crate::time::{Duration, Instant};

impl Session {
    /// Connects now and resets the attempt counter. A session that waits for its next attempt connects as soon as the
    /// safety floor and `reconnect.budget` allow; the first `open` and one after a close or a stop do not wait for
    /// them.
    ///
    /// A call during an attempt, a login or `Ready` changes nothing. The first `open` after
    /// [`restore`](Session::restore) may have to wait for the backoff of the outage.
    pub fn open(&mut self, now: Instant) {
        self.input(now, |session, cx| {
            let event = session.link.open(cx);
            session.pass_on(cx, event);
        });
    }

    /// Closes the session until `open`; every message gets its outcome in this call, except that one whose bytes are
    /// leaving gets it when they are out or the connection is gone.
    ///
    /// An open connection gets a close frame, and is dropped after `close.timeout` (default 3 s). Each byte that leaves
    /// meanwhile starts this time anew, until `limits.frame_time` (default 120 s) is over.
    pub fn close(&mut self, now: Instant) {
        self.end(now, None, String::new());
    }

    /// Closes the session as [`close`](Session::close) does, with a code and a reason of the application.
    ///
    /// The code is 1000 or 3000 to 4999 (RFC 6455 §7.4), the reason at most 123 bytes (RFC 6455 §5.5); others are
    /// refused with [`CloseError`], and nothing is closed. `None` sends `close.code`.
    pub fn close_with(&mut self, now: Instant, code: Option<u16>, reason: impl Into<String>) -> Result<(), CloseError> {
        let reason = reason.into();
        let checked = check_close(code, &reason);
        match checked {
            Ok(()) => self.end(now, code, reason),
            Err(_) => self.count_refused_close(now),
        }
        checked
    }

    fn end(&mut self, now: Instant, code: Option<u16>, reason: String) {
        self.input(now, |session, cx| {
            let event = session.link.close(cx, code, reason, Cause::User);
            session.pass_on(cx, event);
        });
    }

    /// Takes a message into the outbox and returns its id; from then on the session keeps it until its status settles.
    ///
    /// The body goes out unchanged where the dialect has no envelope. [`SendError`] says which limit or state refused
    /// the message; a refused message is not kept.
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
        self.send_outgoing(now, &mut message.into())
    }

    fn send_outgoing(&mut self, now: Instant, message: &mut Outgoing) -> Result<MessageId, SendError> {
        let sent = self.input(now, |session, cx| {
            if session.link.is_ended() {
                return Err(SendError::Stopped);
            }
            session.delivery.send(cx, message)
        });
        self.count_refusal(sent)
    }

    /// Sends a message again by hand, under the same id and with the same body, because the user asks for it.
    ///
    /// A message that is settled as failed or `Unconfirmed` gets a new round. A message that is sent and not confirmed
    /// stays in its round, with its status: where it is in flight, another copy goes out on the present connection and
    /// the wait for the confirmation starts anew, unless the dialect forbids that ([`ResendError::NoRepeats`]), as one
    /// with sequence numbers does; where the connection was lost, it keeps its place and goes out on the next one. A
    /// loss soon after such a copy does not count for `outbox.quarantine`; a hold, a rate and a full socket delay the
    /// copy as any message. The word of the user wins over [`Outgoing::once`], and over `resend` and `dedup_window` of
    /// the outbox: what these forbid is a second copy that nobody asked for. [`ResendError`] says why the call did
    /// nothing.
    pub fn resend(&mut self, now: Instant, id: &MessageId) -> Result<(), ResendError> {
        let resent = self.input(now, |session, cx| {
            if session.link.is_ended() {
                return Err(ResendError::Stopped);
            }
            session.delivery.resend(cx, id)
        });
        self.count_refusal(resent)
    }

    /// Takes back a message that was never sent; the message settles as `Cancelled`.
    ///
    /// A message that was sent already is refused with [`CancelError::Sent`]; [`abandon`](Session::abandon) lets go of
    /// it.
    pub fn cancel(&mut self, now: Instant, id: &MessageId) -> Result<(), CancelError> {
        let cancelled = self.input(now, |session, cx| session.delivery.cancel(cx, id));
        self.count_refusal(cancelled)
    }

    /// Lets go of a message that was sent and is not confirmed: it settles as `Unconfirmed` and is never sent again.
    ///
    /// A confirmation that comes later is told as [`LateReceipt`](crate::Action::LateReceipt). In a dialect with
    /// sequence numbers the number of the message goes out as skipped, unless the server has the message. Of a failed
    /// message that holds the line, where [`OnFailure::Hold`](crate::config::OnFailure::Hold) is set, the call lets the
    /// messages behind it leave. A message that was never sent is refused with [`AbandonError::NotSent`].
    ///
    /// ```
    /// # use redial::{ConnectionId, Event, Instant, Preset, Seed, Session, Status};
    /// # let now = Instant::ORIGIN;
    /// # let preset = Preset::uni_app().with_config(Default::default())?;
    /// # let mut session = Session::new(preset, Seed::from(7_u64));
    /// # session.credential(now, "token");
    /// session.open(now);
    /// session.handle(now, Event::Opened { connection: ConnectionId::new(1) });
    /// let id = session.send(now, "hello")?;
    /// session.abandon(now, &id)?;
    /// assert_eq!(session.status(&id), Some(Status::Unconfirmed));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn abandon(&mut self, now: Instant, id: &MessageId) -> Result<(), AbandonError> {
        let abandoned = self.input(now, |session, cx| session.delivery.abandon(cx, id));
        self.count_refusal(abandoned)
    }

    /// Acknowledges a delivered message that the application has stored, where `inbox.acknowledge` waits for that call.
    ///
    /// A message that does not wait for it is refused with [`AcknowledgeError::Unknown`].
    pub fn acknowledge(&mut self, now: Instant, id: &MessageId) -> Result<(), AcknowledgeError> {
        let acknowledged = self.input(now, |session, cx| session.delivery.acknowledge(cx, id));
        self.count_refusal(acknowledged)
    }

    /// Rejects a delivered message that the application will never take.
    ///
    /// In a dialect without a signal for that, the message is acknowledged. A message that does not wait for an
    /// answer is refused with [`AcknowledgeError::Unknown`].
    pub fn reject(&mut self, now: Instant, id: &MessageId) -> Result<(), AcknowledgeError> {
        let rejected = self.input(now, |session, cx| session.delivery.reject(cx, id, 0));
        self.count_refusal(rejected)
    }

    /// Sends a read marker: every message up to this one was read.
    ///
    /// A read marker only rises, in the order in which messages were acknowledged; a call that does not raise it
    /// returns `Ok` and sends nothing. A read marker is no message: nothing confirms it, only the newest is kept, and
    /// it is sent again on every new connection. Acknowledge first where `inbox.acknowledge` waits for that: to the
    /// server a message that was read is one that arrived. [`MarkReadError`] says why no marker was set; in a dialect
    /// without a signal for it that is [`MarkReadError::NoWord`].
    pub fn mark_read(&mut self, now: Instant, id: &MessageId) -> Result<(), MarkReadError> {
        self.mark_read_in(now, "", id)
    }

    /// Sends a read marker as [`mark_read`](Session::mark_read) does, for one of several conversations.
    ///
    /// The application chooses the name of a conversation, at most `limits.id_bytes` long. The markers of 64
    /// conversations are kept; beyond, the one that has not risen for longest is forgotten.
    pub fn mark_read_in(&mut self, now: Instant, conversation: &str, id: &MessageId) -> Result<(), MarkReadError> {
        let marked = self.input(now, |session, cx| session.delivery.mark_read(cx, conversation, id));
        self.count_refusal(marked)
    }

    /// Reports that the messages which [`Action::Gap`](crate::Action::Gap) asked for are fetched.
    ///
    /// `from` and `to` are the sequence numbers that the gap named, `ids` the fetched messages. Messages that were
    /// held back meanwhile are delivered, except those in `ids`. Sequence numbers that no open gap has are refused
    /// with [`FetchedError::Unasked`].
    pub fn fetched(&mut self, now: Instant, from: u64, to: Option<u64>, ids: &[MessageId]) -> Result<(), FetchedError> {
        let fetched = self.input(now, |session, cx| session.on_fetched(cx, from, to, ids));
        self.count_refusal(fetched)
    }

    /// Replaces the connection, or ends the wait for the next attempt as soon as the safety floor and
    /// `reconnect.budget` allow. It costs no attempt and no step of the backoff, and a session that would give up
    /// attempts once more.
    ///
    /// A session that is idle, closing or stopped refuses the call with [`NotOpenError::NotOpen`].
    pub fn reconnect_now(&mut self, now: Instant) -> Result<(), NotOpenError> {
        let renewed = self.input(now, |session, cx| {
            let event = session.link.renew(cx);
            session.pass_on(cx, event);
            event.map(|_| ()).ok_or(NotOpenError::NotOpen)
        });
        self.count_refusal(renewed)
    }

    /// Holds messages back: `send` still takes them, and they wait for [`release`](Session::release).
    pub fn hold(&mut self, now: Instant) {
        self.input(now, |session, _| session.delivery.hold());
    }

    /// Ends a [`hold`](Session::hold): the messages that were held back may leave, also those behind a failed message
    /// where [`OnFailure::Hold`](crate::config::OnFailure::Hold) is set.
    pub fn release(&mut self, now: Instant) {
        self.input(now, |session, cx| session.delivery.release(cx));
    }

    /// Stops taking messages, lets those in the outbox settle, and closes once all are settled or `within` is over.
    ///
    /// A session that is closing, or that is stopped for anything but a refused credential, refuses the call with
    /// [`NotOpenError::NotOpen`].
    pub fn drain(&mut self, now: Instant, within: Duration) -> Result<(), NotOpenError> {
        let drained = self.input(now, |session, cx| {
            if session.link.is_ended() {
                return Err(NotOpenError::NotOpen);
            }
            session.delivery.drain(cx, cx.now + within);
            Ok(())
        });
        self.count_refusal(drained)
    }

    /// Gives the session a credential.
    ///
    /// The credential answers a [`NeedCredential`](crate::Action::NeedCredential) that is open, and is held for later
    /// logins. A connection that is ready is told at once where the dialect renews logins, and one whose login is under
    /// way as soon as it is ready. A stopped session only holds the credential until `open`.
    pub fn credential(&mut self, now: Instant, value: impl Into<Secret>) {
        self.credential_for(now, None, value);
    }

    /// Gives the session a credential as [`credential`](Session::credential) does, in answer to the
    /// [`NeedCredential`](crate::Action::NeedCredential) of one connection.
    ///
    /// Where that question is no longer open the credential is stale: it is counted and not held. `None` names no
    /// connection.
    pub fn credential_for(
        &mut self,
        now: Instant,
        connection: impl Into<Option<ConnectionId>>,
        value: impl Into<Secret>,
    ) {
        self.answer(now, connection.into(), Ok(value.into()));
    }

    /// Reports that there is no credential, and why.
    ///
    /// `Refused` stops the session and keeps its messages; `Expired` and `Unavailable` count as a failed attempt. A
    /// call while no [`NeedCredential`](crate::Action::NeedCredential) is open leaves the session where it is. After
    /// `Refused` or `Expired` the credential that the server was told last is dropped, and never a newer one; under
    /// [`Unauthorized::Retry`](crate::config::Unauthorized::Retry) only after `Expired`, and only where the host can be
    /// asked for another.
    pub fn credential_failed(&mut self, now: Instant, failure: CredentialFailure) {
        self.credential_failed_for(now, None, failure);
    }

    /// Reports that there is no credential as [`credential_failed`](Session::credential_failed) does, in answer to the
    /// [`NeedCredential`](crate::Action::NeedCredential) of one connection.
    ///
    /// Where that question is no longer open the failure is stale: it is counted and changes nothing.
    ///
    /// ```
    /// use redial::config::CredentialSource;
    /// use redial::{ConnectionId, CredentialFailure, Instant, Preset, Seed, Session, State};
    /// let preset = Preset::uni_app().configure(|config| config.authentication.credential = CredentialSource::Asked)?;
    /// let mut session = Session::new(preset, Seed::from(7_u64));
    /// session.open(Instant::ORIGIN);
    /// session.credential_failed_for(Instant::ORIGIN, ConnectionId::new(9), CredentialFailure::Refused);
    /// assert_eq!(session.state(), State::Connecting);
    /// session.credential_failed_for(Instant::ORIGIN, ConnectionId::new(1), CredentialFailure::Refused);
    /// assert_eq!(session.state(), State::Stopped);
    /// # Ok::<(), redial::error::ConfigError>(())
    /// ```
    pub fn credential_failed_for(
        &mut self,
        now: Instant,
        connection: impl Into<Option<ConnectionId>>,
        failure: CredentialFailure,
    ) {
        self.answer(now, connection.into(), Err(failure));
    }

    fn answer(&mut self, now: Instant, connection: Option<ConnectionId>, answer: Result<Secret, CredentialFailure>) {
        self.input(now, |session, cx| {
            let event = session.link.on_answer(cx, connection, answer);
            session.pass_on(cx, event);
        });
    }

    /// Reports that the state of this version is stored; statuses, messages and acknowledgements that waited for it
    /// go out.
    ///
    /// Versions above the last `Persist` are clamped to it.
    pub fn persisted(&mut self, now: Instant, version: u64) {
        self.input(now, |session, cx| session.persisted(cx, version));
    }

    fn count_refused_close(&mut self, now: Instant) {
        self.input(now, |_, cx| cx.stats.refused += 1);
    }

    fn count_refusal<T, E>(&mut self, result: Result<T, E>) -> Result<T, E> {
        if result.is_err() {
            self.stats.refused += 1;
        }
        result
    }
}
