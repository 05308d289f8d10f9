//! A client that a test watches, and waits for.

use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, channel};
use std::time;

use redial::host::HostClock;
use redial::journal::Call;
use redial::{Action, Cause, Instant, MessageId, Preset, Seed, Session, State, Status};
use redial_blocking::{Client, Options};

use super::PATIENCE;

/// A client under the blocking adapter, and everything its session has done.
pub(super) struct Page {
    pub(super) client: Client,
    actions: Receiver<(Instant, Action)>,
    pub(super) log: Vec<(Instant, Action)>,
    key: &'static str,
}

impl Page {
    pub(super) fn open(preset: Preset, speed: u32, addr: SocketAddr, query: &str, token: &str) -> Self {
        let mut session = Session::new(preset, Seed::from(u64::from(addr.port())));
        session.credential(Instant::ORIGIN, token);
        let (tell, actions) = channel();
        let url = format!("ws://{addr}/socket{query}");
        let options = Options::new(&url).expect("a URL").clock(HostClock::new().speed(speed), None);
        let options = options.trace(move |now, action| drop(tell.send((now, action.clone()))));
        let (client, _, _) = options.start(session).expect("there are threads and file handles");
        Self { client, actions, log: Vec::new(), key: "k" }
    }

    /// Waits for an action; what was seen before does not count.
    pub(super) fn until(&mut self, what: &str, mut wanted: impl FnMut(&Action) -> bool) -> (Instant, Action) {
        let begun = time::Instant::now();
        loop {
            let left = PATIENCE.saturating_sub(begun.elapsed());
            let Ok((now, action)) = self.actions.recv_timeout(left) else {
                panic!("{what} did not come; what came was {:#?}", self.log);
            };
            if let Action::NeedCredential { challenge: Some(challenge), .. } = &action {
                let proof = format!("{:x}", md5::compute(format!("{challenge}{}", self.key)));
                self.client
                    .call(Call::Credential { connection: None, value: proof.into() })
                    .expect("a credential is never refused");
            }
            self.log.push((now, action.clone()));
            if wanted(&action) {
                return (now, action);
            }
        }
    }

    pub(super) fn until_ready(&mut self) {
        self.until("a ready connection", |action| matches!(action, Action::State { state: State::Ready, .. }));
    }

    pub(super) fn until_alive(&mut self) {
        self.until("the answer to a heartbeat", |action| matches!(action, Action::Alive { .. }));
    }

    /// Waits for a loss, and says for how many milliseconds the session will now wait.
    pub(super) fn until_lost(&mut self, by: &[Cause]) -> u64 {
        let lost = |action: &Action| matches!(action, Action::ScheduleReconnect { cause, .. } if by.contains(cause));
        match self.until("a lost connection", lost) {
            (now, Action::ScheduleReconnect { at, .. }) => at.since(now).as_millis(),
            _ => 0,
        }
    }

    pub(super) fn until_delivered(&mut self, text: &str) {
        let body = |action: &Action| match action {
            Action::Deliver(message) => message.body.as_text().map(str::to_owned),
            _ => None,
        };
        self.until(text, |action| body(action).is_some_and(|body| body.contains(text)));
    }

    pub(super) fn until_status(&mut self, id: &MessageId, wanted: Status) {
        self.until(
            "a status",
            |action| matches!(action, Action::Status { id: of, status } if of == id && *status == wanted),
        );
    }

    pub(super) fn say(&self, text: &str) -> MessageId {
        self.client.send(text).expect("the session takes it").id.clone()
    }

    /// The texts that were delivered so far, in order.
    pub(super) fn delivered(&self) -> Vec<&str> {
        let bodies = self.log.iter().filter_map(|(_, action)| match action {
            Action::Deliver(message) => message.body.as_text(),
            _ => None,
        });
        bodies.collect()
    }
}
