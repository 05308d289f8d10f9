//! What a session has to do, predicted from the rules alone: the outbox and the inbox with what they have to know of
//! the link.

use std::collections::BTreeSet;

use redial::error::NotOpenError;
use redial::journal::{Call, CallError};
use redial::{Action, Duration, MessageId, Purpose, TransportError};

use super::inbox::Inbox;
use super::losing::SOON;
use super::outbox::Outbox;
use super::settings::Settings;
use super::storing::Desk;
use super::words::Word;

/// One input, as a model takes it.
#[derive(Clone, Debug)]
pub(super) enum Input {
    Call(Call),
    Opened(u64),
    Heard(u64, Word),
    /// With a code that forbids another attempt, or without.
    Closed(u64, bool),
    /// Because the account was refused, because nothing can help, or for another reason.
    Errored(u64, TransportError),
    Failed(u64, Option<Purpose>),
    Online,
    Woke(u64),
    Tick,
    /// Another process has taken over from a snapshot.
    Restored,
}

pub(super) type Answered = Result<Option<MessageId>, CallError>;

/// What the models know of the link. When it connects is not predicted but seen.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) over: Over,
    /// Whether `open` was never called.
    idle: bool,
    pub(super) dialing: Option<u64>,
    pub(super) ready: Option<u64>,
    /// Until when a question out of turn may be unanswered.
    doubt: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Over {
    No,
    Ended,
    /// The account was refused: what is there is kept for the next `open`.
    Refused,
}

/// Whether messages may leave.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Flow {
    Open,
    Held,
    Draining(u64),
}

/// Figures of the session that the models predict.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Figures {
    pub(super) resent: u64,
    pub(super) delivered: u64,
    pub(super) duplicates: u64,
    pub(super) forgotten: u64,
    pub(super) unknown_receipts: u64,
    pub(super) refused: u64,
}

/// Outbox, inbox and all that decides when they move.
#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) settings: Settings,
    pub(super) now: u64,
    /// What ages run ahead of `now`: the sleep of the machine, and the time between processes.
    pub(super) slept: u64,
    pub(super) link: Link,
    pub(super) flow: Flow,
    pub(super) outbox: Outbox,
    pub(super) inbox: Inbox,
    pub(super) desk: Desk,
    /// What the host has not taken yet.
    pub(super) out: Vec<Action>,
    pub(super) figures: Figures,
    /// The first half of ids that the session makes, once one was seen, and how many it has made.
    pub(super) nonce: Option<String>,
    pub(super) made: u64,
    /// The nonces of the processes before.
    pub(super) earlier: Vec<String>,
    /// Whether this input found the link in doubt.
    pub(super) doubting: bool,
    /// The time that a late host is given for the answer to a question, and for a confirmation.
    pub(super) respites: [Respite; 2],
    /// Whether a message of this connection was deferred.
    pub(super) deferring: bool,
    /// Rules that had something to say.
    pub(super) met: BTreeSet<&'static str>,
}

/// One second more for what was due before this began, because the host came more than a second late.
#[derive(Clone, Copy, Debug)]
pub(super) struct Respite(Option<u64>);

impl Respite {
    pub(super) fn held(self, at: u64) -> u64 {
        self.0.filter(|since| at < *since).map_or(at, |since| since + 1_000)
    }

    pub(super) fn is_over(&mut self, at: u64, now: u64) -> bool {
        if self.held(at) == at && now > at + 1_000 {
            self.0 = Some(now);
        }
        self.held(at) <= now
    }
}

impl Link {
    pub(super) fn new() -> Self {
        Self { over: Over::No, idle: true, dialing: None, ready: None, doubt: None }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.idle
    }

    fn is_present(&self, connection: u64) -> bool {
        self.dialing == Some(connection) || self.ready == Some(connection)
    }

    /// Nobody waits for this connection any more; gives it where it was ready.
    pub(super) fn down(&mut self) -> Option<u64> {
        (self.dialing, self.doubt) = (None, None);
        self.ready.take()
    }
}

impl Model {
    pub(super) fn new(settings: Settings) -> Self {
        let out = &settings.out;
        Self {
            outbox: Outbox::new(out.bytes, out.remembered, out.in_flight, out.receipts),
            inbox: Inbox::new(settings.inn.window, settings.inn.pending),
            now: 0,
            slept: 0,
            link: Link::new(),
            flow: Flow::Open,
            desk: Desk::default(),
            out: Vec::new(),
            figures: Figures::default(),
            nonce: None,
            earlier: Vec::new(),
            made: 0,
            doubting: false,
            respites: [Respite(None); 2],
            deferring: false,
            met: BTreeSet::new(),
            settings,
        }
    }

    /// The time by which ages count.
    pub(super) fn age(&self) -> u64 {
        self.now + self.slept
    }

    /// One input, and everything whose time has come by it.
    pub(super) fn input(&mut self, now: u64, input: &Input) -> Answered {
        self.now = self.now.max(now);
        self.doubting = self.link.doubt.is_some();
        let answered = self.work(input);
        if std::mem::replace(&mut self.doubting, self.link.doubt.is_some()) && !self.doubting {
            self.flush();
        }
        self.pass_time();
        self.figures.refused += u64::from(answered.is_err());
        answered
    }

    fn work(&mut self, input: &Input) -> Answered {
        match input {
            Input::Call(call) => return self.call(call),
            Input::Opened(connection) if self.link.dialing == Some(*connection) => self.ready(*connection),
            Input::Heard(connection, word) if self.link.ready == Some(*connection) => {
                self.link.doubt = None;
                self.heard(*connection, word);
            }
            Input::Closed(connection, for_good) if self.link.is_present(*connection) => match for_good {
                true => self.end(),
                false => self.lose(SOON),
            },
            Input::Errored(connection, error) if self.link.is_present(*connection) => match error {
                TransportError::Permanent => self.end(),
                TransportError::Unauthorized => {
                    self.link.over = Over::Refused;
                    self.lose(0);
                }
                _ => self.lose(SOON),
            },
            Input::Failed(connection, purpose) if self.link.ready == Some(*connection) => match purpose {
                None | Some(Purpose::Heartbeat) => self.lose(0),
                Some(purpose) => self.write_failed(*connection, purpose),
            },
            Input::Online => self.ask(),
            Input::Woke(asleep) => {
                self.slept += asleep;
                self.ask();
            }
            Input::Restored => self.settle_unrepeatable(),
            // A tick, and events of connections that are not the present one.
            _ => {}
        }
        Ok(None)
    }

    fn call(&mut self, call: &Call) -> Answered {
        match call {
            Call::Open => (self.link.over, self.link.idle) = (Over::No, false),
            Call::Close { .. } => self.end(),
            Call::Send { body, id, time_to_live, once } => {
                return Ok(Some(self.send(body, id.as_ref(), time_to_live.map(Duration::as_millis), *once)?));
            }
            Call::Resend { id } => self.resend(id)?,
            Call::Cancel { id } => self.cancel(id)?,
            Call::Abandon { id } => self.abandon(id)?,
            Call::Acknowledge { id } => self.acknowledge(id)?,
            Call::Reject { id } => self.reject(id)?,
            Call::ReconnectNow if self.link.idle || self.link.over != Over::No => {
                return Err(NotOpenError::NotOpen.into());
            }
            Call::ReconnectNow => self.lose(0),
            Call::Hold if self.flow == Flow::Open => self.flow = Flow::Held,
            Call::Release => {
                if self.flow == Flow::Held {
                    self.flow = Flow::Open;
                }
                self.pass_all();
                self.flush();
            }
            Call::Drain { .. } if self.link.over == Over::Ended => return Err(NotOpenError::NotOpen.into()),
            Call::Drain { within } => {
                self.flow = Flow::Draining(self.now + within.as_millis());
                self.flush();
            }
            Call::Persisted { version } => self.persisted(*version),
            _ => {}
        }
        Ok(None)
    }

    /// The network is said to be back, or the machine woke: a link that is ready is asked.
    fn ask(&mut self) {
        if let (Some(_), None, Some(wait)) = (self.link.ready, self.link.doubt, self.settings.probe) {
            self.link.doubt = Some(self.now + wait);
        }
    }

    /// The session was seen to dial; attempts are part of what is stored.
    pub(super) fn dial(&mut self, connection: u64) {
        // It may have ended in the same input.
        self.link.dialing = Some(connection).filter(|_| self.link.over == Over::No);
        self.desk.changed = true;
    }

    fn ready(&mut self, connection: u64) {
        self.link.dialing = None;
        self.link.ready = Some(connection);
        self.gate();
        self.flush();
    }

    fn heard(&mut self, connection: u64, word: &Word) {
        match word {
            Word::Push(id, body) => self.push(connection, id, body),
            Word::Notice(body) => self.deliver(None, body),
            Word::Echo(id, push, body) => self.echo(connection, id, push, body),
            Word::Pong | Word::Noise => {}
            about_ours => self.on_receipt(about_ours),
        }
    }

    /// Everything whose time has come, the link's verdict first.
    fn pass_time(&mut self) {
        loop {
            if self.link.doubt.is_some_and(|until| self.respites[0].is_over(until, self.now)) {
                self.lose(0);
            } else if self.expire() {
                self.flush();
            } else if self.is_drained() {
                self.end();
            } else if self.deferring && self.link.ready.is_some() && self.inbox.has_room() && self.owes_nothing() {
                self.met.insert("what was deferred is asked for again");
                self.lose(0);
            } else if !self.give_up_overdue() {
                return;
            }
        }
    }

    fn is_drained(&self) -> bool {
        matches!(self.flow, Flow::Draining(until) if until <= self.now || self.outbox.letters.is_empty())
    }

    /// When messages want to be looked at next.
    pub(super) fn deadline(&self) -> Option<u64> {
        let drain = if let Flow::Draining(until) = self.flow { Some(until) } else { None };
        let expiry = self.outbox.letters.iter().filter_map(|letter| letter.expires).min();
        let expiry = expiry.map(|at| at.saturating_sub(self.slept));
        let receipt = self.receipt_due().map(|at| self.respites[1].held(at));
        [drain, expiry, receipt].into_iter().flatten().min()
    }
}
