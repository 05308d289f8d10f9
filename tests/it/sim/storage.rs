//! What outlives the client's process: the session's snapshot together with what the application keeps, in one
//! transaction.

use redial::config::Durability;
use redial::journal::Call;
use redial::{Duration, Instant, Seed, Session, Snapshot};
use serde_json::{Map, Value};

use super::app::App;
use super::client::{Chapter, millis};
use super::host::Host;
use super::line::{Deed, Parcel};
use super::run::Run;
use crate::oracle::{Oracle, drain};

/// One transaction.
#[derive(Clone)]
pub(crate) struct Stored {
    snapshot: Snapshot,
    app: App,
    oracle: Oracle,
    /// The true time of it.
    at: u64,
}

impl std::fmt::Debug for Stored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stored").field("at", &self.at).finish_non_exhaustive()
    }
}

impl Run {
    /// What goes into the store now: all that was asked for, in one transaction with the application's part.
    fn transaction(&self) -> Box<Stored> {
        let client = &self.client;
        let (app, oracle) = (client.app.clone(), client.oracle.clone());
        let mut snapshot = client.disk.clone();
        client.unstored.iter().for_each(|changes| snapshot.apply(changes));
        Box::new(Stored { snapshot, app, oracle, at: self.now })
    }

    /// Writes the changes that wait, at times several versions at once.
    fn write(&mut self, versions: usize) {
        let client = &mut self.client;
        let mut waiting = client.unstored.drain(..versions.min(client.unstored.len()));
        let Some(mut merged) = waiting.next() else { return };
        for changes in waiting {
            merged.merge(changes);
        }
        client.disk.apply(&merged);
    }

    /// The session asks to be stored; the disk takes its time.
    pub(super) fn store(&mut self, version: u64) {
        let slow = self.strikes("slow storage", 3_000);
        let takes = match () {
            () if self.swarm.is_quiet() => 0,
            () if slow => self.dice.between(100, 20_000),
            () => self.dice.between(0, 20),
        };
        // Only who may crash needs what was stored.
        let stored = (self.swarm.has("client crash") && self.in_chaos()).then(|| self.transaction());
        let at = self.client.storage_busy_until.max(self.now + takes);
        self.client.storage_busy_until = at;
        self.deed(at, Deed::Stored(version, stored));
    }

    pub(super) fn has_stored(&mut self, version: u64, stored: Option<Box<Stored>>) {
        let older = self.client.versions.iter().take_while(|named| **named <= version).count();
        self.client.versions.drain(..older);
        self.write(older);
        self.client.stored = stored.or(self.client.stored.take());
        self.ask(Call::Persisted { version });
    }

    /// The process ends in order: it stores all there is.
    pub(super) fn restart(&mut self) {
        if !self.client.running {
            return;
        }
        self.note("client restart");
        // A session learns the time from its inputs alone.
        self.event(redial::Event::Tick);
        let changes = self.client.session.changes();
        match self.client.session.preset().config().durability {
            Durability::WriteAhead => self.client.unstored.push_back(changes),
            _ => self.client.disk = self.client.session.snapshot(),
        }
        let stored = self.transaction();
        if stored.snapshot != self.client.session.snapshot() {
            let whole = self.client.session.snapshot();
            let differs = |(key, text): &(String, &str)| whole.iter().all(|(of, other)| of != *key || other != *text);
            let first = stored.snapshot.iter().find(differs).map(|(key, text)| format!("{key} {text}"));
            self.broken.get_or_insert(format!("what was stored change by change is not the snapshot: {first:?}"));
        }
        self.client.stored = Some(stored);
        self.end_process();
    }

    /// The process is killed. Only a session that stores before it acts survives that.
    pub(super) fn crash(&mut self) {
        let survives = self.client.session.preset().config().durability == Durability::WriteAhead;
        if !self.client.running || !survives {
            return;
        }
        self.note("client crash");
        self.tear();
        let now = std::mem::take(&mut self.client.app);
        let then = self.client.stored.as_ref().map(|stored| stored.app.clone()).unwrap_or_default();
        for name in now.names().filter(|name| !then.knows(name)) {
            // To the user it was not said yet.
            if self.server.has_shown(name) {
                self.broken.get_or_insert(format!("{name} was sent before it was stored"));
            }
            let at = self.now + self.dice.between(1_000, 60_000);
            self.post.at(at, Parcel::ClientSays(name.clone()));
        }
        if now.shown.len() > then.shown.len() {
            self.note("shown and not stored");
        }
        self.end_process();
    }

    /// A store without transactions would have torn what it was writing: that is refused, and nothing of it is taken.
    fn tear(&mut self) {
        let client = &self.client;
        let mut waiting = client.unstored.iter().cloned();
        let Some(mut merged) = waiting.next() else { return };
        waiting.for_each(|changes| merged.merge(changes));
        let mut whole = client.disk.clone();
        whole.apply(&merged);
        let record = |text: &str| serde_json::from_str::<Value>(text).ok();
        let mut torn: Map<String, Value> =
            client.disk.iter().filter_map(|(key, text)| Some((key, record(text)?))).collect();
        // A roll of the dice would change all that comes after.
        let mut sides = (self.now ^ client.process).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        for (key, text) in merged.iter() {
            sides = sides.rotate_left(7).wrapping_mul(0x2545_f491_4f6c_dd1d);
            match text.and_then(record) {
                _ if sides >> 63 == 0 => {}
                Some(value) => drop(torn.insert(key, value)),
                None => drop(torn.remove(&key)),
            }
        }
        let Ok(torn) = serde_json::from_value::<Snapshot>(Value::Object(torn)) else { return };
        if torn == client.disk || torn == whole {
            return;
        }
        let (preset, seed) = (client.session.preset().clone(), Seed::from(7_u64));
        let restored = Session::restore(preset, Instant::ORIGIN, torn, Duration::ZERO, seed);
        self.note("torn store refused");
        if restored.is_ok() {
            self.broken.get_or_insert("a torn store was restored".to_owned());
        }
    }

    fn end_process(&mut self) {
        self.add_process();
        let lines = self.lines.iter().filter(|(_, line)| line.process == self.client.process);
        let lines: Vec<_> = lines.map(|(id, _)| *id).collect();
        for line in lines {
            let told = self.dice.percent(70);
            self.break_line(line, false, told);
        }
        let client = &mut self.client;
        client.process += 1;
        client.running = false;
        client.silent_since = None;
        client.storage_busy_until = 0;
        client.unstored.clear();
        client.versions.clear();
        (client.host, client.connection) = (Host::default(), None);
        let at = self.now + self.dice.between(0, 40_000);
        self.post.at(at.max(self.client.asleep_until), Parcel::Start);
    }

    /// Another process begins where the stored state ends; its clock starts at zero.
    pub(super) fn start(&mut self) {
        let (client, new) = (&mut self.client, Seed::from(self.dice.roll()));
        client.running = true;
        client.skew = -millis(self.now);
        (client.connects, client.hints) = (Vec::new(), Vec::new());
        let preset = client.session.preset().clone();
        let restored = client.stored.clone().map(|stored| (stored.snapshot.clone(), stored));
        match restored {
            None => {
                client.session = Session::new(preset, new);
                client.oracle = client.oracle.again(&client.session);
                client.app = App::default();
                client.disk = Snapshot::default();
            }
            Some((snapshot, stored)) => {
                let away = Duration::from_millis(self.now - stored.at);
                let session = Session::restore(preset, Instant::ORIGIN, snapshot, away, new);
                match session {
                    Ok(session) => client.session = session,
                    Err(error) => {
                        self.broken.get_or_insert(format!("what was stored cannot be restored: {error}"));
                        return;
                    }
                }
                client.disk = stored.snapshot.clone();
                (client.app, client.oracle) = (stored.app, stored.oracle);
                client.oracle.restores(stored.snapshot);
                if client.session.unsettled() > 0 {
                    self.note("restored with messages");
                }
            }
        }
        self.begin(new);
    }

    /// What the session says first, and what a program does first.
    fn begin(&mut self, seed: Seed) {
        let client = &mut self.client;
        let away = client.stored.as_ref().map(|stored| Duration::from_millis(self.now - stored.at));
        let restored = client.stored.as_ref().map(|stored| stored.snapshot.clone()).zip(away);
        let actions = drain(&mut client.session);
        if let Err(violation) = client.oracle.restarted(&client.session, &actions) {
            self.broken.get_or_insert(format!("after a restart: {violation}"));
        }
        let (session, oracle) = (client.session.clone(), client.oracle.clone());
        client.chapters.push(Chapter { session, oracle, seed, restored, inputs: Vec::new() });
        // What waited for the user comes again, where the session has it, with these very actions.
        self.client.app.waiting.clear();
        self.perform(actions);
        self.ask(Call::Credential { connection: None, value: "token".into() });
        self.hurry();
        let at = self.now + self.dice.between(0, 2_000);
        self.deed(at, Deed::Call(Call::Open));
        self.take_up_again();
    }
}
