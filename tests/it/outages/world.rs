//! One outage: a session, a server that loses every connection in ways of its own, and what hosts and applications do.

use redial::{
    Action, Config, ConnectionId, Deadline, Duration, Event, Frame, Instant, Preset, Seed, Session, State,
    TransportError,
};

use crate::sim::Dice;

/// What can cause connects in an outage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Powers {
    /// A server on which no connection proves to be of use.
    Outage,
    /// Any server.
    Server,
    /// Any server, hints and calls.
    Everything,
}

/// What a server does with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Refuse,
    Hang,
    Drop,
    Silence,
    FailHeartbeats,
    Deliver,
    Hold,
    Keep,
}

/// How a server loses a connection that is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loss {
    Error,
    Close,
    /// In turn an error and a close, so that no pattern shows.
    InTurn,
    /// The next heartbeat cannot be written.
    Heartbeat,
    /// Nothing comes any more.
    Silence,
}

pub(crate) struct World {
    session: Session,
    dice: Dice,
    powers: Powers,
    now: u64,
    favourite: Act,
    /// How often the server does something else than its favourite, in per cent.
    moods: u64,
    /// How many connections in a row the server ends at once before it makes one useful or stable; `None` for a server
    /// without a plan.
    ends: Option<usize>,
    nth: Act,
    /// How it ends those.
    others: Act,
    /// How late the host's ticks are.
    late: u64,
    act: Act,
    connection: ConnectionId,
    /// When the server acts next.
    due: Option<u64>,
    /// Whether the next connect is the user's own.
    exempt: bool,
    connects: Vec<u64>,
    /// How often the server hesitates, in per cent: the quickest one provokes the most.
    hesitates: u64,
    loss: Loss,
    /// How often hints and calls come, in milliseconds, and which one the most.
    pace: u64,
    word: u64,
}

impl World {
    pub(crate) fn new(config: &Config, powers: Powers, seed: u64) -> Self {
        let mut dice = Dice::new(seed ^ 0x5eed);
        let mut config = config.clone();
        if dice.percent(50) && powers != Powers::Outage {
            // A server may ask for heartbeats that often. One a millisecond would use up all steps.
            let every = config.heartbeat.every;
            config.heartbeat.every = every.max(Duration::from_millis(100)).min(Duration::from_secs(5));
        }
        let preset = Preset::plain().with_config(config.clone()).expect("it is sound");
        let favourite = act(&mut dice, powers);
        let (moods, hesitates) = (dice.one_of(&[0, 0, 3, 10, 30, 100]), dice.one_of(&[0, 0, 10]));
        let plans = powers != Powers::Outage && dice.percent(60);
        let ends = plans.then(|| dice.one_of(&[0, 0, 1, 2, 2, 3, 3, 4, 5, 6, 8, 12]));
        let best = cheapest(&config);
        let losses = [Loss::Error, Loss::Close, Loss::InTurn, best, best, best, Loss::Heartbeat, Loss::Silence];
        let nth = if config.reconnect.stable > Duration::from_secs(60) { Act::Deliver } else { Act::Hold };
        let nth = dice.one_of(&[nth, nth, Act::Deliver]);
        let others = dice.one_of(&[Act::Deliver, Act::Drop, Act::Refuse]);
        let late = dice.one_of(&[0, 0, 0, 0, 0, 0, 0, 0, 1_001, 5_001]);
        let loss = if plans { dice.one_of(&losses) } else { losses[usize::from(seed % 2 == 1)] };
        let (pace, word) = (dice.one_of(&[50, 1_000, 6_000, 40_000]), dice.below(8));
        Self {
            session: Session::new(preset, Seed::from(seed)),
            dice,
            powers,
            now: 0,
            favourite,
            moods,
            ends,
            nth,
            others,
            late,
            act: favourite,
            connection: ConnectionId::new(0),
            due: None,
            exempt: false,
            connects: Vec::new(),
            hesitates,
            loss,
            pace,
            word,
        }
    }

    pub(crate) fn connects(&self) -> &[u64] {
        &self.connects
    }

    /// The most connects in any window of this length, both ends included.
    pub(crate) fn most_within(&self, window: u64) -> u32 {
        let most = self
            .connects
            .iter()
            .enumerate()
            .map(|(at, from)| self.connects[at..].iter().take_while(|connect| **connect - from <= window).count());
        u32::try_from(most.max().unwrap_or_default()).expect("they are few")
    }

    /// Plays for a time; the first connect is that of the user's `open`.
    pub(crate) fn play(&mut self, span: Duration) {
        self.session.open(self.instant());
        self.settle();
        let mut next_word = self.word_time();
        for _ in 0..20_000 {
            let deadline =
                self.session.next_deadline().map(|Deadline { at, .. }| at.as_millis().saturating_add(self.late));
            let word = (self.powers == Powers::Everything && self.ends.is_none()).then_some(next_word);
            let Some(at) = [self.due, deadline, word].into_iter().flatten().min().filter(|at| *at <= span.as_millis())
            else {
                return;
            };
            self.now = at.max(self.now);
            if self.due.is_some_and(|due| due <= self.now) {
                self.due = None;
                self.serve();
            } else if word.is_some_and(|word| word <= self.now) {
                next_word = self.word_time();
                self.speak();
            } else {
                self.session.handle(self.instant(), Event::Tick);
            }
            self.settle();
        }
    }

    fn instant(&self) -> Instant {
        Instant::from_millis(self.now)
    }

    fn word_time(&mut self) -> u64 {
        self.now + self.dice.between(1, self.pace)
    }

    fn event(&mut self, event: Event) {
        self.session.handle(self.instant(), event);
    }

    /// A hint or a call.
    fn speak(&mut self) {
        let now = self.instant();
        let any = self.dice.below(8);
        match if self.dice.percent(self.moods) { any } else { self.word } {
            0..2 => self.event(Event::Online),
            2 => self.event(Event::Offline),
            3 => self.event(Event::Woke { asleep: Duration::from_secs(3) }),
            4 => self.open(),
            5..7 => _ = self.session.reconnect_now(now),
            _ => {
                self.session.close(now);
                self.open();
            }
        }
        if self.session.state() == State::Stopped {
            self.open();
        }
    }

    fn open(&mut self) {
        self.exempt = matches!(self.session.state(), State::Stopped | State::Closing);
        self.session.open(self.instant());
        self.settle();
    }

    /// Does to the connection what the server wants to do now.
    fn serve(&mut self) {
        let connection = self.connection;
        match (self.act, self.session.state()) {
            (Act::Refuse, State::Connecting) => {
                self.event(Event::errored(connection, TransportError::Refused));
                self.hurry();
            }
            (Act::Refuse | Act::Hang, _) => {}
            (act, State::Connecting) => {
                self.event(Event::Opened { connection });
                self.due = match act {
                    Act::Silence | Act::FailHeartbeats => None,
                    Act::Hold | Act::Keep => Some(self.now),
                    _ => Some(self.now + self.hesitation()),
                };
            }
            (Act::Deliver, State::Ready) => {
                self.event(Event::FrameIn { connection, frame: Frame::text("hello") });
                self.lose();
            }
            (Act::Hold, State::Ready) => {
                self.event(Event::FrameIn { connection, frame: Frame::Pong(Vec::new()) });
                self.act = Act::Drop;
                let stable = self.session.preset().config().reconnect.stable;
                self.due = Some(self.now.saturating_add(stable.as_millis()));
            }
            (Act::Keep, State::Ready) => self.event(Event::FrameIn { connection, frame: Frame::Pong(Vec::new()) }),
            (_, State::Ready) => self.lose(),
            _ => {}
        }
    }

    fn lose(&mut self) {
        let connection = self.connection;
        match self.loss {
            Loss::Error => self.event(Event::errored(connection, TransportError::Io)),
            Loss::InTurn if connection.get() % 2 == 0 => self.event(Event::errored(connection, TransportError::Io)),
            Loss::Close | Loss::InTurn => {
                self.event(Event::Closed { connection, code: None, reason: String::new() });
            }
            // A user in a hurry waits for no silence.
            Loss::Heartbeat | Loss::Silence if self.powers == Powers::Everything => {}
            Loss::Heartbeat => self.act = Act::FailHeartbeats,
            Loss::Silence => self.act = Act::Silence,
        }
        self.hurry();
    }

    /// The user of a server with a plan is in a hurry.
    fn hurry(&mut self) {
        if self.ends.is_some() && self.powers == Powers::Everything {
            _ = self.session.reconnect_now(self.instant());
        }
    }

    fn hesitation(&mut self) -> u64 {
        if self.dice.percent(self.hesitates) { self.dice.between(0, 3_000) } else { 0 }
    }

    /// Does what the session wants.
    fn settle(&mut self) {
        while let Some(action) = self.session.poll_action() {
            match action {
                Action::Connect { connection, .. } => {
                    if !std::mem::take(&mut self.exempt) {
                        self.connects.push(self.now);
                    }
                    let other = act(&mut self.dice, self.powers);
                    self.act = match self.ends {
                        Some(ends) if self.connects.len() % (ends + 1) == 0 => self.nth,
                        Some(_) => self.others,
                        None if self.dice.percent(self.moods) => other,
                        None => self.favourite,
                    };
                    self.connection = connection;
                    self.due = (self.act != Act::Hang).then(|| self.now + self.hesitation());
                }
                Action::Send { connection, purpose, .. } if self.act == Act::FailHeartbeats => {
                    self.event(Event::SendFailed { connection, purpose: Some(purpose) });
                }
                Action::Send { connection, .. }
                    if self.powers != Powers::Outage
                        && self.act != Act::Silence
                        && connection == self.connection
                        && self.session.state() == State::Ready =>
                {
                    self.event(Event::FrameIn { connection, frame: Frame::Pong(Vec::new()) });
                }
                _ => {}
            }
        }
    }
}

/// The way to lose a ready connection that this policy answers first.
fn cheapest(config: &Config) -> Loss {
    let first = &config.reconnect.first;
    match (first.errored, first.closed) {
        (Some(errored), Some(closed)) if errored == closed => Loss::InTurn,
        (Some(errored), Some(closed)) if errored > closed => Loss::Close,
        (None, Some(_)) => Loss::Close,
        (Some(_), _) => Loss::Error,
        (None, None) => Loss::Silence,
    }
}

fn act(dice: &mut Dice, powers: Powers) -> Act {
    match powers {
        Powers::Outage => {
            dice.one_of(&[Act::Refuse, Act::Drop, Act::Refuse, Act::Drop, Act::Hang, Act::Silence, Act::FailHeartbeats])
        }
        Powers::Server => dice.one_of(&[Act::Deliver, Act::Deliver, Act::Hold, Act::Hold, Act::Refuse, Act::Silence]),
        Powers::Everything => dice.one_of(&[Act::Silence, Act::Hang, Act::Keep, Act::Keep, Act::Hold, Act::Drop]),
    }
}
