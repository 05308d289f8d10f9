//! What happened so far, as the clients saw it; and the lines that tell it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use redial::{Action, Cause, Duration, Instant, Message, MessageId, State, Status};

use super::clock::Clock;

/// The names of the two clients; each talks to the other.
pub(crate) const NAMES: [&str; 2] = ["A", "B"];

/// The score of the whole run, shared by everybody.
pub(crate) struct Score {
    sides: [Mutex<Side>; 2],
    pub(crate) clock: Clock,
    begun: time::Instant,
    bar: ProgressBar,
    quiet: bool,
}

/// The score of one client: of what it sent, of what it was shown, and of its link.
#[derive(Clone, Debug, Default)]
pub(crate) struct Side {
    pub(crate) taken: usize,
    /// Messages that were sent and have not reached the other yet: sending one again is not sending another.
    sent_ids: HashSet<MessageId>,
    pub(crate) sent: usize,
    pub(crate) accepted: usize,
    pub(crate) delivered: usize,
    /// Messages that settled as anything but accepted.
    pub(crate) failed: usize,
    /// How often each message of the other side was shown here.
    pub(crate) shown: Vec<u32>,
    newest: usize,
    pub(crate) in_order: usize,
    pub(crate) ready: bool,
    pub(crate) connections: usize,
    pub(crate) dials: usize,
    /// When and why the last connection that was ready was lost.
    pub(crate) lost: Option<(Instant, Cause)>,
}

impl Score {
    pub(crate) fn new(messages: usize, clock: Clock, quiet: bool) -> Arc<Self> {
        let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(2 * messages as u64), target);
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos} of {len} shown, {msg}") {
            bar.set_style(style);
        }
        let sides = [(); 2].map(|()| Mutex::new(Side { shown: vec![0; messages], ..Side::default() }));
        Arc::new(Self { sides, clock, begun: time::Instant::now(), bar, quiet })
    }

    pub(crate) fn side(&self, who: usize) -> MutexGuard<'_, Side> {
        self.sides[who].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A line about one client.
    pub(crate) fn say(&self, who: usize, text: &str) {
        self.print(&format!("{:5.1} s  {}  {text}", self.begun.elapsed().as_secs_f64(), NAMES[who]));
    }

    pub(crate) fn print(&self, text: &str) {
        if !self.quiet {
            self.bar.suspend(|| say!("{text}"));
        }
    }

    pub(crate) fn progress(&self, faults: usize, of: usize) {
        self.bar.set_position(self.shown() as u64);
        self.bar.set_message(format!("{faults} of {of} faults"));
    }

    pub(crate) fn end_progress(&self) {
        self.bar.finish_and_clear();
    }

    /// Lets a span of the sessions' time pass.
    pub(crate) async fn pass(&self, span: Duration) {
        let end = self.clock.now() + span;
        while self.clock.now() < end {
            tokio::time::sleep(self.clock.wait(end)).await;
        }
    }

    /// Messages shown, both ways together.
    pub(crate) fn shown(&self) -> usize {
        (0..2).map(|who| self.side(who).shown.iter().filter(|times| **times > 0).count()).sum()
    }

    /// A client is shown a message.
    pub(crate) fn on_shown(&self, who: usize, message: &Message) {
        let number = message.body.as_text().and_then(|text| text.rsplit(' ').next()?.parse::<usize>().ok());
        let mut side = self.side(who);
        let Some(times) = number.and_then(|number| side.shown.get_mut(number.checked_sub(1)?)) else { return };
        *times += 1;
        let (first, number) = (*times == 1, number.unwrap_or_default());
        side.in_order += usize::from(first && number == side.newest + 1);
        side.newest = side.newest.max(number);
    }

    /// A client's session wants something done or known.
    pub(crate) fn on_action(&self, who: usize, action: &Action) {
        let now = self.clock.now();
        let mut side = self.side(who);
        match action {
            Action::Connect { .. } => side.dials += 1,
            Action::State { state: State::Ready, .. } => {
                side.ready = true;
                side.connections += 1;
            }
            Action::State { state: State::Waiting, cause: Some(cause), .. } if side.ready => {
                side.ready = false;
                side.lost = Some((now, *cause));
            }
            Action::State { state: State::Closing | State::Stopped, .. } => side.ready = false,
            Action::Status { id, status } => match status {
                Status::Queued => side.taken += usize::from(!side.sent_ids.contains(id)),
                Status::Sent => side.sent += usize::from(side.sent_ids.insert(id.clone())),
                Status::Accepted => side.accepted += 1,
                Status::Delivered => {
                    side.sent_ids.remove(id);
                    side.delivered += 1;
                }
                _ => side.failed += 1,
            },
            _ => {}
        }
    }
}

/// A span of the sessions' time, in seconds.
pub(crate) fn seconds(span: Duration) -> String {
    format!("{}.{} s", span.as_millis() / 1_000, span.as_millis() % 1_000 / 100)
}
