//! One chat client: a session under the adapter that was chosen.

use std::io;

use futures_util::StreamExt as _;
use redial::host::RecordedSession;
use redial::{Action, Message, SendError, Session, Stats};

use super::clock::Clock;
use super::options::Adapter;

/// A session under either adapter, used alike.
pub(crate) enum Client {
    Blocking(redial_blocking::Client),
    Tokio(redial_tokio::Client),
}

impl Client {
    /// Opens the session. `shown` gets what arrives, `observer` every other action. To be called within a runtime.
    pub(crate) fn start(
        adapter: Adapter,
        url: &str,
        session: impl Into<RecordedSession>,
        clock: Clock,
        mut observer: impl FnMut(&Action) + Send + 'static,
        shown: impl Fn(&Message) + Send + 'static,
    ) -> io::Result<Self> {
        let clock = clock.of_session();
        let observer = move |_, action: &Action| {
            if !matches!(action, Action::Deliver(_)) {
                observer(action);
            }
        };
        match adapter {
            Adapter::Blocking => {
                let options = redial_blocking::Options::new(url).map_err(io::Error::other)?;
                let (client, messages, _) = options.clock(clock, None).trace(observer).start(session)?;
                std::thread::spawn(move || messages.into_iter().for_each(|message| shown(&message)));
                Ok(Self::Blocking(client))
            }
            Adapter::Tokio => {
                let options = redial_tokio::Options::new(url).map_err(io::Error::other)?;
                let (client, mut messages, _) = options.clock(clock, None).trace(observer).start(session);
                tokio::spawn(async move {
                    while let Some(message) = messages.next().await {
                        shown(&message);
                    }
                });
                Ok(Self::Tokio(client))
            }
        }
    }

    pub(crate) fn send(&self, text: String) -> Result<(), SendError> {
        match self {
            Self::Blocking(client) => client.send(text).map(drop),
            Self::Tokio(client) => client.send(text).map(drop),
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
        match self {
            Self::Blocking(client) => client.close(),
            Self::Tokio(client) => client.close(),
        }
    }

    /// Looks at the session.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Session) -> T) -> T {
        match self {
            Self::Blocking(client) => client.look(look),
            Self::Tokio(client) => client.look(look),
        }
    }
}
