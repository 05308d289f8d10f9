//! The client's application and its user: what they say, take back, send again, put up with, and do to the session.

use redial::config::{Acknowledge, OnFailure};
use redial::error::ResendError;
use redial::journal::{Call, CallError};
use redial::{ConnectionId, CredentialFailure, Duration, Message, MessageId, SendError, State, Status};

use super::line::{Deed, Parcel};
use super::run::Run;
use super::words;

impl Run {
    /// The user says something; where it is refused, again later.
    pub(super) fn say(&mut self, name: String) {
        // Two processes may each have meant to say it anew; said while the first is under way it would be there twice.
        let anew =
            |word: &super::app::Word| !word.let_go && matches!(word.status, Status::NotSent | Status::Rejected { .. });
        if self.client.app.word(&name).is_some_and(|word| !anew(word)) {
            return;
        }
        // One that was sent again by hand may be under way before its store lets that be told.
        let id = self.client.app.word(&name).filter(|word| !word.let_go).map(|word| word.id.clone());
        let status = id.and_then(|id| self.client.session.status(&id));
        if matches!(status, Some(Status::Queued | Status::Sent)) {
            return;
        }
        let once = self.strikes("sent once", 1_500);
        let mortal = self.strikes("time to live", 2_500);
        let time_to_live = mortal.then(|| Duration::from_millis(self.dice.between(100, 60_000)));
        let most = self.client.session.preset().config().outbox.bytes.get() / 4;
        let body = words::body(&name, self.length(most)).into();
        let quiet = self.client.session.unsettled() == 0 && self.client.session.state() == State::Ready;
        self.client.app.saying = Some((name.clone(), once, mortal));
        let answer = self.call(Call::Send { body, id: None, time_to_live, once });
        self.client.app.saying = None;
        match answer {
            Ok(_) => {
                if self.swarm.is_quiet() && quiet {
                    self.said_at.insert(name.clone(), self.now);
                }
                self.say_no_more(&name);
            }
            Err(CallError::Send(error)) => {
                match error {
                    SendError::Full { .. } => self.note("refused: full by count"),
                    SendError::FullBytes { .. } => self.note("refused: full by bytes"),
                    SendError::NotReady => self.note("refused: not ready"),
                    SendError::Draining => self.note("refused: draining"),
                    SendError::Stopped => self.note("refused: stopped"),
                    other => self.broken = Some(format!("{name} was refused: {other}")),
                }
                let at = self.now + self.dice.between(1_000, 15_000);
                self.post.at(at, Parcel::ClientSays(name));
            }
            Err(other) => self.broken = Some(format!("{name} was refused: {other}")),
        }
    }

    /// How long what is said is; now and then so long that it takes its time on a slow link.
    pub(super) fn length(&mut self, most: u64) -> usize {
        let short = self.dice.few(40);
        if !self.strikes("long message", 1_500) {
            return short;
        }
        let long = self.dice.between(1_000, 20_000).min(most);
        usize::try_from(long).unwrap_or(short).max(short)
    }

    /// At times the user takes back what was said, lets it go, or presses send again.
    fn say_no_more(&mut self, name: &str) {
        let at = self.now + self.dice.between(0, 30_000);
        if self.strikes("send again", 2_000) {
            self.deed(at, Deed::Resend(name.to_owned()));
        }
        if self.strikes("abandon", 2_000)
            && let Some(word) = self.client.app.word(name)
        {
            let id = word.id.clone();
            // From now on nobody asks what becomes of it.
            word.let_go = true;
            self.deed(at, Deed::Call(Call::Abandon { id }));
        }
        if self.strikes("cancel", 2_000)
            && let Some(word) = self.client.app.word(name)
        {
            let id = word.id.clone();
            let at = self.now + self.dice.between(0, 5_000);
            self.deed(at, Deed::Call(Call::Cancel { id }));
        }
    }

    /// The session tells how a message stands.
    pub(super) fn told(&mut self, id: &MessageId, status: Status) {
        let receipts = self.client.session.preset().dialect().capabilities().receipts;
        let Some(name) = self.client.app.name_of(id).cloned() else {
            self.broken.get_or_insert(format!("{id} is {status:?}, and nobody said it"));
            return;
        };
        self.note(words::status(status));
        let abandons = self.dice.percent(50);
        let Some(word) = self.client.app.word(&name).filter(|word| word.id == *id) else { return };
        word.status = status;
        if status == Status::Unconfirmed && self.server.is_poison(&name) {
            self.figures.note("quarantined", 1);
        }
        if !status.may_resend() {
            return;
        }
        self.failed.insert(name.clone());
        let lost_for_good = status == Status::Unconfirmed && (word.once || !receipts);
        word.let_go |= status == Status::Cancelled || lost_for_good || (word.mortal && abandons);
        let let_go = word.let_go;
        let at = self.now + self.dice.between(100, 10_000);
        if !let_go {
            self.deed(at, Deed::Resend(name));
        } else if self.holds_failures() {
            self.deed(at, Deed::Call(Call::Release));
        }
    }

    /// Whether a message that failed holds those behind it until the user decides.
    fn holds_failures(&self) -> bool {
        self.client.session.preset().config().outbox.on_failure == OnFailure::Hold
    }

    /// The user sends again what failed.
    pub(super) fn resend(&mut self, name: String) {
        let Some(word) = self.client.app.word(&name) else { return };
        let (id, status) = (word.id.clone(), word.status);
        // Noted first, since what is stored by the call itself must hold it; a refused one does no harm.
        word.again = true;
        word.doubts += u32::from(matches!(status, Status::Unconfirmed | Status::Sent));
        // Of two copies the server may have refused the one and taken the other.
        let may_be_there = status == Status::Unconfirmed || word.doubts > 0;
        let answer = self.call(Call::Resend { id });
        if answer == Err(ResendError::Unknown.into()) && self.holds_failures() {
            self.ask(Call::Release);
        }
        match answer {
            Ok(_) => self.note("sent again by hand"),
            Err(CallError::Resend(ResendError::NotFailed)) => {}
            Err(CallError::Resend(ResendError::Unknown)) if may_be_there => {
                // Said anew it could be there twice.
                self.note("forgotten");
                if let Some(word) = self.client.app.word(&name) {
                    word.let_go = true;
                }
            }
            Err(CallError::Resend(ResendError::Unknown)) => self.post_words(name),
            Err(_) => {
                let at = self.now + self.dice.between(1_000, 15_000);
                self.deed(at, Deed::Resend(name));
            }
        }
    }

    fn post_words(&mut self, name: String) {
        self.post.at(self.now, Parcel::ClientSays(name));
    }

    /// A new process looks at what the last one left undone.
    pub(super) fn take_up_again(&mut self) {
        let failed = |(name, word): (&String, &super::app::Word)| {
            (word.status.may_resend() && !word.let_go).then(|| name.clone())
        };
        let failed: Vec<String> = self.client.app.words().filter_map(failed).collect();
        for name in failed {
            let at = self.now + self.dice.between(100, 10_000);
            self.deed(at, Deed::Resend(name));
        }
    }

    /// A push has arrived.
    pub(super) fn delivered(&mut self, message: Message) {
        let name = words::name_in(&message.body);
        match (message.id, self.client.session.preset().config().inbox.acknowledge) {
            (Some(id), Acknowledge::OnCall) if self.client.session.preset().dialect().capabilities().acks => {
                let slow = self.strikes("slow consumer", 6_000);
                let takes = match () {
                    () if !slow => self.dice.between(0, 100),
                    // In bursts, or each in its own time.
                    () if self.dice.percent(50) => 30_000 - self.now % 30_000,
                    () => self.dice.between(1_000, 90_000),
                };
                self.client.app.waiting.insert(id.clone(), name);
                self.deed(self.now + takes, Deed::Consume(id));
            }
            _ => self.show(name),
        }
    }

    /// Pushes may be missing: the application asks another service for them, which knows none that will come as well.
    pub(super) fn fetch(&mut self, from: u64, to: Option<u64>) {
        let at = self.now + self.dice.between(10, 3_000);
        self.deed(at, Deed::Call(Call::Fetched { from, to, ids: Vec::new() }));
    }

    fn show(&mut self, name: String) {
        if words::is_name(&name) {
            self.client.app.shown.push(name);
        }
    }

    /// The application has dealt with a push: it has it, or will never take it.
    pub(super) fn consume(&mut self, id: MessageId) {
        let Some(name) = self.client.app.waiting.remove(&id) else { return };
        self.show(name);
        if self.strikes("refused push", 2_500) {
            self.ask(Call::Reject { id });
        } else {
            self.ask(Call::Acknowledge { id: id.clone() });
            if self.dice.percent(30) {
                let conversation = self.dice.one_of(&["", "a room"]).to_owned();
                self.ask(Call::MarkRead { id, conversation });
            }
        }
    }

    /// The user gives a new credential that nobody asked for.
    pub(super) fn refresh(&mut self) {
        self.note("credential renewed");
        let value = format!("token {}", self.dice.below(1_000));
        self.deed(self.now, Deed::Call(Call::Credential { connection: None, value: value.into() }));
    }

    /// The session asks for a credential.
    pub(super) fn answer(&mut self, connection: ConnectionId) {
        let connection = self.dice.percent(70).then_some(connection);
        let value = || Call::Credential { connection, value: "token".into() };
        let soon = self.now + self.dice.between(0, 300);
        if self.strikes("credential late", 5_000) {
            let at = self.now + self.dice.between(2_000, 25_000);
            self.deed(at, Deed::Call(value()));
        } else if self.strikes("credential missing", 4_000) {
            use CredentialFailure::{Expired, Refused, Unavailable};
            let why = self.dice.one_of(&[Expired, Refused, Unavailable]);
            self.deed(soon, Deed::Call(Call::CredentialFailed { connection, why }));
        } else if !self.dice.percent(1) || !self.in_chaos() {
            self.deed(soon, Deed::Call(value()));
        }
    }

    pub(super) fn renew(&mut self) {
        self.note("renewed by hand");
        self.hurry();
        self.deed(self.now, Deed::Call(Call::ReconnectNow));
    }

    /// The user leaves, and comes back later.
    pub(super) fn close(&mut self) {
        self.note("close and open");
        let code = self.dice.percent(30).then_some(4_001);
        self.deed(self.now, Deed::Call(Call::Close { code, reason: "bye".to_owned() }));
        let at = self.now + self.dice.between(0, 10_000);
        self.deed(at, Deed::Call(Call::Open));
    }

    pub(super) fn drain(&mut self) {
        self.note("drain");
        let within = Duration::from_millis(self.dice.between(0, 30_000));
        self.deed(self.now, Deed::Call(Call::Drain { within }));
    }

    pub(super) fn keep_back(&mut self) {
        self.note("hold");
        self.deed(self.now, Deed::Call(Call::Hold));
        let at = self.now + self.dice.between(100, 40_000);
        self.deed(at, Deed::Call(Call::Release));
    }

    /// The user says much at once, after the token has been renewed.
    pub(super) fn flood(&mut self) {
        self.note("flood of messages");
        self.deed(self.now, Deed::Call(Call::Credential { value: "token".into(), connection: None }));
        for _ in 0..self.dice.between(3, 12) {
            let name = words::client(self.client_words);
            self.client_words += 1;
            self.post.at(self.now, Parcel::ClientSays(name));
        }
    }
}
