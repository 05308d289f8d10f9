//! What goes wrong on one client's link, when, and how long it takes to notice and to mend.

use std::sync::Arc;
use std::time;

use redial::{Cause, Config, Duration, Instant};

use super::client::Client;
use super::hub::Hub;
use super::plan::Kind;
use super::relay::{Relay, Spoil};
use super::rng::Rng;
use super::score::{Score, seconds};

/// What the faults of one link have shown.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    pub(crate) done: Vec<Kind>,
    /// When the present calm or fault began, by the wall.
    pub(crate) since: Option<time::Instant>,
    /// The user only listens: the next heartbeat is all that can find out about the link.
    pub(crate) quiet: bool,
    pub(crate) slowest_notice: Option<Duration>,
    /// Bounds that ran out, each as a sentence.
    pub(crate) overdue: Vec<String>,
}

/// How much later than the bound a busy machine may notice: a late wake-up asks once more and waits 5 s.
pub(crate) const ALLOWANCE: Duration = Duration::from_secs(10);
/// How long recovery from any fault may take once it has passed: an attempt's 10 s and a backoff's 60 s, and both
/// again.
const RECOVERY: Duration = Duration::from_secs(150);

/// The one who breaks one client's link.
pub(crate) struct Saboteur {
    pub(crate) who: usize,
    pub(crate) client: Arc<Client>,
    pub(crate) relay: Relay,
    pub(crate) hub: Hub,
    pub(crate) score: Arc<Score>,
    pub(crate) record: Arc<std::sync::Mutex<Record>>,
    pub(crate) rng: Rng,
}

impl Saboteur {
    pub(crate) async fn work(mut self, kinds: Vec<Kind>) {
        let mut half_open = 0;
        for kind in kinds {
            self.record(|record| record.since = Some(time::Instant::now()));
            self.calm().await;
            match kind {
                Kind::Cut => self.cut().await,
                Kind::Stall => self.stall().await,
                Kind::HalfOpen => {
                    self.half_open(half_open % 2 == 0).await;
                    half_open += 1;
                }
                Kind::Refused => self.refuse().await,
                Kind::Hub => self.down().await,
                Kind::Reset => self.reset().await,
                Kind::Garbage => self.garbage().await,
                Kind::Delay => self.delay().await,
                Kind::Drip => self.drip().await,
            }
            self.record(|record| record.done.push(kind));
        }
    }

    /// Leaves the link alone for about its stable time, and until the last message got through.
    async fn calm(&mut self) {
        let span = self.rng.between(25_000, 36_000);
        self.pass(span).await;
        let before = self.score.side(self.who).accepted;
        let idle = |saboteur: &Self| saboteur.client.unsettled() == 0;
        self.until(Duration::from_secs(20), |saboteur| {
            let side = saboteur.score.side(saboteur.who);
            let moved = side.accepted > before;
            drop(side);
            saboteur.score.side(saboteur.who).ready && (moved || idle(saboteur))
        })
        .await;
    }

    async fn cut(&mut self) {
        // A cut between two words would be no test.
        self.until(Duration::from_secs(5), |saboteur| saboteur.client.unsettled() > 0).await;
        let unsettled = self.client.unsettled();
        let (from, resent) = (self.now(), self.client.stats().resent);
        self.say(Kind::Cut, &format!("the connection ends with {unsettled} messages on their way"));
        let before = self.connections();
        self.relay.cut();
        self.back(before, from, resent).await;
    }

    async fn stall(&mut self) {
        let span = self.rng.between(6_000, 30_000);
        let (from, resent, before) = (self.now(), self.client.stats().resent, self.connections());
        self.say(Kind::Stall, &format!("no byte moves for {}", seconds(span)));
        self.relay.stall(true);
        self.pass(span).await;
        self.relay.stall(false);
        // A stall may outlast the patience for a receipt, or not.
        self.pass(Duration::from_secs(1)).await;
        self.goes_on(before, from, resent, "           goes on over the same connection").await;
    }

    async fn half_open(&mut self, quiet: bool) {
        let how = if quiet {
            self.record(|record| record.quiet = true);
            self.until(Duration::from_secs(20), |saboteur| saboteur.client.unsettled() == 0).await;
            "while it only listens, the link goes dead without a word"
        } else {
            "in mid-conversation, the link goes dead without a word"
        };
        let (from, resent, before) = (self.now(), self.client.stats().resent, self.connections());
        self.say(Kind::HalfOpen, how);
        self.relay.half_open();
        self.back(before, from, resent).await;
        self.record(|record| record.quiet = false);
        let lost = self.score.side(self.who).lost;
        if let Some((at, _)) = lost.filter(|(at, _)| *at >= from) {
            let notice = at.since(from);
            let late = Config::default().bounds().notice_dead_link.filter(|bound| notice > *bound + ALLOWANCE);
            self.record(|record| {
                record.slowest_notice = record.slowest_notice.max(Some(notice));
                record.overdue.extend(late.map(|bound| format!("a dead link was noticed after {notice}, not {bound}")));
            });
        }
    }

    async fn refuse(&mut self) {
        let (from, resent, before) = (self.now(), self.client.stats().resent, self.connections());
        let wanted = 2 + self.rng.below(3);
        let dials = self.score.side(self.who).dials;
        self.say(Kind::Refused, &format!("the connection ends, and {wanted} dials are refused"));
        self.relay.refuse(true);
        self.relay.cut();
        let goal = dials + wanted;
        self.until(RECOVERY, |saboteur| {
            let side = saboteur.score.side(saboteur.who);
            side.dials >= goal && !side.ready
        })
        .await;
        // The last of them is on its way when it is counted.
        self.pass(Duration::from_millis(300)).await;
        self.relay.refuse(false);
        self.back(before, from, resent).await;
    }

    async fn down(&mut self) {
        let span = self.rng.between(2_000, 8_000);
        let (from, resent, before) = (self.now(), self.client.stats().resent, self.connections());
        self.say(Kind::Hub, &format!("the hub dies, for both, and comes back {} later", seconds(span)));
        self.hub.die();
        self.pass(span).await;
        self.hub.come_back();
        self.back(before, from, resent).await;
    }

    async fn reset(&mut self) {
        self.until(Duration::from_secs(5), |saboteur| saboteur.client.unsettled() > 0).await;
        let (from, resent, before) = (self.now(), self.client.stats().resent, self.connections());
        self.say(Kind::Reset, "the connection is reset, and unread bytes with it");
        self.relay.reset();
        self.back(before, from, resent).await;
    }

    async fn garbage(&mut self) {
        let (spoil, how) = match self.rng.below(3) {
            0 => (Spoil::Instead, "rubbish comes instead of a frame"),
            1 => (Spoil::Within, "a frame turns into rubbish half-way"),
            _ => (Spoil::After, "a frame is followed by rubbish"),
        };
        let (resent, before) = (self.client.stats().resent, self.connections());
        self.relay.spoil(spoil);
        // The next word may be the answer to a heartbeat.
        self.until(Duration::from_secs(60), |saboteur| !saboteur.relay.is_to_spoil()).await;
        self.say(Kind::Garbage, how);
        self.back(before, self.now(), resent).await;
    }

    async fn drip(&mut self) {
        let (from, resent, before) = (self.now(), self.client.stats().resent, self.connections());
        self.say(Kind::Drip, "every byte comes in a packet of its own");
        self.relay.drip(true);
        self.pass(Duration::from_secs(24)).await;
        self.relay.drip(false);
        self.goes_on(before, from, resent, "           packets are full again").await;
    }

    async fn delay(&mut self) {
        let each = self.rng.between(2_000, 5_000);
        let (from, resent, before) = (self.now(), self.client.stats().resent, self.connections());
        self.say(Kind::Delay, &format!("every byte takes {} each way", seconds(each)));
        self.relay.delay(self.score.clock.span(each));
        self.pass(Duration::from_secs(24)).await;
        self.relay.delay(super::LATENCY);
        self.goes_on(before, from, resent, "           bytes are fast again").await;
    }

    /// Says that the connection has outlived it, or waits for another one.
    async fn goes_on(&mut self, before: usize, from: Instant, resent: u64, well: &str) {
        let side = self.score.side(self.who).clone();
        if side.connections == before && side.ready {
            self.score.say(self.who, well);
        } else {
            self.back(before, from, resent).await;
        }
    }

    /// Waits for a new connection, and tells how it came about.
    async fn back(&mut self, before: usize, from: Instant, resent: u64) {
        let who = self.who;
        let back = self
            .until(RECOVERY, |saboteur| {
                let side = saboteur.score.side(who);
                side.connections > before && side.ready
            })
            .await;
        let now = self.now();
        if !back {
            let sentence = format!("{} was not back after {RECOVERY}", super::score::NAMES[who]);
            self.score.say(who, &sentence);
            self.record(|record| record.overdue.push(sentence));
            return;
        }
        let noticed = match self.score.side(who).lost {
            Some((_, Cause::Closed | Cause::Errored)) | None => String::new(),
            Some((at, cause)) => format!(", noticed after {}: {cause}", seconds(at.since(from))),
        };
        let resent = match self.client.stats().resent - resent {
            0 => String::new(),
            1 => "; 1 message sent again".to_owned(),
            more => format!("; {more} messages sent again"),
        };
        self.score.say(who, &format!("           back after {}{noticed}{resent}", seconds(now.since(from))));
    }

    fn say(&self, kind: Kind, text: &str) {
        self.score.say(self.who, &format!("{:<9}  {text}", kind.name()));
    }

    fn connections(&self) -> usize {
        self.score.side(self.who).connections
    }

    fn now(&self) -> Instant {
        self.score.clock.now()
    }

    fn record(&self, change: impl FnOnce(&mut Record)) {
        change(&mut self.record.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    }

    /// Lets a span of the sessions' time pass.
    async fn pass(&self, span: Duration) {
        self.score.pass(span).await;
    }

    /// Waits until something holds, so long at most; says whether it does.
    async fn until(&self, limit: Duration, holds: impl Fn(&Self) -> bool) -> bool {
        let end = self.now() + limit;
        while !holds(self) {
            if self.now() >= end {
                return false;
            }
            tokio::time::sleep(time::Duration::from_millis(2)).await;
        }
        true
    }
}
