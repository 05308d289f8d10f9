//! A host that feeds a session from a journal.

use redial::journal::{Call, Header, Input, LineError, Output, Player};
use redial::{ConnectionId, Deadline, Event, Frame, Instant, Preset, Seed, Session};

use crate::{Screen, Talk};

/// A host that feeds a session from a journal, under a clock of its own.
#[derive(Debug)]
pub struct Host {
    player: Player,
    now: Instant,
    /// What went in, a line each, the header first.
    pub journal: Vec<String>,
    /// What came out, a line each.
    pub answers: Vec<String>,
    /// What the application made of it.
    pub screen: Screen,
}

impl Host {
    /// A host whose session is not open yet.
    pub fn new(preset: Preset, seed: Seed) -> Self {
        let header = Input::Header(Header::new(&preset, seed)).to_line();
        let player = Player::new(Session::new(preset, seed));
        Self { player, now: Instant::ORIGIN, journal: vec![header], answers: Vec::new(), screen: Screen::default() }
    }

    /// The session.
    pub fn session(&self) -> &Session {
        self.player.session()
    }

    /// The time by the host's clock.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Moves the clock, to a time in milliseconds.
    pub fn clock(&mut self, millis: u64) {
        self.now = Instant::from_millis(millis);
    }

    /// Asks something of the session; gives why it was refused.
    pub fn call(&mut self, call: Call) -> Option<String> {
        self.play(&Input::Call { now: self.now, call })
    }

    /// Sends a text under an id; gives why it was refused.
    pub fn send(&mut self, id: &str, text: &str) -> Option<String> {
        self.call(Call::Send { body: text.into(), id: Some(id.into()), time_to_live: None, once: false })
    }

    /// Tells the session what happened.
    pub fn event(&mut self, event: Event) {
        self.play(&Input::Event { now: self.now, event });
    }

    /// Tells the session that a line came.
    pub fn line(&mut self, connection: ConnectionId, line: &str) {
        self.event(Event::FrameIn { connection, frame: Frame::text(line.to_owned()) });
    }

    /// Waits for the next deadline and says that its time has come; gives what it was.
    pub fn wait(&mut self) -> Option<Deadline> {
        let deadline = self.session().next_deadline()?;
        self.now = self.now.max(deadline.at);
        self.event(Event::Tick);
        Some(deadline)
    }

    /// The connection that was asked for last.
    pub fn connection(&self) -> Option<ConnectionId> {
        self.screen.dialled.last().map(|(connection, ..)| *connection)
    }

    fn play(&mut self, input: &Input) -> Option<String> {
        let line = input.to_line();
        let mut refused = None;
        for output in self.player.play(&line) {
            self.answers.push(output.to_line());
            match output {
                Output::Action { action, .. } => self.screen.take(action),
                Output::Error { error, .. } => refused = Some(error),
                // Ids and deadlines are asked of the session itself.
                _ => {}
            }
        }
        self.journal.push(line);
        refused
    }
}

/// Plays a journal of this dialect again; gives all that comes out.
pub fn replay(journal: &[String]) -> Result<Vec<String>, LineError> {
    let (first, rest) = journal.split_first().ok_or(LineError::Kind)?;
    let Input::Header(header) = Input::from_line(first)? else { return Err(LineError::Kind) };
    let mut player = Player::new(Session::new(Talk::preset_of(&header)?, header.seed));
    Ok(rest.iter().flat_map(|line| player.play(line)).map(|output| output.to_line()).collect())
}
