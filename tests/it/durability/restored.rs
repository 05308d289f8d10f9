//! A restored session is as good as the one that lost its connection: cut anywhere, it goes on the same way.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use proptest::prelude::*;
use redial::config::{Durability, Limit, Resend};
use redial::{
    Action, Config, ConnectionId, Duration, Event, Frame, Instant, MessageId, Outgoing, Preset, Purpose, Seed,
    SendError, Session, State, Status,
};

use super::{push, receipt};
use crate::oracle::drain;
use crate::properties::{Step, What, World, cases, play, steps};
use crate::support::Story;

/// Configurations of `uni_app` under which a loss and a restart mean the same.
fn configurations() -> [Config; 3] {
    // A loss makes the first in line a suspect, a restart does not.
    let mut plain = Config::default();
    plain.outbox.quarantine = None::<NonZeroU32>;
    let mut tight = plain.clone();
    tight.outbox.messages = Limit::new(6);
    tight.outbox.in_flight = Limit::new(2);
    tight.outbox.remembered = Limit::new(3);
    tight.outbox.dedup_window = Some(Duration::from_secs(60));
    tight.outbox.time_to_live = Some(Duration::from_secs(100));
    tight.inbox.window = Limit::new(2);
    let mut never = plain.clone();
    never.outbox.resend = Resend::Never;
    [plain, tight, never]
}

/// What a snapshot keeps no memory of: a hold, a drain, and the user's close.
fn survives(step: &Step) -> bool {
    !matches!(step.what, What::Hold | What::Drain(_) | What::Close)
}

fn restored(session: &Session) -> Session {
    Session::restore(session.preset().clone(), session.now(), session.snapshot(), Duration::ZERO, Seed::from(8_u64))
        .expect("what a session stores can be restored")
}

/// The ids of all messages that were ever told of.
fn ids(world: &World) -> BTreeSet<MessageId> {
    let id = |action: &Action| match action {
        Action::Status { id, .. } => Some(id.clone()),
        _ => None,
    };
    world.outputs.iter().flatten().filter_map(id).collect()
}

/// Goes on with an honest server that repeats its six messages: what is shown, and where each message of ours ends.
fn go_on(mut session: Session, ids: &BTreeSet<MessageId>) -> (Vec<String>, Vec<Option<Status>>) {
    let mut now = session.now();
    let _ = session.reconnect_now(now);
    session.credential(now, "token");
    session.open(now);
    // Either may have to wait for the safety floor, and both wait equally long.
    let _ = session.reconnect_now(now);
    now = now + Duration::from_millis(5_001);
    session.handle(now, Event::Tick);
    let (mut shown, mut turns) = (Vec::new(), 0);
    loop {
        let actions = drain(&mut session);
        if actions.is_empty() {
            break;
        }
        for action in actions {
            match action {
                Action::Connect { connection, .. } => {
                    session.handle(now, Event::Opened { connection });
                    for number in 0..6 {
                        let frame = Frame::text(push(&format!("push{number}")));
                        session.handle(now, Event::FrameIn { connection, frame });
                    }
                }
                Action::Send { connection, purpose: Purpose::Message { id }, .. } => {
                    session.handle(now, Event::FrameIn { connection, frame: Frame::text(receipt(&id)) });
                }
                Action::Deliver(message) => shown.push(message.id.expect("uni_app names messages").to_string()),
                _ => {}
            }
        }
        turns += 1;
        assert!(turns < 1_000, "it comes to rest");
    }
    assert_eq!(session.state(), State::Ready);
    assert_eq!(session.unsettled(), 0, "everything has its outcome");
    (shown, ids.iter().map(|id| session.status(id)).collect())
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn wherever_it_is_cut_it_goes_on_like_one_that_lost_its_connection(steps in steps(80), which in 0..3_usize) {
        let preset = Preset::uni_app().with_config(configurations()[which].clone()).expect("it is sound");
        let steps: Vec<Step> = steps.into_iter().filter(survives).collect();
        let world = play(preset, &steps, 0)?;
        let ids = ids(&world);
        let (shown, ended) = go_on(restored(&world.session), &ids);
        let (shown_here, ended_here) = go_on(world.session, &ids);
        prop_assert_eq!(shown, shown_here);
        prop_assert_eq!(ended, ended_here, "of {:?}", ids);
    }

    #[test]
    fn a_snapshot_of_what_was_restored_from_a_snapshot_is_that_snapshot(
        steps in steps(80),
        which in 0..3_usize,
        stored in any::<bool>(),
    ) {
        let mut config = configurations()[which].clone();
        config.durability = if stored { Durability::WriteAhead } else { Durability::Off };
        let world = play(Preset::uni_app().with_config(config).expect("it is sound"), &steps, 0)?;
        let mut once = restored(&world.session);
        let settled = drain(&mut once);
        prop_assert!(settled.iter().all(|action| matches!(
            action,
            Action::Persist { .. } | Action::Status { status: Status::Unconfirmed, .. }
        )), "{settled:?}");
        // Where messages could leave until the process ended, the next one counts them as sent.
        if settled.is_empty() && !text(&world.session).contains(r#""ready":true"#) {
            prop_assert_eq!(text(&once), text(&world.session));
        }
        let mut twice = restored(&once);
        prop_assert_eq!(drain(&mut twice), []);
        prop_assert_eq!(text(&twice), text(&once));
    }
}

#[test]
fn two_sessions_that_are_restored_from_one_snapshot_under_one_seed_stay_one() {
    let mut story = Story::uni_app();
    story.ready();
    story.send("in flight");
    let restored = |seed: u64| {
        let (preset, snapshot) = (story.session.preset().clone(), story.session.snapshot());
        let now = story.instant();
        let mut session = Session::restore(preset, now, snapshot, Duration::from_secs(5), Seed::from(seed));
        let session = session.as_mut().expect("it is sound");
        session.credential(now, "token");
        session.open(now);
        let connection = ConnectionId::new(2);
        session.handle(now, Event::Closed { connection, code: None, reason: String::new() });
        session.send(now, "new").expect("there is room");
        (session.clone(), drain(session))
    };
    assert_eq!(restored(1), restored(1));
    assert_ne!(restored(1).1, restored(2).1, "the seed decides the ids and the jitter");
}

#[test]
fn an_id_never_comes_again_however_old_the_snapshot_is_and_whatever_the_seed() {
    let preset = || Preset::uni_app().with_config(Config::default()).expect("it is sound");
    let mut session = Session::new(preset(), Seed::from(1_u64));
    let mut ids = BTreeSet::new();
    for round in 0..100_u64 {
        let old = session.snapshot();
        for _ in 0..3 {
            assert!(ids.insert(session.send(Instant::ORIGIN, "x").expect("there is room")), "round {round}");
        }
        // Even a program that takes the same seed each time makes no id twice.
        let restored = Session::restore(preset(), Instant::ORIGIN, old, Duration::ZERO, Seed::from(1_u64));
        session = restored.expect("it is sound");
    }
}

#[test]
fn the_ids_of_the_last_64_processes_are_known_as_own_and_refused_to_others() {
    let preset = || Preset::uni_app().with_config(Config::default()).expect("it is sound");
    let mut session = Session::new(preset(), Seed::from(0_u64));
    let mut nonces = Vec::new();
    for process in 1..=70_u64 {
        let id = session.send(Instant::ORIGIN, "x").expect("there is room");
        let nonce = id.as_text().and_then(|id| id.split_once('-')).expect("it has a nonce").0.to_owned();
        nonces.push(nonce);
        let snapshot = session.snapshot();
        let restored = Session::restore(preset(), Instant::ORIGIN, snapshot, Duration::ZERO, Seed::from(process));
        session = restored.expect("it is sound");
    }
    for (process, nonce) in nonces.iter().enumerate() {
        // An id that no process has made so far.
        let chosen = Outgoing::from("y").id(format!("{nonce}-999").as_str());
        let known = session.send(Instant::ORIGIN, chosen) == Err(SendError::DuplicateId);
        assert_eq!(known, process >= 6, "process {process} of 70");
    }
}

#[test]
fn an_echo_of_a_message_of_an_earlier_process_is_not_shown() {
    // The earlier process has sent more than it had stored.
    let mut story = Story::uni_app();
    story.ready();
    let stored = story.snapshot();
    let id = story.send("from before");
    let snapshot = serde_json::from_str::<redial::Snapshot>(&stored).expect("it was written");
    let (preset, now) = (story.session.preset().clone(), story.instant());
    let session = Session::restore(preset, now, snapshot, Duration::ZERO, Seed::from(9_u64));
    let mut story = Story::uni_app();
    story.replace(session.expect("it is sound"));
    story.credential("token").open();
    story.opened();
    story.seen();
    story.text(&format!(r#"{{"type":"MESSAGE","messageId":"m1","clientMessageId":"{id}","content":"from before"}}"#));
    let seen = story.seen();
    assert_eq!((seen.delivered().len(), seen.acks().len()), (0, 1), "it is acknowledged as an own message");
}

#[test]
fn versions_go_on_over_restarts_and_start_anew_nowhere() {
    let mut story = Story::write_ahead(|_| {});
    let mut last = 0;
    for round in 0..5 {
        story.back();
        let id = story.send("hello");
        story.persist();
        story.text(&receipt(&id)).persist();
        assert!(story.version > last, "round {round}: {} came after {last}", story.version);
        last = story.version;
        story.restart(1_000);
        assert_eq!(story.version, 0, "the story itself forgets");
    }
    assert!(last > 10, "{last}");
}

/// The snapshot without what differs from process to process: the nonces, and the check over them.
fn text(session: &Session) -> String {
    let mut snapshot = serde_json::to_value(session.snapshot()).expect("a snapshot can be written");
    snapshot["meta"]["check"] = 0.into();
    snapshot["s/mint"] = 0.into();
    snapshot.to_string()
}
