//! The seven named events that pages of the live chat listen to, told from actions alone.
//!
//! | event | when |
//! |---|---|
//! | `connect` | the socket is open; the login may still come |
//! | `reconnect` | the tries are used up. The service's own name for it; nothing connects again by itself |
//! | `connect_other_place` | this account is connected elsewhere |
//! | `message` | a message was delivered |
//! | `heartbeat` | a heartbeat was answered |
//! | `close` | an open connection has ended, other than by an error |
//! | `error` | a connection failed |

use std::fmt;

use redial::{Action, Body, Cause, Message, Reason, State};

/// The name of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    Connect,
    Reconnect,
    ConnectOtherPlace,
    Message,
    Heartbeat,
    Close,
    Error,
}

/// An event with what it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News<'a> {
    Connect,
    Reconnect { attempts: u32 },
    ConnectOtherPlace(&'a Body),
    Message(&'a Message),
    Heartbeat,
    Close { code: Option<u32>, reason: &'a str },
    Error(Cause),
}

impl News<'_> {
    fn name(&self) -> Name {
        match self {
            Self::Connect => Name::Connect,
            Self::Reconnect { .. } => Name::Reconnect,
            Self::ConnectOtherPlace(_) => Name::ConnectOtherPlace,
            Self::Message(_) => Name::Message,
            Self::Heartbeat => Name::Heartbeat,
            Self::Close { .. } => Name::Close,
            Self::Error(_) => Name::Error,
        }
    }
}

impl Name {
    /// All of them.
    pub(crate) const ALL: [Self; 7] = [
        Self::Connect,
        Self::Reconnect,
        Self::ConnectOtherPlace,
        Self::Message,
        Self::Heartbeat,
        Self::Close,
        Self::Error,
    ];
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connect",
            Self::Reconnect => "reconnect",
            Self::ConnectOtherPlace => "connect_other_place",
            Self::Message => "message",
            Self::Heartbeat => "heartbeat",
            Self::Close => "close",
            Self::Error => "error",
        })
    }
}

type Listener = Box<dyn FnMut(News<'_>) + Send>;

/// Listeners by event. Whether a socket is open is the one thing that is remembered between actions.
#[derive(Default)]
pub(crate) struct Events {
    listeners: Vec<(Name, Listener)>,
    open: bool,
}

impl Events {
    /// Adds a listener; several of one event are called in the order they were added.
    pub(crate) fn on(&mut self, name: Name, listener: impl FnMut(News<'_>) + Send + 'static) -> &mut Self {
        self.listeners.push((name, Box::new(listener)));
        self
    }

    /// Tells the listeners what an action means to a page.
    pub(crate) fn on_action(&mut self, action: &Action) {
        match action {
            Action::State { state, cause, reason } => self.on_state(*state, *cause, reason),
            Action::GaveUp { attempts } => self.emit(News::Reconnect { attempts: *attempts }),
            Action::Kicked { body } => self.emit(News::ConnectOtherPlace(body)),
            Action::Deliver(message) => self.emit(News::Message(message)),
            Action::Alive { .. } => self.emit(News::Heartbeat),
            _ => {}
        }
    }

    fn on_state(&mut self, state: State, cause: Option<Cause>, reason: &Reason) {
        match state {
            State::Authenticating | State::Ready if !self.open => {
                self.open = true;
                self.emit(News::Connect);
            }
            State::Waiting | State::Stopped => {
                let was_open = std::mem::take(&mut self.open);
                match cause {
                    Some(cause @ (Cause::Errored | Cause::HeartbeatFailed | Cause::SendFailed)) => {
                        self.emit(News::Error(cause));
                    }
                    _ if was_open => self.emit(News::Close { code: reason.code, reason: &reason.text }),
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn emit(&mut self, news: News<'_>) {
        for (name, listener) in &mut self.listeners {
            if *name == news.name() {
                listener(news);
            }
        }
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.listeners.iter().map(|(name, _)| name)).finish()
    }
}
