//! Heartbeats under any policy: a dead link is noticed within the bound, and a link that answers is never given up.

use std::num::NonZeroU32;

use proptest::prelude::*;
use redial::config::{DeadAfter, HeartbeatPolicy, HeartbeatSchedule, Liveness, Probe, Suspicion};
use redial::{Action, ConnectionId, Duration, Event, Frame, Instant, Preset, Purpose, Seed, Session, State};

use super::cases;

fn span() -> impl Strategy<Value = Duration> {
    let millis = prop_oneof![
        1 => Just(0_u64),
        1 => Just(u64::MAX),
        2 => 1..100_u64,
        4 => 100..60_000_u64,
    ];
    millis.prop_map(Duration::from_millis)
}

fn policy() -> impl Strategy<Value = HeartbeatPolicy> {
    let count = || (1..4_u32).prop_map(|count| NonZeroU32::new(count).expect("it is not zero"));
    let schedule = prop_oneof![
        Just(HeartbeatSchedule::Grid),
        Just(HeartbeatSchedule::SinceLife),
        Just(HeartbeatSchedule::LockStep)
    ];
    let liveness = prop_oneof![Just(Liveness::AnyFrame), Just(Liveness::Reply)];
    let suspicion = prop::option::of((count(), span(), span()));
    let dead_after = prop::option::of((count(), span()));
    let probe = prop::option::of((span(), span()));
    (span(), any::<bool>(), schedule, liveness, dead_after, suspicion, prop::option::of(span()), probe).prop_map(
        |(every, at_ready, schedule, liveness, dead_after, suspicion, unanswered, probe)| {
            let mut policy = HeartbeatPolicy::default();
            (policy.every, policy.at_ready, policy.schedule, policy.liveness) = (every, at_ready, schedule, liveness);
            policy.dead_after = dead_after.and_then(|(count, grace)| DeadAfter::after(count.get(), grace));
            policy.suspicion = suspicion.map(|(heartbeats, after, wait)| {
                let mut suspicion = Suspicion::default();
                (suspicion.heartbeats, suspicion.after, suspicion.wait) = (heartbeats, after, wait);
                suspicion
            });
            policy.unanswered = unanswered;
            policy.probe = probe.map(|(late, wait)| Probe::new(late, wait));
            policy
        },
    )
}

/// A session that is ready under this policy; with a period, the server of `redial.v1` asked for it.
fn ready(policy: &HeartbeatPolicy, asked: Option<Duration>) -> (Session, ConnectionId) {
    let preset = if asked.is_some() { Preset::native() } else { Preset::plain() };
    let preset = preset.configure(|config| config.heartbeat = policy.clone()).expect("every policy is sound");
    let mut session = Session::new(preset, Seed::from(7_u64));
    let (now, connection) = (Instant::ORIGIN, ConnectionId::new(1));
    session.open(now);
    session.handle(now, Event::Opened { connection });
    if let Some(asked) = asked {
        let welcome = format!(
            r#"{{"type":"welcome","sid":"s","token":"t","ttl_ms":60000,"resumed":false,"win_msgs":9,"win_bytes":9999,"frame_max":9999,"hb_ms":{}}}"#,
            asked.as_millis()
        );
        session.handle(now, Event::FrameIn { connection, frame: Frame::text(welcome) });
    }
    (session, connection)
}

fn asks(session: &mut Session) -> bool {
    let is_heartbeat = |action: &Action| matches!(action, Action::Send { purpose: Purpose::Heartbeat, .. });
    std::iter::from_fn(|| session.poll_action()).filter(is_heartbeat).count() > 0
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn a_dead_link_is_noticed_within_the_bound(
        policy in policy(),
        asked in prop::option::of(prop_oneof![Just(Duration::ZERO), Just(Duration::from_millis((1 << 53) - 1)), span()
            .prop_map(|span| span.min(Duration::from_millis((1 << 53) - 1)))]),
        chatter in prop::option::of(1..20_000_u64),
    ) {
        let (mut session, connection) = ready(&policy, asked);
        if session.state() != State::Ready {
            // The least times end a link before anything can be said.
            return Ok(());
        }
        // The last frame that comes may come at any moment.
        let mut last = 0;
        if let Some(chatter) = chatter {
            last = chatter;
            for _ in 0..5_000 {
                match session.next_deadline().filter(|due| due.at.as_millis() < last && session.state() == State::Ready) {
                    Some(due) => session.handle(due.at, Event::Tick),
                    None => break,
                }
            }
            if session.state() != State::Ready || session.next_deadline().is_some_and(|due| due.at.as_millis() < last) {
                return Ok(());
            }
            let frame = Frame::text(if asked.is_some() { r#"{"type":"pong"}"# } else { "hi" });
            session.handle(Instant::from_millis(last), Event::FrameIn { connection, frame });
        }
        let bound = session.bounds().notice_dead_link;
        for _ in 0..20_000 {
            if session.state() != State::Ready {
                break;
            }
            let Some(due) = session.next_deadline() else { break };
            session.handle(due.at, Event::Tick);
        }
        if let (Some(bound), State::Ready) = (bound, session.state()) {
            let far = session.next_deadline().is_none() || session.now().since(Instant::from_millis(last)) < bound;
            prop_assert!(far, "not noticed within {bound}: {policy:?}");
        } else if let Some(bound) = bound {
            let took = session.now().since(Instant::from_millis(last));
            prop_assert!(took <= bound, "noticed after {took}, promised {bound}: {policy:?}");
        } else {
            prop_assert_eq!(session.state(), State::Ready, "silence means nothing under {:?}", policy);
        }
    }

    #[test]
    fn a_link_that_answers_every_heartbeat_at_once_is_never_given_up(
        policy in policy(),
        sends in any::<bool>(),
        pings in any::<bool>(),
    ) {
        let (mut session, connection) = ready(&policy, None);
        if !pings {
            session.handle(Instant::ORIGIN, Event::Host { profile: redial::HostProfile::new().without_pings() });
        }
        for round in 0..300_u32 {
            if asks(&mut session) {
                prop_assert!(pings || round == 0, "a ping of a host that sends none");
                let now = session.now();
                session.handle(now, Event::FrameIn { connection, frame: Frame::Pong(Vec::new()) });
            }
            prop_assert_eq!(session.state(), State::Ready, "round {} under {:?}", round, policy);
            if sends && round % 7 == 0 {
                let _ = session.send(session.now(), "hello");
                continue;
            }
            let Some(due) = session.next_deadline() else { break };
            session.handle(due.at, Event::Tick);
        }
    }
}

/// What happens to a session, and after how long.
#[derive(Clone, Copy, Debug)]
enum Step {
    Reply,
    Chatter,
    Online,
    Offline,
    Woke,
    Send,
}

fn steps(longest: usize, live: bool) -> impl Strategy<Value = Vec<(u64, Step)>> {
    let hint = prop_oneof![Just(Step::Online), Just(Step::Offline), Just(Step::Woke), Just(Step::Send)];
    let frame = prop_oneof![Just(Step::Reply), Just(Step::Chatter)];
    let step = prop_oneof![if live { 4 } else { 0 } => frame, 1 => hint];
    prop::collection::vec((prop_oneof![1..2_000_u64, 1..40_000_u64], step), 0..longest)
}

/// A link whose host may be late, with what was measured since the last frame.
struct Link {
    session: Session,
    connection: ConnectionId,
    /// How late the host is, tick by tick.
    late: Vec<u64>,
    ticks: usize,
    /// When the last frame came.
    heard: Instant,
    /// When the first message left after that.
    asked: Option<Instant>,
    /// What lateness and hints may add to the bound since then, in milliseconds.
    extra: u64,
    /// Whether a probe may have gone out since then.
    probed: bool,
}

impl Link {
    fn is_ready(&self) -> bool {
        self.session.state() == State::Ready
    }

    /// Gives an input, and notes how late it is for what was due.
    fn input(&mut self, now: Instant, event: Event) {
        let late = self.session.next_deadline().map_or(0, |due| now.since(due.at).as_millis());
        let probe = self.session.preset().config().heartbeat.probe;
        self.extra += late + if late > 1_000 { 1_000 } else { 0 };
        self.probed |= probe.is_some_and(|probe| late > probe.late.as_millis());
        self.session.handle(now, event);
    }

    /// Ticks until then, each time as late as the host is; returns whether the link was silent to the end.
    fn tick_until(&mut self, end: Instant) -> bool {
        for _ in 0..3_000 {
            let Some(due) = self.session.next_deadline().filter(|_| self.is_ready()) else { return true };
            let late = self.late.get(self.ticks % self.late.len().max(1)).copied().unwrap_or_default();
            let now = due.at + Duration::from_millis(late);
            if now >= end {
                return true;
            }
            self.ticks += 1;
            self.input(now, Event::Tick);
        }
        false
    }

    fn step(&mut self, wait: u64, step: Step) -> bool {
        let now = self.session.now() + Duration::from_millis(wait);
        if !self.tick_until(now) || !self.is_ready() {
            return false;
        }
        let connection = self.connection;
        match step {
            Step::Reply => self.input(now, Event::FrameIn { connection, frame: Frame::Pong(Vec::new()) }),
            Step::Chatter => self.input(now, Event::FrameIn { connection, frame: Frame::text("hi") }),
            Step::Online => self.input(now, Event::Online),
            Step::Offline => self.input(now, Event::Offline),
            Step::Woke => self.input(now, Event::Woke { asleep: Duration::from_millis(wait) }),
            Step::Send => {
                self.input(now, Event::Tick);
                let _ = self.session.send(now, "hello");
            }
        }
        let is_message = |action: &Action| matches!(action, Action::Send { purpose: Purpose::Message { .. }, .. });
        if std::iter::from_fn(|| self.session.poll_action()).filter(is_message).count() > 0 {
            self.asked = self.asked.or(Some(now));
        }
        let heartbeat = &self.session.preset().config().heartbeat;
        match step {
            // Chatter is no life where only replies are: a respite that a late tick began goes on.
            Step::Chatter if heartbeat.liveness == Liveness::Reply => (self.heard, self.asked) = (now, None),
            Step::Reply | Step::Chatter => {
                (self.heard, self.asked, self.extra, self.probed) = (now, None, 0, false);
            }
            Step::Online | Step::Offline | Step::Woke => self.probed = true,
            Step::Send => {}
        }
        self.is_ready()
    }
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn silence_ends_a_link_within_the_bound_or_never_as_the_bound_says(
        policy in policy(),
        pings in prop::bool::weighted(0.9),
        before in steps(8, true),
        after in steps(4, false),
        late in prop::collection::vec(prop_oneof![3 => Just(0_u64), 1 => 1..3_000_u64, 1 => 3_000..90_000_u64], 0..6),
    ) {
        let (session, connection) = ready(&policy, None);
        let zero = Instant::ORIGIN;
        let mut link = Link { session, connection, late, ticks: 0, heard: zero, asked: None, extra: 0, probed: false };
        if !pings {
            link.input(zero, Event::Host { profile: redial::HostProfile::new().without_pings() });
        }
        let bounds = link.session.bounds();
        let all: Vec<_> = before.into_iter().chain(after).collect();
        let lived = all.iter().all(|(wait, step)| link.step(*wait, *step));
        let ended = link.tick_until(Instant::NEVER);
        let (now, heard) = (link.session.now(), link.heard);
        let Some(bound) = bounds.notice_dead_link else {
            prop_assert!(link.is_ready(), "ended at {now} though silence never ends a link: {policy:?} {all:?}");
            return Ok(());
        };
        let wait = policy.probe.filter(|_| link.probed).map_or(Duration::ZERO, |probe| probe.wait.max(Duration::from_millis(1)));
        let extra = wait + Duration::from_millis(link.extra);
        if let (Some(asked), Some(bound), true) = (link.asked, bounds.notice_dead_link_under_traffic, ended) {
            let (took, bound) = (now.since(asked), bound + extra);
            prop_assert!(took <= bound, "noticed {took} after a message, promised {bound}: {policy:?} {all:?}");
        }
        let bound = bound + extra;
        let took = now.since(heard);
        prop_assert!(took <= bound, "silent for {took}, promised {bound}: {policy:?} {all:?} {lived}");
        if link.is_ready() {
            let far = heard + bound == Instant::NEVER;
            prop_assert!(!ended || far, "never noticed, promised {bound}: {policy:?} {all:?}");
        }
    }
}
