//! A client at work and everything its application hears; and what it talks to.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration as Wall, Instant};

use redial::host::{JournalWriter, RecordedSession};
use redial::journal::Call;
use redial::{Action, Body, Cause, Instant as At, MessageId, Preset, Seed, State, Status};

use super::demo::client::Client;
use super::demo::clock::Clock;
use super::demo::hub::Hub;
use super::demo::options::Adapter;
use super::demo::relay::Relay;
use super::demo::score::NAMES;

pub(super) const BOTH: [Adapter; 2] = [Adapter::Blocking, Adapter::Tokio];
/// What no step of a test may exceed, however busy the machine.
pub(super) const PATIENCE: Wall = Wall::from_secs(180);

/// A client, and everything its application hears.
pub(super) struct Guest {
    pub(super) client: Client,
    /// All actions so far; `actions` gives each of them once.
    log: Arc<Mutex<Vec<Action>>>,
    pub(super) actions: Receiver<Action>,
    pub(super) shown: Receiver<Body>,
}

impl Guest {
    pub(super) fn enter(adapter: Adapter, url: &str, clock: Clock, preset: Preset, token: &str) -> Self {
        let mut session = RecordedSession::new(preset, Seed::from(7_u64), None);
        session
            .call(At::ORIGIN, Call::Credential { connection: None, value: token.into() })
            .expect("a credential is never refused");
        let ((act, actions), (show, shown)) = (channel(), channel());
        let log = Arc::new(Mutex::new(Vec::new()));
        let diary = Arc::clone(&log);
        let observer = move |action: &Action| {
            diary.lock().expect("nobody panics over it").push(action.clone());
            // The test may have seen enough.
            drop(act.send(action.clone()));
        };
        let screen = move |message: &redial::Message| drop(show.send(message.body.clone()));
        let client = Client::start(adapter, url, session, clock, observer, screen);
        Self { client: client.expect("loopback has room for one more"), log, actions, shown }
    }

    /// The next action of a kind.
    pub(super) fn wait<T>(&self, wanted: impl Fn(&Action) -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            // Heartbeats come for ever, and are not what is waited for.
            let left = PATIENCE.saturating_sub(begun.elapsed());
            let action = self.actions.recv_timeout(left);
            let action = action.unwrap_or_else(|_| panic!("it does not come: {:#?}", self.log));
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

    /// Waits until every one of so many messages has reached the other side and the link is up, and looks at what was
    /// told.
    pub(super) fn assert_ends_well(&self, messages: usize) {
        let begun = Instant::now();
        let log = loop {
            let log = self.log.lock().expect("nobody panics over it").clone();
            let delivered = statuses(&log).iter().filter(|(_, status)| *status == Status::Delivered).count();
            if delivered == messages && last_state(&log) == Some(State::Ready) {
                break log;
            }
            let (told, state) = (statuses(&log), last_state(&log));
            assert!(begun.elapsed() < PATIENCE, "{delivered} of {messages} delivered, {state:?}, {told:#?}");
            std::thread::sleep(Wall::from_millis(5));
        };
        let mut by_id: BTreeMap<MessageId, Vec<Status>> = BTreeMap::new();
        for (id, status) in statuses(&log) {
            by_id.entry(id).or_default().push(status);
        }
        assert_eq!(by_id.len(), messages);
        for (id, statuses) in by_id {
            // Being sent again is told as being sent again, and nothing else is told twice.
            let told: Vec<Status> = statuses.into_iter().filter(|status| *status != Status::Sent).collect();
            assert_eq!(told, [Status::Queued, Status::Accepted, Status::Delivered], "{id}");
        }
        assert_eq!(self.client.unsettled(), 0);
        assert!(self.shown.try_recv().is_err(), "nothing is shown twice");
    }
}

fn statuses(log: &[Action]) -> Vec<(MessageId, Status)> {
    let told = log.iter().filter_map(|action| match action {
        Action::Status { id, status } => Some((id.clone(), *status)),
        _ => None,
    });
    told.collect()
}

fn last_state(log: &[Action]) -> Option<State> {
    log.iter().rev().find_map(|action| match action {
        Action::State { state, .. } => Some(*state),
        _ => None,
    })
}

/// Makes a call of the session under either adapter.
pub(super) fn call(client: &Client, call: Call) {
    let made = match client {
        Client::Blocking(client) => client.call(call),
        Client::Tokio(client) => client.call(call),
    };
    assert_eq!(made, Ok(()));
}

/// Two guests of a hub, the first behind a relay.
pub(super) struct Pair {
    pub(super) hub: Hub,
    pub(super) relay: Relay,
    pub(super) a: Guest,
    pub(super) b: Guest,
}

/// They are ready. To be called within a runtime.
pub(super) fn chat(adapter: Adapter, preset: &Preset, speed: u32) -> Pair {
    let clock = Clock::new(speed);
    let mut seeds = (1_u64..).map(Seed::from);
    let hub = Hub::start(&[NAMES], clock, preset, || seeds.next().unwrap_or(Seed::from(0_u64)));
    let hub = hub.expect("loopback has a port");
    let relay = Relay::start(hub.addr(), Wall::ZERO).expect("loopback has a port");
    let a = Guest::enter(adapter, &format!("ws://{}/", relay.addr()), clock, preset.clone(), NAMES[0]);
    let b = Guest::enter(adapter, &format!("ws://{}/", hub.addr()), clock, preset.clone(), NAMES[1]);
    a.wait_ready();
    b.wait_ready();
    Pair { hub, relay, a, b }
}

/// Waits until dials there are refused: whoever listens there hears of it when its turn comes.
pub(super) fn wait_refused(addr: SocketAddr) {
    let begun = Instant::now();
    while TcpStream::connect(addr).is_ok() {
        assert!(begun.elapsed() < PATIENCE, "dials are still taken");
        std::thread::sleep(Wall::from_millis(5));
    }
}

/// A WebSocket server for one guest, on a thread of its own.
pub(super) fn serve(work: impl FnOnce(tungstenite::WebSocket<TcpStream>) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a port");
    let url = format!("ws://{}/", listener.local_addr().expect("it has an address"));
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a guest");
        work(tungstenite::accept(stream).expect("a WebSocket"));
    });
    url
}

/// A session of `plain` with its journal, line by line.
pub(super) fn recorded() -> (RecordedSession, Receiver<String>) {
    let (write, lines) = channel();
    let journal = JournalWriter::new(move |line| write.send(line.to_owned()).is_ok());
    (RecordedSession::new(Preset::plain(), Seed::from(7_u64), Some(journal)), lines)
}
