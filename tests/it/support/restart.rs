//! Stories that outlive their process: storing, crashing, starting again.

use redial::config::Durability;
use redial::journal::Call;
use redial::{Action, Config, Duration, Seed, Session, Snapshot, State};

use super::Story;

impl Story {
    /// The words of `uni_app`, a token, and a session that stores before it acts; with changes.
    pub(crate) fn write_ahead(change: impl FnOnce(&mut Config)) -> Self {
        Self::uni_app_with(|config| {
            config.durability = Durability::WriteAhead;
            change(config);
        })
    }

    /// The host stores the snapshot of now, and says so.
    pub(crate) fn persist(&mut self) -> &mut Self {
        let snapshot = self.snapshot();
        let version = self.version;
        self.must(Call::Persisted { version });
        self.stored = Some((snapshot, self.oracle.clone()));
        self
    }

    /// The snapshot of now, as a host would write it down.
    pub(crate) fn snapshot(&mut self) -> String {
        // A session learns the time from its inputs alone.
        self.tick();
        serde_json::to_string(&self.session.snapshot()).expect("a snapshot can be written")
    }

    /// Opens the session and its socket, however long an outage makes it wait, and stores that where it has to.
    pub(crate) fn back(&mut self) -> &mut Self {
        self.open();
        if self.state() == State::Waiting {
            self.wait_for_connect();
        }
        self.opened();
        match self.session.preset().config().durability {
            Durability::WriteAhead => self.persist(),
            _ => self,
        }
    }

    /// The process ends in order: it stores all there is, and after so long another takes over.
    pub(crate) fn restart(&mut self, away: u64) -> &mut Self {
        if self.session.preset().config().durability == Durability::WriteAhead {
            self.persist();
        } else {
            let snapshot = self.snapshot();
            self.stored = Some((snapshot, self.oracle.clone()));
        }
        self.crash(away)
    }

    /// The process is killed, and so long after its last storing another takes over what was stored then. Its clock
    /// starts at zero.
    pub(crate) fn crash(&mut self, away: u64) -> &mut Self {
        let (stored, oracle) = self.stored.clone().expect("something was stored");
        let snapshot: Snapshot = serde_json::from_str(&stored).expect("a stored snapshot can be read");
        let preset = self.session.preset().clone();
        self.now = 0;
        self.seeds += 1;
        self.oracle = oracle;
        self.oracle.restores(snapshot.clone());
        self.session =
            Session::restore(preset, self.instant(), snapshot, Duration::from_millis(away), Seed::from(self.seeds))
                .expect("a stored snapshot can be restored");
        let actions: Vec<Action> = std::iter::from_fn(|| self.session.poll_action()).collect();
        self.version = 0;
        self.note(&actions);
        if let Err(violation) = self.oracle.restarted(&self.session, &actions) {
            panic!("after a restart: {violation}\n{actions:#?}");
        }
        self.fresh = actions;
        self.credential("token")
    }
}
