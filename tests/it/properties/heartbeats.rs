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
            prop_assume!(policy.liveness == Liveness::AnyFrame);
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
