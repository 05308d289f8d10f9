//! The conversation between a person, a session and the page between them.

use std::collections::VecDeque;
use std::io::{self, IsTerminal as _};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::{thread, time};

use redial::config::WhileDown;
use redial::journal::Call;
use redial::{Action, MessageId, PollCause, Session, State};
use redial_blocking::{Client, Summary};

use super::options::{Options, commands};
use super::page::Page;
use super::poll::{self, News};
use super::{Input, Running};

/// How long the end of the input waits for what is unsettled.
const PATIENCE: time::Duration = time::Duration::from_secs(15);
/// What happens within so short a time is shown together.
const MOMENT: time::Duration = time::Duration::from_millis(20);

pub(crate) struct Chat {
    page: Page,
    client: Client,
    /// The loop of the session, which ends after the session does.
    thread: thread::JoinHandle<Summary>,
    options: Options,
    inputs: Sender<Input>,
    /// A pipe types faster than a socket opens: its lines wait for the connection where the session would refuse them.
    lines: VecDeque<String>,
    lines_wait: bool,
    end: End,
    polls: Polls,
}

/// How far the program is from its end.
enum End {
    /// Nobody has asked for it.
    Open,
    /// The input has ended: what is unsettled gets its time.
    Settling(time::Instant),
    /// The session is closing because somebody said so.
    Leaving,
    /// The session has stopped; whether it was asked to.
    Stopped { asked: bool },
}

/// Fetching by request: one at a time.
#[derive(Default)]
struct Polls {
    wanted: bool,
    fetched: usize,
    under_way: bool,
    /// Something has changed since the present one was sent.
    again: bool,
}

impl Chat {
    pub(crate) fn new(options: Options, (client, thread): Running, inputs: Sender<Input>) -> Self {
        let refuses = options.preset.config().outbox.while_down != WhileDown::Queue;
        let polls = Polls { wanted: options.preset.config().fallback.is_on(), ..Polls::default() };
        Self {
            page: Page::new(options.preset.name()),
            client,
            thread,
            options,
            inputs,
            lines: VecDeque::new(),
            lines_wait: refuses && !io::stdin().is_terminal(),
            end: End::Open,
            polls,
        }
    }

    /// Goes on until the session stops. Says whether somebody wanted that, and nothing was left unsettled.
    pub(crate) fn run(mut self, happened: &Receiver<Input>) -> bool {
        loop {
            match happened.recv_timeout(MOMENT) {
                Ok(input) => self.on_input(input),
                Err(RecvTimeoutError::Timeout) => self.page.flush(),
                Err(RecvTimeoutError::Disconnected) => return false,
            }
            self.type_lines();
            match self.end {
                End::Open | End::Leaving => {}
                End::Settling(since) => {
                    let (unsettled, lines) = (self.client.look(Session::unsettled), self.lines.len());
                    if unsettled + lines == 0 {
                        self.leave(None, "");
                    } else if since.elapsed() >= PATIENCE {
                        say!("-- {unsettled} messages are unsettled, {lines} lines were never sent");
                        return false;
                    }
                }
                End::Stopped { asked } => {
                    for input in happened.try_iter() {
                        self.on_input(input);
                    }
                    self.page.flush();
                    self.client.close();
                    return self.thread.join().is_ok() && asked;
                }
            }
        }
    }

    fn on_input(&mut self, input: Input) {
        match input {
            Input::Line(line) => self.lines.push_back(line),
            Input::End if matches!(self.end, End::Open) => self.end = End::Settling(time::Instant::now()),
            Input::End => {}
            Input::FrameIn(frame) => self.page.frame_in(&frame),
            Input::Polled(news) => self.on_polled(news),
            Input::Action(now, action) => {
                self.page.on_action(now, &action);
                match action {
                    Action::State { state: State::Stopped, .. } => {
                        self.on_stopped();
                    }
                    // Pushes may have been missed while nobody was connected.
                    Action::State { state: State::Ready, .. } if self.polls.wanted => self.poll(PollCause::Push),
                    Action::NeedCredential { challenge, .. } => self.prove(challenge),
                    Action::Poll { cause } => self.poll(cause),
                    _ => {}
                }
            }
        }
    }

    /// Somebody at the terminal may want to begin anew; a pipe has had its say.
    fn on_stopped(&mut self) {
        let asked = matches!(self.end, End::Leaving);
        if asked || !io::stdin().is_terminal() {
            self.end = End::Stopped { asked };
        } else {
            say!("   /open begins anew, /quit ends");
        }
    }

    /// Answers the live chat's challenge with its key, and any other question with the name.
    fn prove(&mut self, challenge: Option<String>) {
        let proof = match (&self.options.key, challenge) {
            (Some(key), Some(seed)) => format!("{:x}", md5::compute(format!("{seed}{key}"))),
            _ => self.options.name.clone(),
        };
        self.call(Call::Credential { connection: None, value: proof.into() });
    }

    fn poll(&mut self, cause: PollCause) {
        if self.polls.under_way {
            // The one under way may be too early to see this change.
            self.polls.again |= cause == PollCause::Push;
            return;
        }
        self.polls.under_way = true;
        let (url, since, inputs) = (self.options.url.clone(), self.polls.fetched, self.inputs.clone());
        thread::spawn(move || drop(inputs.send(Input::Polled(poll::messages(&url, since)))));
    }

    fn on_polled(&mut self, news: io::Result<News>) {
        self.polls.under_way = false;
        match news {
            Ok(news) if news.total < self.polls.fetched => {
                // The server has begun anew, and counts from one again.
                self.polls.fetched = 0;
                self.polls.again = true;
            }
            Ok(news) => {
                self.polls.fetched = news.total;
                let mine = format!("{}: ", self.options.name);
                for text in news.messages.iter().filter(|text| !text.starts_with(&mine)) {
                    self.page.fetched(text);
                }
            }
            Err(error) => say!("-- the poll failed: {error}"),
        }
        if std::mem::take(&mut self.polls.again) {
            self.poll(PollCause::Push);
        }
    }

    fn type_lines(&mut self) {
        while let Some(line) = self.lines.pop_front() {
            let is_command = line.starts_with('/');
            if self.lines_wait && !is_command && self.client.look(Session::state) != State::Ready {
                self.lines.push_front(line);
                return;
            }
            match line.trim_end() {
                "" => {}
                command if is_command => self.command(command),
                text => self.say(text),
            }
        }
    }

    fn say(&mut self, text: &str) {
        match self.client.send(text) {
            Ok(sent) => self.page.typed(&sent.id, text),
            Err(error) => say!("-- refused: {error}"),
        }
    }

    fn command(&mut self, line: &str) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.trim();
        match word {
            "/help" => say!("{}", commands()),
            "/state" => self.client.look(|session| Page::state(session, session.now())),
            "/frames" => self.page.toggle_frames(),
            "/list" => self.page.list(),
            "/read" if self.page.mark_read(rest) => say!("-- #{rest} is read"),
            "/resend" => self.call(Call::Resend { id: self.message(rest) }),
            "/cancel" => self.call(Call::Cancel { id: self.message(rest) }),
            "/open" => self.call(Call::Open),
            "/reconnect" => self.call(Call::ReconnectNow),
            "/close" => {
                let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
                self.leave(code.parse().ok(), reason);
            }
            "/quit" => self.leave(None, ""),
            _ => say!("-- `{line}` makes no sense here; try /help"),
        }
    }

    /// A number as it stands on the screen, or an id as it stands on the wire.
    fn message(&self, number: &str) -> MessageId {
        self.page.own(number).unwrap_or_else(|| MessageId::from(number))
    }

    fn call(&self, call: Call) {
        if let Err(error) = self.client.call(call) {
            say!("-- refused: {error}");
        }
    }

    fn leave(&mut self, code: Option<u16>, reason: &str) {
        if self.client.look(Session::state) == State::Stopped {
            self.end = End::Stopped { asked: true };
            return;
        }
        match self.client.call(Call::Close { code, reason: reason.to_owned() }) {
            Ok(()) => self.end = End::Leaving,
            Err(error) => say!("-- refused: {error}"),
        }
    }
}
