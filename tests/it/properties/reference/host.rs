//! A host that plays every step to a session and to its models, and compares all that can be observed of them.

use std::collections::BTreeSet;
use std::fmt::Debug;

use redial::journal::Call;
use redial::{Action, Duration, Instant, MessageId, Purpose, Seed, Session, Snapshot, State, Timer};

use super::casting::event;
use super::model::{Answered, Figures, Input, Model, Over};
use super::settings::Settings;
use super::steps::{Step, What, When};
use crate::oracle::drain;

pub(super) struct Host {
    session: Session,
    pub(super) model: Model,
    now: u64,
    /// The last connection and the last version that were named.
    pub(super) connection: u64,
    version: u64,
    /// Every id there ever was, the latest last.
    pub(super) ids: Vec<MessageId>,
    stored: Option<(Snapshot, Model, u64)>,
    /// Whether this process has stored.
    stored_here: bool,
    /// The kinds of answers and actions there were.
    pub(super) seen: BTreeSet<String>,
    /// What happened, a line an input and a line for all that came of it.
    story: Vec<String>,
}

impl Host {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            session: Session::new(settings.preset(), Seed::from(7_u64)),
            model: Model::new(settings.clone()),
            now: 0,
            connection: 0,
            version: 0,
            ids: Vec::new(),
            stored: None,
            stored_here: false,
            seen: BTreeSet::new(),
            story: Vec::new(),
        }
    }

    pub(super) fn story(&self) -> String {
        self.story.join("\n")
    }

    /// One step; the error says in what session and models differ after it.
    pub(super) fn step(&mut self, step: &Step) -> Result<(), String> {
        let forward = self.leads_forward(&step.what);
        let when = if forward && self.session.state() == State::Waiting { &When::Deadline(0) } else { &step.when };
        self.now = self.time(when);
        match step.what {
            What::Store => self.store(),
            What::Stored => self.say_stored()?,
            What::StoreAll => {
                self.store();
                self.say_stored()?;
            }
            What::Restart(away, anew) => self.restart(away, anew)?,
            _ => {
                let input = if forward { self.forward() } else { self.cast(&step.what) };
                self.input(&input)?;
            }
        }
        if step.takes {
            self.take();
        }
        Ok(())
    }

    fn time(&self, when: &When) -> u64 {
        let deadline = self.session.next_deadline().map_or(self.now, |deadline| deadline.at.as_millis());
        match when {
            When::Now => self.now,
            When::Later(by) => self.now + by,
            // Not to a heartbeat at the end of all times.
            When::Deadline(_) if deadline > self.now + 100_000 => self.now,
            When::Deadline(beside) => self.now.max(deadline.saturating_add_signed((*beside).into())),
        }
    }

    fn take(&mut self) {
        drain(&mut self.session);
        self.model.out.clear();
    }

    /// The host stores the state as of the last input.
    fn store(&mut self) {
        self.take();
        self.story.push("        the state is stored".to_owned());
        self.stored = Some((self.session.snapshot(), self.model.clone(), self.version));
        self.stored_here = true;
    }

    fn say_stored(&mut self) -> Result<(), String> {
        let version = self.stored.as_ref().map_or(0, |(_, _, version)| *version);
        self.input(&Input::Call(Call::Persisted { version }))
    }

    /// The process is killed, and another takes over what was stored; where nothing has to be stored before it acts it
    /// ends in order.
    fn restart(&mut self, away: u64, anew: bool) -> Result<(), String> {
        if !self.model.settings.stores {
            self.store();
        }
        let Some((snapshot, mut model, version)) = self.stored.take() else { return Ok(()) };
        let away = self.now + self.model.slept - model.age() + away;
        self.now = if anew { 0 } else { self.now };
        self.story.push(format!("        another process takes over, {away} ms after that"));
        let preset = self.session.preset().clone();
        let (now, span) = (Instant::from_millis(self.now), Duration::from_millis(away));
        let restored = Session::restore(preset, now, snapshot.clone(), span, Seed::from(self.story.len() as u64));
        self.session = restored.map_err(|error| error.to_string())?;
        // What was named after the storing is named again.
        (self.version, self.connection) = (version, 0);
        if std::mem::take(&mut self.stored_here) {
            // The process whose state was stored may have made its first id only then.
            model.nonce = self.model.nonce.take();
        }
        self.stored = Some((snapshot, model.clone(), version));
        let earlier = model.earlier.drain(..).chain(model.nonce.take()).collect();
        let met = std::mem::take(&mut self.model.met);
        self.model = Model { nonce: None, earlier, met, ..model.restarted(self.now, away) };
        self.compare(&Input::Restored, &Ok(None))
    }

    fn input(&mut self, input: &Input) -> Result<(), String> {
        let now = Instant::from_millis(self.now);
        let answer = match input {
            Input::Call(call) => call.clone().make(&mut self.session, now),
            happened => {
                self.session.handle(now, event(happened));
                Ok(None)
            }
        };
        if let Ok(Some(id)) = &answer {
            self.ids.retain(|known| known != id);
            self.ids.push(id.clone());
            let minted = id.as_text().and_then(|text| text.split_once('-'));
            self.model.nonce = self.model.nonce.take().or(minted.map(|(nonce, _)| nonce.to_owned()));
        }
        self.compare(input, &answer)
    }

    /// The session has had an input; the models get it too, and have to come to the same.
    fn compare(&mut self, input: &Input, answer: &Answered) -> Result<(), String> {
        let untaken = drain(&mut self.session.clone());
        let told: Vec<Action> = untaken.iter().filter(|action| is_predicted(action)).cloned().collect();
        let known = told.iter().zip(&self.model.out).take_while(|(told, before)| told == before).count();
        self.story.push(format!("{:>6}  {input:?} -> {answer:?}{}", self.now, lines(&told[known..])));
        self.seen
            .extend(told.iter().map(kind).chain(answer.as_ref().err().map(|refusal| word(&format!("{refusal:?}")))));
        let predicted = self.model.input(self.now, input);
        let named = self.note(&untaken);
        let must_persist = self.model.must_persist();
        self.model.finish(named);
        same("the answer", answer, &predicted)?;
        if told != self.model.out {
            return Err(format!("the actions are{}\nand the model has{}", lines(&told), lines(&self.model.out)));
        }
        let state = self.session.state();
        same("whether it is ready", &(state == State::Ready), &self.model.link.ready.is_some())?;
        let over = matches!(state, State::Closing | State::Stopped);
        same("whether it is over", &over, &(self.model.link.over != Over::No))?;
        same("whether there is something to store", &named.is_some(), &must_persist)?;
        for id in &self.ids {
            same(&format!("the status of {id}"), &self.session.status(id), &self.model.outbox.status(id))?;
        }
        same("the messages unsettled", &self.session.unsettled(), &self.model.outbox.letters.len())?;
        same("the figures", &figures(&self.session), &self.model.figures)?;
        self.compare_deadline()
    }

    /// What is not predicted but seen: that the session dials, and the number of a version; gives that.
    fn note(&mut self, untaken: &[Action]) -> Option<u64> {
        let before = self.version;
        for action in untaken {
            match action {
                Action::Connect { connection, .. } if connection.get() > self.connection => {
                    self.connection = connection.get();
                    self.model.dial(self.connection);
                }
                Action::Persist { version, .. } => self.version = self.version.max(*version),
                _ => {}
            }
        }
        (self.version > before).then_some(self.version)
    }

    /// The session wakes for its messages when the model would, unless the link has it wake before.
    fn compare_deadline(&self) -> Result<(), String> {
        let of_messages = |timer| matches!(timer, Timer::Receipt | Timer::Expiry | Timer::Drain);
        let next = self.session.next_deadline();
        let (told, expected) = (next.map(|next| next.at.as_millis()), self.model.deadline());
        let agrees = match (next, expected) {
            _ if self.session.state() == State::Stopped => true,
            (Some(next), _) if of_messages(next.timer) => told == expected,
            (_, Some(expected)) => told.is_some_and(|told| told <= expected),
            (_, None) => true,
        };
        if agrees { Ok(()) } else { Err(format!("the deadline is {next:?}, the model's {expected:?}")) }
    }
}

fn same<T: PartialEq + Debug>(what: &str, told: &T, predicted: &T) -> Result<(), String> {
    if told == predicted { Ok(()) } else { Err(format!("{what}: {told:?}, and the model has {predicted:?}")) }
}

/// What the link does by itself is not.
fn is_predicted(action: &Action) -> bool {
    match action {
        Action::Connect { .. }
        | Action::Close { .. }
        | Action::Abort { .. }
        | Action::Persist { .. }
        | Action::State { .. }
        | Action::ScheduleReconnect { .. }
        | Action::Alive { .. }
        | Action::Malformed { .. } => false,
        Action::Send { purpose, .. } => *purpose != Purpose::Heartbeat,
        _ => true,
    }
}

fn lines(actions: &[Action]) -> String {
    let line = |action: &Action| match action {
        Action::Send { connection, frame, .. } => format!("{connection}: {}", frame.as_text().unwrap_or("bytes")),
        other => format!("{other:?}"),
    };
    actions.iter().fold(String::new(), |lines, action| lines + "\n            " + &line(action))
}

/// What sort of action it is.
fn kind(action: &Action) -> String {
    let whole = match action {
        Action::Send { purpose, .. } => format!("{purpose:?}"),
        Action::Status { status, .. } => format!("{status:?}"),
        other => format!("{other:?}"),
    };
    word(&whole).split('(').next().unwrap_or_default().to_owned()
}

fn word(text: &str) -> String {
    text.split(' ').next().unwrap_or_default().to_owned()
}

fn figures(session: &Session) -> Figures {
    let stats = session.stats();
    Figures {
        resent: stats.resent,
        delivered: stats.delivered,
        duplicates: stats.duplicates,
        forgotten: stats.forgotten,
        unknown_receipts: stats.unknown_receipts,
        refused: stats.refused,
    }
}
