//! The session: public methods, the clamped clock, and the road between link and delivery.

mod bounds;
mod calls;
mod counted;
mod explain;
mod snapshot;

use alloc::collections::VecDeque;
use alloc::sync::Arc;

use crate::action::{Action, Purpose};
use crate::cx::Cx;
use crate::delivery::{Delivery, Demand};
use crate::dialect::Preset;
use crate::error::Malformed;
use crate::event::Event;
use crate::frame::Frame;
use crate::id::{ConnectionId, MessageId};
use crate::inbox::Deliver;
use crate::link::{Ending, Link, News};
use crate::rng::{Rng, Seed};
use crate::signal::{Content, Payload, Side, Signal};
use crate::state::{Cause, State};
use crate::stats::Stats;
use crate::status::Status;
use crate::time::Instant;
use crate::timer::Deadline;

pub use bounds::{Bounds, Guarantee};
pub use explain::Explanation;
pub use snapshot::Snapshot;
pub(crate) use snapshot::checksum;

/// One logical conversation with a server, over any number of connections.
///
/// A session does no IO and has no clock. It is told what happens ([`handle`](Session::handle) and the calls), queues what it
/// wants done ([`poll_action`](Session::poll_action)), and says when it wants to be woken
/// ([`next_deadline`](Session::next_deadline)). The same preset, seed and inputs give the same actions, byte for byte.
///
/// ```
/// use redial::{Action, Event, Instant, Preset, Seed, Session};
///
/// let mut session = Session::new(Preset::plain(), Seed::from_bytes([7; 16]));
/// let mut now = Instant::ORIGIN;
/// session.open(now);
/// session.send(now, "hello")?;
///
/// let mut sent = 0;
/// while let Some(action) = session.poll_action() {
///     match action {
///         // A host dials here; this one pretends that the socket is open 20 ms later.
///         Action::Connect { connection, .. } => {
///             now = Instant::from_millis(20);
///             session.handle(now, Event::Opened { connection });
///         }
///         Action::Send { frame, .. } => {
///             assert_eq!(frame.as_text(), Some("hello"));
///             sent += 1;
///         }
///         _ => {}
///     }
/// }
/// assert_eq!(sent, 1);
/// assert_eq!(session.next_deadline().map(|deadline| deadline.at), Some(Instant::from_millis(25_020)));
/// # Ok::<(), redial::SendError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Session {
    preset: Arc<Preset>,
    clock: Instant,
    rng: Rng,
    link: Link,
    delivery: Delivery,
    actions: VecDeque<Action>,
    stats: Stats,
}

/// The actions of one input to a session without messages: room for more is made when there are more.
const USUAL_ACTIONS: usize = 2;

impl Session {
    /// A session that is not open yet.
    ///
    /// The seed decides every jitter and the ids of the messages; take it from the operating system.
    pub fn new(preset: impl Into<Arc<Preset>>, seed: Seed) -> Self {
        let preset = preset.into();
        let mut rng = Rng::new(seed);
        let nonce = rng.next_u64();
        let delivery = Delivery::new(nonce, &preset.config, preset.dialect().profile().positions);
        Self {
            preset,
            clock: Instant::ORIGIN,
            rng,
            link: Link::new(),
            delivery,
            actions: VecDeque::with_capacity(USUAL_ACTIONS),
            stats: Stats::default(),
        }
    }

    /// Tells the session what happened. Cannot fail: what the peer did wrong comes back as an action.
    ///
    /// A `now` before an earlier one counts as that one.
    pub fn handle(&mut self, now: Instant, mut event: Event) {
        self.input(now, |session, cx| session.on_event(cx, &mut event));
    }

    /// The next thing to do or to know; `None` when everything was taken.
    #[inline]
    #[must_use = "an action that is dropped is never repeated"]
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When the session wants a `Tick`, and for which timer; `None` when it waits for events alone.
    ///
    /// Later than the last `now` after every input. Ticking earlier changes nothing, ticking late is harmless.
    pub fn next_deadline(&self) -> Option<Deadline> {
        if self.link.is_stopped() {
            return None;
        }
        self.link.deadline().earlier(self.delivery.deadline(&self.preset.config.outbox)).real()
    }

    /// The phase.
    pub fn state(&self) -> State {
        self.link.phase().state()
    }

    /// Where a message stands; `None` for one that is unknown or was forgotten.
    pub fn status(&self, id: &MessageId) -> Option<Status> {
        self.delivery.status(id)
    }

    /// Messages that are taken and not settled.
    pub fn unsettled(&self) -> usize {
        self.delivery.outbox().len()
    }

    /// What the session has counted.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The preset it runs under.
    pub fn preset(&self) -> &Preset {
        &self.preset
    }

    /// The latest `now` it was told.
    pub fn now(&self) -> Instant {
        self.clock
    }

    /// One input: the work itself, then everything whose time has come.
    fn input<T>(&mut self, now: Instant, work: impl FnOnce(&mut Halves<'_>, &mut Cx<'_>) -> T) -> T {
        self.stats.time_in.add(self.link.phase().state(), now.since(self.clock));
        self.clock = self.clock.max(now);
        let mut cx = Cx {
            now: self.clock,
            config: &self.preset.config,
            dialect: self.preset.dialect(),
            side: Side::Client,
            rng: &mut self.rng,
            out: &mut self.actions,
            stats: &mut self.stats,
            in_doubt: self.link.is_in_doubt(),
            riding: self.delivery.riding(),
        };
        let mut halves = Halves { link: &mut self.link, delivery: &mut self.delivery };
        let result = work(&mut halves, &mut cx);
        halves.resume(&mut cx);
        halves.tick(&mut cx);
        let attempts = halves.link.attempts();
        halves.delivery.settle_version(&mut cx, attempts);
        result
    }
}

/// Link and delivery at work on one input, and the road between them.
struct Halves<'a> {
    link: &'a mut Link,
    delivery: &'a mut Delivery,
}

impl Halves<'_> {
    /// What is taken of an event is taken from where it lies.
    fn on_event(&mut self, cx: &mut Cx<'_>, event: &mut Event) {
        let news = match *event {
            Event::Opened { connection } => self.link.on_opened(cx, connection),
            Event::FrameIn { connection, ref mut frame } => self.on_frame(cx, connection, frame),
            Event::Tick | Event::Offline => None,
            Event::SendFailed { connection, ref mut purpose } => self.on_send_failed(cx, connection, purpose.take()),
            Event::Errored { connection, cause, retry_after } => {
                self.link.on_errored(cx, connection, cause, retry_after)
            }
            Event::Closed { connection, code, ref mut reason } => {
                self.link.on_closed(cx, connection, code, core::mem::take(reason))
            }
            Event::Online => {
                self.link.on_hint(cx);
                None
            }
            Event::Woke { asleep } => {
                self.delivery.on_slept(asleep);
                self.link.on_hint(cx);
                None
            }
        };
        self.pass_on(cx, news);
    }

    /// Everything whose time has come, until nothing more is due.
    fn tick(&mut self, cx: &mut Cx<'_>) {
        loop {
            if let Some(news) = self.link.on_tick(cx) {
                cx.in_doubt = self.link.is_in_doubt();
                self.pass_on(cx, Some(news));
            } else if let Some(demand) = self.delivery.on_tick(cx) {
                let news = match demand {
                    Demand::Nothing => None,
                    Demand::Renew => self.link.renew(cx),
                    Demand::Recycle => Some(self.link.lose(cx, Cause::ReceiptOverdue, Ending::default())),
                    Demand::Close => self.link.close(cx, None, alloc::string::String::new(), Cause::Drained),
                };
                self.pass_on(cx, news);
            } else {
                return;
            }
        }
    }

    /// What waited for a sign of life leaves once there is one.
    fn resume(&mut self, cx: &mut Cx<'_>) {
        if core::mem::replace(&mut cx.in_doubt, self.link.is_in_doubt()) && !cx.in_doubt {
            self.delivery.flush(cx);
        }
    }

    /// What the link has to say to delivery.
    #[inline]
    fn pass_on(&mut self, cx: &mut Cx<'_>, news: Option<News>) {
        match news {
            None | Some(News::Moved) => {}
            Some(news) => self.hear(cx, news),
        }
    }

    fn hear(&mut self, cx: &mut Cx<'_>, news: News) {
        match news {
            News::Moved => {}
            News::Opened(connection) => {
                let credential = self.link.held_credential().cloned();
                self.delivery.say_hello(cx, connection, credential);
            }
            News::Ready(connection) => self.delivery.on_ready(cx, connection),
            News::Lost(cause) => self.delivery.on_lost(cx, cause),
            News::Ended => self.delivery.on_ended(cx),
            News::Refused => self.delivery.on_refused(cx),
        }
    }

    fn on_frame(&mut self, cx: &mut Cx<'_>, connection: ConnectionId, frame: &mut Frame) -> Option<News> {
        if !self.link.listens_to(connection) {
            cx.stats.stale_events += 1;
            return None;
        }
        cx.stats.frames_in += 1;
        cx.stats.bytes_in += frame.len() as u64;
        self.link.on_bytes(cx);
        let (bytes, limit) = (frame.len() as u64, cx.config.limits.frame_bytes.get());
        if bytes > limit {
            return self.link.on_malformed(cx, connection, Malformed::TooLarge { bytes, limit });
        }
        let mut decoded = cx.dialect.decode(cx.side, frame, &cx.config.limits);
        let signal = match &mut decoded {
            Err(error) => return self.link.on_malformed(cx, connection, error.clone()),
            Ok(signal) => signal,
        };
        self.link.on_evidence();
        if !self.link.is_ready() && !cx.dialect.profile().early_delivery && !signal.is_about_login() {
            cx.stats.stale_events += 1;
            return None;
        }
        let (id, content) = match signal {
            Signal::Message { id, body } => (id.take(), content(cx, *body, frame)),
            Signal::Notice { body } => (None, content(cx, *body, frame)),
            Signal::Numbered { position, id, body } => {
                let (position, id, content) = (*position, id.clone(), body.map(|body| content(cx, body, frame)));
                return self.on_numbered(cx, position, id, content, frame);
            }
            other => return self.on_signal(cx, connection, other, frame),
        };
        self.on_push(cx, connection, id.as_ref(), content, frame);
        None
    }

    /// Something for the application: the frame itself becomes the body, so it comes last.
    fn on_push(
        &mut self,
        cx: &mut Cx<'_>,
        connection: ConnectionId,
        id: Option<&MessageId>,
        content: Content,
        frame: &mut Frame,
    ) {
        self.delivery.on_message(cx, connection, id, || content.into_body(frame));
        self.link.on_push(cx);
    }

    fn on_signal(
        &mut self,
        cx: &mut Cx<'_>,
        connection: ConnectionId,
        signal: &Signal<'_>,
        frame: &Frame,
    ) -> Option<News> {
        match signal {
            Signal::Ack { id, echo } => {
                let known = self.delivery.on_confirmed(cx, id, Status::Accepted) || self.delivery.owns(id);
                match echo {
                    Some(echo) if known => self.delivery.on_echo(cx, connection, &echo.id),
                    // Somebody else's message under a client's id: from another device of this account, say.
                    Some(echo) => {
                        let content = content(cx, echo.body, frame);
                        self.on_push(cx, connection, Some(&echo.id), content, &mut frame.clone());
                    }
                    None if !known => cx.stats.unknown_receipts += 1,
                    None => {}
                }
            }
            Signal::Hello(_) => {}
            Signal::Admitted(_) | Signal::AckUpTo { .. } | Signal::Bye(_) => {
                return self.on_counted(cx, connection, signal);
            }
            Signal::Nack { id, code } => self.count(cx, id, Status::Rejected { code: *code }),
            Signal::Delivered { id } => self.count(cx, id, Status::Delivered),
            Signal::Read { id } => self.count(cx, id, Status::Read),
            other => return self.link.on_signal(cx, connection, other, |payload| payload.into_body(frame)),
        }
        None
    }

    fn count(&mut self, cx: &mut Cx<'_>, id: &MessageId, status: Status) {
        if !self.delivery.on_confirmed(cx, id, status) {
            cx.stats.unknown_receipts += 1;
        }
    }

    fn on_send_failed(&mut self, cx: &mut Cx<'_>, connection: ConnectionId, purpose: Option<Purpose>) -> Option<News> {
        if !self.link.listens_to(connection) {
            cx.stats.stale_events += 1;
            return None;
        }
        match purpose {
            None | Some(Purpose::Heartbeat) => self.link.on_beat_failed(cx, connection),
            Some(purpose) => self
                .delivery
                .on_send_failed(cx, connection, purpose)
                .then(|| self.link.lose(cx, Cause::SendFailed, Ending::default())),
        }
    }
}

/// What is delivered of a frame.
fn content(cx: &Cx<'_>, body: Payload<'_>, frame: &Frame) -> Content {
    match cx.config.inbox.deliver {
        Deliver::Content => body.within(frame),
        Deliver::Frame => Content::Whole,
    }
}
