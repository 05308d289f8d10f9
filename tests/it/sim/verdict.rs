//! What must hold at the end of a run: everything that can arrive has arrived, and nothing that was told is a lie.

use std::collections::BTreeSet;

use redial::config::Acknowledge;
use redial::dialect::Login;
use redial::{State, Status};

use super::app::Word;
use super::client::bounds_without_stable_connections;
use super::figures::CONNECTS;
use super::run::Run;
use super::words;

/// Two round trips, where a frame takes at most 80 ms.
const SOON: u64 = 320;

impl Run {
    pub(super) fn is_done(&self) -> bool {
        let Some((client, server)) = self.last_words else { return false };
        if self.client.session.state() != State::Ready || self.client.session.unsettled() > 0 {
            return false;
        }
        let app = &self.client.app;
        let all_said = app.names().count() >= self.client_words && self.server.said.len() >= self.server_words;
        if !all_said || self.server.peer.unacknowledged() > 0 || !app.waiting.is_empty() {
            return false;
        }
        let let_go = |name: &str| app.words().any(|(of, word)| of == name && word.let_go);
        let heard = |name: String| self.server.has_shown(&name) || let_go(&name);
        let heard = (client..self.client_words).map(words::client).all(heard);
        let open = |word: &Word| word.status.may_resend() && !word.let_go;
        heard
            && !app.words().any(|(_, word)| open(word))
            && (server..self.server_words).all(|number| app.shown.contains(&words::server(number)))
    }

    /// What must hold at the end.
    pub(super) fn verdict(&mut self) -> Result<(), String> {
        self.add_up();
        if !self.is_done() {
            return Err(format!("not healed in time: {}; {}", self.what_is_open(), self.client.session.explain()));
        }
        self.server_was_shown()?;
        self.client_was_shown()?;
        if self.swarm.is_quiet() {
            self.nothing_happened()?;
        }
        self.figures.within()
    }

    /// What keeps a run from being done.
    fn what_is_open(&self) -> String {
        let (app, server) = (&self.client.app, &self.server);
        let unsaid: Vec<String> = (0..self.client_words).map(words::client).filter(|name| !app.knows(name)).collect();
        let unheard: Vec<String> =
            (0..self.client_words).map(words::client).filter(|name| !server.has_shown(name)).collect();
        let unshown: Vec<String> =
            (0..self.server_words).map(words::server).filter(|name| !app.shown.contains(name)).collect();
        let open = app.words().find(|(_, word)| word.status.may_resend() && !word.let_go);
        let (up, down) = (self.client.session.unsettled(), server.peer.unacknowledged());
        let waiting = app.waiting.len();
        format!(
            "{up} up and {down} down, {unsaid:?} never said, {unheard:?} never heard, {unshown:?} never shown, {waiting} \
             waiting, {open:?} open, last words {:?}",
            self.last_words
        )
    }

    /// Every status is true, and what the user has not let go of is there.
    fn server_was_shown(&self) -> Result<(), String> {
        let receipts = self.client.session.preset().dialect().capabilities().receipts;
        for (name, word) in self.client.app.words() {
            let times = self.server.times(name);
            let status = word.status;
            // Who has lost its memory can show one thing twice, and nobody can know.
            let most = if self.server.forgot.is_some() { u32::MAX } else { 1 };
            let range = match status {
                Status::NotSent | Status::Cancelled => 0..=0,
                // Of two copies it may have refused the one and taken the other.
                Status::Rejected { .. } if word.doubts > 0 => 0..=most,
                Status::Rejected { .. } if most == 1 => 0..=0,
                Status::Accepted | Status::Delivered | Status::Read => 1..=most,
                // Without ids a process cannot ask what became of the words of the last one.
                Status::Sent if !receipts && self.figures.happened("client crash") => 0..=u32::MAX,
                // Without ids each copy that the user asked for while in doubt may be shown.
                Status::Sent if !receipts => 0..=1 + word.doubts,
                _ if word.let_go => 0..=most,
                _ => 1..=most,
            };
            if !range.contains(&times) {
                return Err(format!("{name} is {status:?}, and the server was shown it {times} times"));
            }
        }
        let in_turn = |name: &&String| {
            let again = self.client.app.words().any(|(of, word)| of == *name && word.again);
            !again && !self.failed.contains(*name) && !self.server.refused.contains(*name)
        };
        let slow = self.figures.happened("slow receipt");
        let twice = !receipts && self.figures.happened("client crash");
        // A login that nobody confirms may reach the server after the one on the next connection, with all that follows
        // it.
        let unconfirmed = self.client.session.preset().dialect().capabilities().login == Login::Challenge;
        if self.server.forgot.is_none() && !slow && !twice && !unconfirmed {
            let shown: Vec<&String> = self.server.shown.iter().filter(in_turn).collect();
            in_order(&self.client.app.order, &shown).map_err(|what| format!("the server was shown {what}"))?;
        }
        Ok(())
    }

    fn client_was_shown(&self) -> Result<(), String> {
        let (app, server) = (&self.client.app, &self.server);
        let once: BTreeSet<&String> = app.shown.iter().collect();
        if once.len() != app.shown.len() {
            return Err(format!("the client was shown something twice: {:?}", app.shown));
        }
        let preset = self.client.session.preset();
        if preset.dialect().capabilities().acks {
            let from = server.forgot.map_or(0, |(said, _)| said);
            if let Some(lost) = server.said.iter().skip(from).find(|name| !once.contains(name)) {
                return Err(format!("the client was never shown {lost}"));
            }
        }
        if preset.config().inbox.acknowledge == Acknowledge::OnDelivery {
            let shown: Vec<&String> = app.shown.iter().collect();
            in_order(&server.said, &shown).map_err(|what| format!("the client was shown {what}"))?;
        }
        Ok(())
    }

    /// In peace there is one connect, nothing is sent twice, and nothing takes long.
    fn nothing_happened(&self) -> Result<(), String> {
        let stats = self.client.session.stats();
        let oddities = [stats.connects - 1, stats.resent, stats.lost, stats.duplicates, stats.stale_events];
        if oddities != [0; 5] {
            return Err(format!("nothing went wrong, and yet: {stats:?}"));
        }
        let late = self
            .said_at
            .iter()
            .find(|(name, said)| self.server.arrived.get(*name).is_none_or(|arrived| *arrived > **said + SOON));
        match late {
            Some((name, said)) => {
                Err(format!("{name}, said at {said}, arrived at {:?}", self.server.arrived.get(name)))
            }
            None => Ok(()),
        }
    }

    /// Adds up what only the whole run shows.
    fn add_up(&mut self) {
        self.add_process();
        let server = self.server.peer.stats().duplicates;
        self.figures.note("repeat suppressed by the server", server);
        let travelled =
            |word: &Word| word.has_travelled() && matches!(word.status, Status::Accepted | Status::Delivered);
        let travelled = self.client.app.words().filter(|(_, word)| travelled(word)).count() as u64;
        self.figures.note("accepted after two connections", travelled);
        self.figures.virtual_ms = self.now;
        self.figures.inputs = self.client.chapters.iter().map(|chapter| chapter.inputs.len() as u64).sum();
    }

    /// The same of one process.
    pub(super) fn add_process(&mut self) {
        let stats = self.client.session.stats().clone();
        for (what, count) in
            [("resent", stats.resent), ("repeat suppressed by the client", stats.duplicates), ("lost", stats.lost)]
        {
            self.figures.note(what, count);
        }
        self.count_connects();
    }

    /// Connects within 120 s of the session's clock; a hint may have brought each about, and those do not count.
    pub(super) fn count_connects(&mut self) {
        let client = &mut self.client;
        let (connects, hints) = (std::mem::take(&mut client.connects), std::mem::take(&mut client.hints));
        let within = |times: &[u64], from: u64| {
            times.iter().filter(|at| (from..from.saturating_add(120_000)).contains(*at)).count()
        };
        let after = |from: u64| within(&connects, from).saturating_sub(within(&hints, from)) as u64;
        let most = connects.iter().map(|from| after(*from)).max().unwrap_or_default();
        // A server that lets no connection become stable provokes no more than one that may do either.
        let unstable = bounds_without_stable_connections(client.session.preset()).connects_in_120_s;
        if most > u64::from(unstable) || (most > 4 && self.thorough) {
            let promised = client.session.preset().config().bounds().connects_in_120_s_if_stable;
            self.figures.measure(CONNECTS, most, u64::from(promised));
        }
    }
}

/// What was shown comes in the order in which it was said.
fn in_order(said: &[String], shown: &[&String]) -> Result<(), String> {
    let mut rest = said.iter();
    for name in shown {
        if !rest.any(|said| said == *name) {
            return Err(format!("{name} out of turn: {shown:?} of {said:?}"));
        }
    }
    Ok(())
}
