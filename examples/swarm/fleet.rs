//! Many sessions on one thread, against a network and servers that exist in memory only, under a virtual clock.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time;

use redial::{Action, ConnectionId, Duration, Event, Frame, Instant, Preset, Seed, Session, State};

use crate::agenda::Agenda;

const HOUR: Duration = Duration::from_secs(3_600);
/// From a session to its server and back.
const ROUND_TRIP: Duration = Duration::from_millis(40);

/// The sessions of one thread.
#[derive(Debug)]
pub(crate) struct Fleet {
    sessions: Vec<Session>,
    agenda: Agenda,
    pub(crate) figures: Figures,
}

/// What the servers do, on its way to the sessions: one delay for all, so a queue is in order by itself.
#[derive(Debug, Default)]
pub(crate) struct Answers(VecDeque<(Instant, u32, Event)>);

/// What a fleet has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    /// Ticks that were due.
    pub(crate) ticks: u64,
    /// Events of the network.
    pub(crate) events: u64,
    /// Entries of the agenda that came up too early, because the deadline had moved.
    pub(crate) moved: u64,
    pub(crate) connects: u64,
    pub(crate) beats: u64,
    /// The most connects in one virtual second.
    pub(crate) busiest_second: u64,
    second: u64,
    connects_in_second: u64,
}

/// What an hour of a fleet comes to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hour {
    pub(crate) figures: Figures,
    /// Sessions whose connection carries messages at the end.
    pub(crate) ready: usize,
    /// What the sessions, their preset and their agenda hold at the end.
    pub(crate) bytes: i64,
    pub(crate) took: time::Duration,
}

impl Hour {
    /// An hour of so many sessions: opened over the first minute, disconnected all at once after half an hour.
    pub(crate) fn of(sessions: u32) -> Self {
        let start = time::Instant::now();
        let mut hour = Self { figures: Figures::default(), ready: 0, bytes: 0, took: time::Duration::ZERO };
        let mut kept = None;
        let memory = allocation_counter::measure(|| {
            let (mut fleet, mut answers) = (Fleet::new(sessions, &Arc::new(Preset::plain())), Answers::default());
            let half = Instant::ORIGIN + Duration::from_secs(1_800);
            fleet.open_all(&mut answers, Instant::ORIGIN, Duration::from_secs(60));
            fleet.run_until(&mut answers, half);
            fleet.disconnect_all(&mut answers, half);
            fleet.run_until(&mut answers, Instant::ORIGIN + HOUR);
            kept = Some(fleet);
        });
        if let Some(fleet) = kept {
            (hour.figures, hour.ready) = (fleet.figures, fleet.ready());
        }
        Self { bytes: memory.bytes_current, took: start.elapsed(), ..hour }
    }

    /// Nanoseconds an input, finding out who is due included.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    pub(crate) fn nanoseconds(&self) -> f64 {
        self.took.as_secs_f64() * 1e9 / (self.figures.ticks + self.figures.events) as f64
    }

    /// Everything the host did for one session: ticks, events, entries looked at. The same for any number of sessions
    /// where nobody is scanned.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    pub(crate) fn steps_each(&self) -> f64 {
        (self.figures.ticks + self.figures.events + self.figures.moved) as f64 / self.ready.max(1) as f64
    }

    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    pub(crate) fn mebibytes(&self) -> f64 {
        self.bytes as f64 / 1_048_576.0
    }
}

impl Fleet {
    /// So many sessions that share one preset.
    pub(crate) fn new(sessions: u32, preset: &Arc<Preset>) -> Self {
        let made = (0..sessions).map(|number| Session::new(Arc::clone(preset), Seed::from(u64::from(number))));
        Self { sessions: made.collect(), agenda: Agenda::new(sessions as usize), figures: Figures::default() }
    }

    /// Opens every session, spread evenly over a span: nobody starts a hundred thousand clients in one millisecond.
    pub(crate) fn open_all(&mut self, answers: &mut Answers, from: Instant, span: Duration) {
        let count = self.sessions.len() as u64;
        for number in 0..count {
            let now = from + Duration::from_millis(span.as_millis() * number / count.max(1));
            self.run_until(answers, now);
            let Ok(number) = u32::try_from(number) else { return };
            self.input(answers, now, number, |session| session.open(now));
        }
    }

    /// Every connection is closed in one moment, as when a load balancer restarts.
    pub(crate) fn disconnect_all(&mut self, answers: &mut Answers, now: Instant) {
        answers.0.clear();
        for number in 0..u32::try_from(self.sessions.len()).unwrap_or(u32::MAX) {
            // The swarm's servers count connections as the sessions do, so the present one is the last that was opened.
            let connects = self.sessions.get(number as usize).map_or(0, |session| session.stats().connects);
            let closed =
                Event::Closed { connection: ConnectionId::new(connects), code: Some(1001), reason: String::new() };
            self.figures.events += 1;
            self.input(answers, now, number, |session| session.handle(now, closed));
        }
    }

    /// Lets virtual time pass: what is due and what arrives, in order, and nothing else.
    pub(crate) fn run_until(&mut self, answers: &mut Answers, end: Instant) {
        loop {
            let arrival = answers.0.front().map(|(at, _, _)| *at).filter(|at| *at <= end);
            let entry = self.agenda.next().filter(|at| *at <= end);
            let Some(now) = [arrival, entry].into_iter().flatten().min() else { return };
            if arrival != Some(now) {
                self.come_up(answers, now);
            } else if let Some((_, number, event)) = answers.0.pop_front() {
                self.figures.events += 1;
                self.input(answers, now, number, |session| session.handle(now, event));
            }
        }
    }

    fn come_up(&mut self, answers: &mut Answers, now: Instant) {
        while let Some(number) = self.agenda.pop_due(now) {
            let Some(session) = self.sessions.get(number as usize) else { continue };
            match session.next_deadline() {
                Some(deadline) if deadline.at <= now => {
                    self.figures.ticks += 1;
                    self.input(answers, now, number, |session| session.handle(now, Event::Tick));
                }
                later => {
                    self.figures.moved += 1;
                    self.agenda.note(number, later.map(|deadline| deadline.at));
                }
            }
        }
    }

    /// One input to one session, everything it wants done about it, and its new deadline.
    fn input(&mut self, answers: &mut Answers, now: Instant, number: u32, work: impl FnOnce(&mut Session)) {
        let Some(session) = self.sessions.get_mut(number as usize) else { return };
        work(session);
        while let Some(action) = session.poll_action() {
            let event = match action {
                Action::Connect { connection, .. } => {
                    self.figures.count_connect(now);
                    Event::Opened { connection }
                }
                Action::Send { connection, frame: Frame::Ping(payload), .. } => {
                    self.figures.beats += 1;
                    Event::FrameIn { connection, frame: Frame::Pong(payload) }
                }
                _ => continue,
            };
            answers.0.push_back((now + ROUND_TRIP, number, event));
        }
        self.agenda.note(number, session.next_deadline().map(|deadline| deadline.at));
    }

    /// Sessions whose connection carries messages.
    pub(crate) fn ready(&self) -> usize {
        self.sessions.iter().filter(|session| session.state() == State::Ready).count()
    }
}

impl Figures {
    fn count_connect(&mut self, now: Instant) {
        self.connects += 1;
        let second = now.as_millis() / 1_000;
        if second != self.second {
            (self.second, self.connects_in_second) = (second, 0);
        }
        self.connects_in_second += 1;
        self.busiest_second = self.busiest_second.max(self.connects_in_second);
    }
}
