//! A restored session is as good as the one that lost its connection: cut anywhere, it goes on the same way.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use proptest::prelude::*;
use redial::config::{Durability, Limit, Resend};
use redial::{Action, Config, Duration, Event, Frame, MessageId, Preset, Purpose, Session, State, Status};

use super::{push, receipt};
use crate::oracle::drain;
use crate::properties::{Step, What, World, cases, play, steps};

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
    Session::restore(session.preset().clone(), session.now(), session.snapshot(), Duration::ZERO)
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
    let now = session.now();
    let _ = session.reconnect_now(now);
    session.credential(now, "token");
    session.open(now);
    if session.state() == State::Waiting {
        // The restart was in the middle of an outage; the user does not care.
        session.open(now);
    }
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
        if settled.is_empty() {
            prop_assert_eq!(text(&once), text(&world.session));
        }
        let mut twice = restored(&once);
        prop_assert_eq!(drain(&mut twice), []);
        prop_assert_eq!(text(&twice), text(&once));
    }
}

fn text(session: &Session) -> String {
    serde_json::to_string(&session.snapshot()).expect("a snapshot can be written")
}
