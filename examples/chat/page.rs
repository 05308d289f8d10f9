//! What is on the terminal: turns actions into lines.

use std::fmt::Write as _;

use redial::{Action, Body, Duration, Frame, Instant, Message, MessageId, PollCause, Purpose, Session, State, Status};
use serde_json::Value;

use super::events::{Events, Name, News};
use super::store::{Key, Side, Store};

/// A frame is shown up to here.
const FRAME_MAX: usize = 160;

/// The messages, and what is to be shown of everything else.
pub(crate) struct Page {
    store: Store,
    events: Option<Events>,
    /// A push says only that there is something to fetch, so it is no message.
    pulls: bool,
    frames: bool,
    /// Statuses that are not on the screen yet, so that those of one moment share a line.
    risen: Vec<(Key, Vec<Status>)>,
    /// How the last connection ended, for the line that tells of the next one.
    ended: Option<String>,
}

impl Page {
    /// An empty page for a service.
    pub(crate) fn new(preset: &str) -> Self {
        let events = (preset == "live_chat").then(named_events);
        let pulls = preset == "vue_polling";
        Self { store: Store::default(), events, pulls, frames: false, risen: Vec::new(), ended: None }
    }

    /// Shows frames from here on, or does not.
    pub(crate) fn toggle_frames(&mut self) {
        self.frames = !self.frames;
        say!("-- frames are {}", if self.frames { "shown" } else { "not shown any more" });
    }

    /// A message was taken.
    pub(crate) fn typed(&mut self, id: &MessageId, text: &str) {
        self.store.write(id, text);
    }

    /// The id of the own message with this number.
    pub(crate) fn own(&self, number: &str) -> Option<MessageId> {
        let (_, entry) = self.store.iter().find(|(key, _)| key.get().to_string() == number)?;
        entry.id.clone().filter(|_| matches!(entry.side, Side::Mine(_)))
    }

    /// Marks the message with this number as read.
    pub(crate) fn mark_read(&mut self, number: &str) -> bool {
        let key = self.store.iter().map(|(key, _)| key).find(|key| key.get().to_string() == number);
        key.is_some_and(|key| self.store.mark_read(key))
    }

    /// Lists all messages.
    pub(crate) fn list(&self) {
        for (key, entry) in self.store.iter() {
            let text = readable(&entry.body);
            let read = lower(&entry.read_state());
            match (entry.side, entry.send_state()) {
                (Side::Mine(status), Some(sending)) => {
                    let (sending, status) = (lower(&sending), word(status));
                    // The page's word and the session's, where they are two.
                    let both = if sending == status { sending } else { format!("{sending}: {status}") };
                    say!("   #{:<3} you: {text}   [{both}, {read}]", key.get());
                }
                _ => say!("   #{:<3} {text}   [{read}]", key.get()),
            }
        }
        say!("-- {} messages", self.store.len());
    }

    /// Says where a session is and why.
    pub(crate) fn state(session: &Session, now: Instant) {
        say!("-- {}", session.explain());
        match session.next_deadline() {
            Some(next) => say!("   now {now}; next: {} in {}", next.timer, seconds(next.at.since(now))),
            None => say!("   now {now}; no timer runs"),
        }
        let stats = session.stats();
        say!(
            "   {} connects, {} lost, {} heartbeats, {} frames in",
            stats.connects,
            stats.lost,
            stats.heartbeats,
            stats.frames_in
        );
    }

    /// A frame has come in.
    pub(crate) fn frame_in(&mut self, frame: &Frame) {
        if self.frames {
            self.flush();
            say!("   <- {}", frame_text(frame));
        }
    }

    /// A message was fetched by request.
    pub(crate) fn fetched(&mut self, text: &str) {
        self.deliver(&Action::Deliver(Message::new(None, text)));
    }

    /// Shows an action.
    pub(crate) fn on_action(&mut self, now: Instant, action: &Action) {
        match action {
            Action::Status { status, .. } => self.rise(action, *status),
            Action::Deliver(_) if self.pulls => {}
            Action::Deliver(_) => self.deliver(action),
            Action::Send { frame, purpose, .. } => {
                if self.frames {
                    self.flush();
                    let hidden = matches!(purpose, Purpose::Auth);
                    say!("   -> {}", if hidden { "(the login)".to_owned() } else { frame_text(frame) });
                }
            }
            other => {
                self.flush();
                self.tell(now, other);
            }
        }
        if let Some(events) = &mut self.events {
            events.on_action(action);
        }
    }

    /// Brings the statuses of this moment on the screen.
    pub(crate) fn flush(&mut self) {
        for (key, statuses) in self.risen.drain(..) {
            let words: Vec<String> = statuses.into_iter().map(word).collect();
            say!("     #{} {}", key.get(), words.join(", "));
        }
    }

    fn deliver(&mut self, action: &Action) {
        self.flush();
        let key = self.store.on_action(action);
        if let (Some(key), Action::Deliver(message)) = (key, action) {
            say!("#{:<3} {}", key.get(), readable(&message.body));
        }
    }

    fn rise(&mut self, action: &Action, status: Status) {
        let Some(key) = self.store.on_action(action) else { return };
        match self.risen.iter_mut().find(|(risen, _)| *risen == key) {
            Some((_, statuses)) => statuses.push(status),
            None => self.risen.push((key, vec![status])),
        }
    }

    fn tell(&mut self, now: Instant, action: &Action) {
        match action {
            Action::State { state, cause, reason } => {
                let mut line = cause.map_or(String::new(), |cause| cause.to_string());
                if !reason.is_empty() {
                    let _ = write!(line, " ({reason})");
                }
                match state {
                    State::Waiting => self.ended = Some(line),
                    State::Stopped => say!("-- stopped: {line}"),
                    State::Connecting | State::Idle => {}
                    other => say!("-- {other}"),
                }
            }
            Action::ScheduleReconnect { at, attempt, cause, .. } => {
                let why = self.ended.take().unwrap_or_else(|| cause.to_string());
                say!("-- {why}; try {attempt} in {}", seconds(at.since(now)));
            }
            Action::Kicked { .. } => say!("-- this account is connected elsewhere"),
            Action::Malformed { error, .. } => say!("-- a frame that makes no sense: {error}"),
            Action::Unsent { .. } => say!("-- something could not be written"),
            Action::LateReceipt { id } => say!("-- {id} did arrive after all"),
            Action::Poll { cause } => say!("-- polling: {}", why_poll(*cause)),
            Action::Alive { rtt: Some(rtt), .. } if self.frames => say!("   alive, {rtt} there and back"),
            _ => {}
        }
    }
}

fn why_poll(cause: PollCause) -> &'static str {
    match cause {
        PollCause::Silence => "no push for a while",
        PollCause::Down => "the socket stays down",
        PollCause::Push => "something has changed",
        _ => "the session asks for it",
    }
}

/// The events as this program tells them; messages and heartbeats have lines of their own.
fn named_events() -> Events {
    let mut events = Events::default();
    for name in Name::ALL.into_iter().filter(|name| !matches!(name, Name::Message | Name::Heartbeat)) {
        events.on(name, move |news| match news {
            News::Close { code: Some(code), reason } => say!("   (event {name} {code} {reason})"),
            _ => say!("   (event {name})"),
        });
    }
    events
}

/// A body as a person wants it: the words inside of what the services wrap them in.
fn readable(body: &Body) -> String {
    let Some(text) = body.as_text() else { return format!("({} bytes)", body.len()) };
    let value = serde_json::from_str::<Value>(text).unwrap_or_default();
    let field = |name: &str| value.get(name).and_then(Value::as_str);
    match (field("content"), field("message"), field("from")) {
        (Some(content), _, _) => content.to_owned(),
        (None, Some(message), Some(from)) => format!("{from}: {message}"),
        (None, Some(message), None) => message.to_owned(),
        _ => text.to_owned(),
    }
}

fn frame_text(frame: &Frame) -> String {
    match frame {
        Frame::Text(text) if text.chars().count() > FRAME_MAX => {
            format!("{}... ({} bytes)", text.chars().take(FRAME_MAX).collect::<String>(), text.len())
        }
        Frame::Text(text) => text.to_string(),
        Frame::Binary(bytes) => format!("({} bytes)", bytes.len()),
        Frame::Ping(_) => "(a WebSocket ping)".to_owned(),
        Frame::Pong(_) => "(a WebSocket pong)".to_owned(),
    }
}

fn word(status: Status) -> String {
    match status {
        Status::NotSent => "not sent".to_owned(),
        Status::Rejected { code } => format!("rejected ({code})"),
        other => lower(&other),
    }
}

fn lower(value: &impl std::fmt::Debug) -> String {
    format!("{value:?}").to_lowercase()
}

fn seconds(span: Duration) -> String {
    format!("{}.{} s", span.as_millis() / 1_000, span.as_millis() % 1_000 / 100)
}
