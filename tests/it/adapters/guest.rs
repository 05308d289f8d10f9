//! A client at work and everything its application hears; and what it talks to.

use std::io::Write;
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration as Wall;

use redial::{Action, Body, Cause, Config, Preset, Seed, Session, State};

use super::demo::client::Client;
use super::demo::hub::Hub;
use super::demo::options::Adapter;
use super::demo::relay::Relay;
use super::demo::score::NAMES;
use super::demo::tokio_adapter::Clock;

pub(super) const BOTH: [Adapter; 2] = [Adapter::Blocking, Adapter::Tokio];
/// What no step of a test may exceed, however busy the machine.
pub(super) const PATIENCE: Wall = Wall::from_secs(20);

/// A client, and everything its application hears.
pub(super) struct Guest {
    pub(super) client: Client,
    pub(super) actions: Receiver<Action>,
    pub(super) shown: Receiver<Body>,
}

impl Guest {
    pub(super) fn enter(adapter: Adapter, url: &str, clock: Clock, preset: Preset, token: &str) -> Self {
        let mut session = Session::new(preset, Seed::from(7_u64));
        session.credential(clock.now(), token);
        let ((act, actions), (show, shown)) = (channel(), channel());
        let client = Client::start(
            adapter,
            url,
            session,
            clock,
            None,
            // The test may have seen enough.
            move |_, action| drop(act.send(action.clone())),
            move |message| drop(show.send(message.body.clone())),
        );
        Self { client: client.expect("loopback has room for one more"), actions, shown }
    }

    /// The next action of a kind.
    pub(super) fn wait<T>(&self, wanted: impl Fn(&Action) -> Option<T>) -> T {
        loop {
            let action = self.actions.recv_timeout(PATIENCE).expect("the action comes");
            if let Some(found) = wanted(&action) {
                return found;
            }
        }
    }

    pub(super) fn wait_ready(&self) {
        self.wait(|action| matches!(action, Action::State { state: State::Ready, .. }).then_some(()));
    }

    pub(super) fn wait_lost(&self) -> Cause {
        self.wait(|action| match action {
            Action::ScheduleReconnect { cause, .. } => Some(*cause),
            _ => None,
        })
    }

    pub(super) fn say(&self, from: usize, to: usize) {
        for number in from..to {
            self.client.send(format!("message {number}")).expect("the outbox has room");
        }
    }

    pub(super) fn assert_shown(&self, from: usize, to: usize) {
        for number in from..to {
            let body = self.shown.recv_timeout(PATIENCE).expect("the message arrives");
            assert_eq!(body.as_text(), Some(&*format!("message {number}")));
        }
    }
}

/// Two guests of a hub, the first behind a relay.
pub(super) async fn chat(adapter: Adapter, speed: u32) -> (Relay, Guest, Guest) {
    let clock = Clock::new(speed);
    let mut seeds = (1_u64..).map(Seed::from);
    let hub = Hub::start(NAMES, clock, || seeds.next().unwrap_or(Seed::from(0_u64)));
    let hub = hub.await.expect("loopback has a port");
    let relay = Relay::start(hub.addr(), Wall::ZERO).expect("loopback has a port");
    let preset = || Preset::uni_app().with_config(Config::default());
    let a = Guest::enter(adapter, &format!("ws://{}/", relay.addr()), clock, preset(), NAMES[0]);
    let b = Guest::enter(adapter, &format!("ws://{}/", hub.addr()), clock, preset(), NAMES[1]);
    a.wait_ready();
    b.wait_ready();
    (relay, a, b)
}

/// A WebSocket server for one guest, on a thread of its own.
pub(super) fn serve(work: impl FnOnce(tungstenite::WebSocket<std::net::TcpStream>) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a port");
    let url = format!("ws://{}/", listener.local_addr().expect("it has an address"));
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a guest");
        work(tungstenite::accept(stream).expect("a WebSocket"));
    });
    url
}

/// A journal in memory that its reader shares.
#[derive(Clone, Default)]
pub(super) struct Paper(pub(super) Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("nobody panics over it").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
