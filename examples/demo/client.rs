//! One chat client: a session under the adapter that was chosen.

use std::io;

use futures_util::StreamExt as _;
use redial::journal::Call;
use redial::{Action, Instant, Message, SendError, Session, Stats};

use super::blocking;
use super::options::Adapter;
use super::tokio_adapter::{self, Clock};

/// The same clock for the other adapter.
pub(crate) fn blocking_clock(Clock { origin, speed, wall }: Clock) -> blocking::Clock {
    blocking::Clock { origin, speed, wall }
}

/// A session under either adapter, used alike.
pub(crate) enum Client {
    Blocking(blocking::Client),
    Tokio(tokio_adapter::Handle),
}

impl Client {
    /// Opens the session. `shown` gets what arrives, `observer` every other action. To be called within a runtime.
    pub(crate) fn start(
        adapter: Adapter,
        url: &str,
        session: Session,
        clock: Clock,
        journal: Option<Box<dyn io::Write + Send>>,
        mut observer: impl FnMut(Instant, &Action) + Send + 'static,
        shown: impl Fn(&Message) + Send + 'static,
    ) -> io::Result<Self> {
        match adapter {
            Adapter::Blocking => {
                let clock = blocking_clock(clock);
                let observer = move |now: Instant, action: &Action| match action {
                    Action::Deliver(message) => shown(message),
                    action => observer(now, action),
                };
                blocking::Client::start(url, session, clock, journal, observer).map(Self::Blocking)
            }
            Adapter::Tokio => {
                let (handle, mut messages) = tokio_adapter::start(url, session, clock, journal, observer);
                tokio::spawn(async move {
                    while let Some(message) = messages.next().await {
                        shown(&message);
                    }
                });
                Ok(Self::Tokio(handle))
            }
        }
    }

    pub(crate) fn send(&self, text: String) -> Result<(), SendError> {
        match self {
            Self::Blocking(client) => client.send(text).map(drop),
            Self::Tokio(handle) => handle.send(text).map(drop),
        }
    }

    /// Messages that are taken and not settled.
    pub(crate) fn unsettled(&self) -> usize {
        self.look(Session::unsettled)
    }

    pub(crate) fn stats(&self) -> Stats {
        self.look(|session| session.stats().clone())
    }

    /// Closes politely; the session bounds how long that takes.
    pub(crate) fn close(&self) {
        let call = Call::Close { code: None, reason: String::new() };
        // A close without a code cannot be refused.
        let _ = match self {
            Self::Blocking(client) => client.call(call),
            Self::Tokio(handle) => handle.call(call),
        };
    }

    /// Looks at the session.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Session) -> T) -> T {
        match self {
            Self::Blocking(client) => client.look(look),
            Self::Tokio(handle) => handle.look(look),
        }
    }
}
