//! A session whose inputs all go through its journal.
//!
//! 1. A line is written before the input is processed: the journal of a run that ends half-way has its last input.
//! 2. A journal that cannot be written ends, because one with a gap cannot be replayed. The session goes on.
//! 3. A session with a journal hands its actions over after each input, as a replay does. So the replay is the same
//!    run, however late the host takes the actions.

use core::fmt;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::ToString;
use alloc::sync::Arc;

use crate::action::Action;
use crate::dialect::Preset;
use crate::durable::Snapshot;
use crate::error::{RestoreError, SendError};
use crate::event::Event;
use crate::id::MessageId;
use crate::journal::{Call, CallError, Header, Input, Output, call_line, event_line};
use crate::outgoing::Outgoing;
use crate::rng::Seed;
use crate::session::Session;
use crate::time::{Duration, Instant};

/// The answer to an input that has none.
const NO_ANSWER: Result<Option<&MessageId>, CallError> = Ok(None);

/// Writer of a journal: a function of the host that writes one line, and whether outputs are written too.
///
/// The function gets the line without its line break, and returns whether it could write the line. It is called under
/// the lock of the session, so it must not wait for anything that the session does. A journal holds credentials and
/// bodies in plain text.
pub struct JournalWriter {
    write: Box<dyn FnMut(&str) -> bool + Send>,
    has_outputs: bool,
}

impl JournalWriter {
    /// Creates the writer of a journal that has the inputs, which are enough for a replay.
    pub fn new(write: impl FnMut(&str) -> bool + Send + 'static) -> Self {
        Self { write: Box::new(write), has_outputs: false }
    }

    /// Writes the outputs too: answers, actions and deadlines, with which a replay compares its own.
    #[must_use]
    pub fn with_outputs(mut self) -> Self {
        self.has_outputs = true;
        self
    }
}

impl fmt::Debug for JournalWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JournalWriter").field("has_outputs", &self.has_outputs).finish_non_exhaustive()
    }
}

/// Session of a host, with a journal where the host wants one.
///
/// Without a journal this is the session itself: nothing is copied, and actions wait in the session until the host
/// takes them. With a journal every action counts as handed over after the input that led to it. A message whose
/// `Send` waits when the connection is lost is then no longer known to be unsent.
///
/// ```
/// use redial::host::{JournalWriter, RecordedSession};
/// use redial::journal::Call;
/// use redial::{Action, Instant, Preset, Seed};
/// use std::sync::mpsc::channel;
///
/// let (lines, journal) = channel();
/// let writer = JournalWriter::new(move |line| lines.send(line.to_owned()).is_ok());
/// let mut session = RecordedSession::new(Preset::plain(), Seed::from(7_u64), Some(writer));
/// session.call(Instant::ORIGIN, Call::Open)?;
/// session.send(Instant::from_millis(5), "hello")?;
/// while let Some(action) = session.poll_action() {
///     println!("{action:?}");
/// }
///
/// let lines: Vec<String> = journal.try_iter().collect();
/// assert!(lines[0].starts_with(r#"{"redial":1,"preset":"plain""#));
/// assert_eq!(lines[1], r#"{"now_ms":0,"call":{"type":"open"}}"#);
/// assert_eq!(lines[2], r#"{"now_ms":5,"call":{"type":"send","body":"hello"}}"#);
/// # Ok::<(), redial::journal::CallError>(())
/// ```
#[derive(Debug)]
pub struct RecordedSession {
    session: Session,
    journal: Option<JournalWriter>,
    /// Actions that were handed over for the journal and that the host has not taken.
    ready: VecDeque<Action>,
}

impl RecordedSession {
    /// Creates a session as [`Session::new`] does, and writes the header of its journal.
    pub fn new(preset: impl Into<Arc<Preset>>, seed: Seed, journal: Option<JournalWriter>) -> Self {
        let preset = preset.into();
        let header = journal.as_ref().map(|_| Header::new(&preset, seed));
        Self::begin(Session::new(preset, seed), journal, header)
    }

    /// Restores a session from its records as [`Session::restore`] does, and writes the header of its journal.
    ///
    /// The header holds the records as a snapshot, so that a replay begins with them.
    pub fn restore<K: AsRef<str>, V: AsRef<[u8]>>(
        preset: impl Into<Arc<Preset>>,
        now: Instant,
        records: impl IntoIterator<Item = (K, V)>,
        away: Duration,
        seed: Seed,
        journal: Option<JournalWriter>,
    ) -> Result<Self, RestoreError> {
        let (preset, snapshot): (_, Snapshot) = (preset.into(), records.into_iter().collect());
        let header = journal.as_ref().map(|_| Header::new(&preset, seed).restored(now, snapshot.clone(), away));
        Ok(Self::begin(Session::restore(preset, now, snapshot, away, seed)?, journal, header))
    }

    fn begin(session: Session, journal: Option<JournalWriter>, header: Option<Header>) -> Self {
        let mut recorded = Self { session, journal, ready: VecDeque::new() };
        if let Some(header) = header {
            recorded.write(&Input::Header(header).to_line());
            recorded.hand_over(NO_ANSWER);
        }
        recorded
    }

    /// Handles one event, as [`Session::handle`] does.
    pub fn handle(&mut self, now: Instant, event: Event) {
        if self.is_recording() {
            self.write(&event_line(now, &event));
        }
        self.session.handle(now, event);
        self.hand_over(NO_ANSWER);
    }

    /// Makes a call, as [`Call::make`] does.
    pub fn call(&mut self, now: Instant, call: Call) -> Result<Option<MessageId>, CallError> {
        if self.is_recording() {
            self.write(&call_line(now, &call));
        }
        let result = call.make(&mut self.session, now);
        self.hand_over(result.as_ref().map(Option::as_ref).map_err(|error| *error));
        result
    }

    /// Takes a message, as [`Session::send`] does.
    pub fn send(&mut self, now: Instant, message: impl Into<Outgoing>) -> Result<MessageId, SendError> {
        let message = message.into();
        if self.is_recording() {
            self.write(&call_line(now, &Call::from(message.clone())));
        }
        let result = self.session.send(now, message);
        self.hand_over(result.as_ref().map(Some).map_err(|error| CallError::from(*error)));
        result
    }

    /// Takes the next action, as [`Session::poll_action`] does.
    #[must_use = "an action that is dropped is never repeated"]
    pub fn poll_action(&mut self) -> Option<Action> {
        self.ready.pop_front().or_else(|| self.session.poll_action())
    }

    /// Moves all actions to the end of `actions`, as [`Session::take_actions`] does.
    pub fn take_actions(&mut self, actions: &mut VecDeque<Action>) {
        actions.append(&mut self.ready);
        self.session.take_actions(actions);
    }

    /// Returns the session, to be looked at.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Whether a journal is written. Once a line could not be written, the journal has ended.
    pub fn is_recording(&self) -> bool {
        self.journal.is_some()
    }

    fn write(&mut self, line: &str) {
        if self.journal.as_mut().is_some_and(|journal| !(journal.write)(line)) {
            self.journal = None;
        }
    }

    /// Takes the actions of one input out of a recorded session, and writes them behind the answer.
    fn hand_over(&mut self, answer: Result<Option<&MessageId>, CallError>) {
        let Some(journal) = &self.journal else { return };
        if !journal.has_outputs {
            self.session.take_actions(&mut self.ready);
            return;
        }
        let now = self.session.now();
        match answer {
            Ok(None) => {}
            Ok(Some(id)) => self.write(&Output::Id { now, id: id.clone() }.to_line()),
            Err(error) => {
                self.write(&Output::Error { now, error: error.to_string(), code: error.code().into() }.to_line());
            }
        }
        while let Some(action) = self.session.poll_action() {
            let output = Output::Action { now, action };
            self.write(&output.to_line());
            if let Output::Action { action, .. } = output {
                self.ready.push_back(action);
            }
        }
        self.write(&Output::deadline(&self.session).to_line());
    }
}

/// A session without a journal.
impl From<Session> for RecordedSession {
    fn from(session: Session) -> Self {
        Self::begin(session, None, None)
    }
}
