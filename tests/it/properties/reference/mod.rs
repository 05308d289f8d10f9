//! Reference models: the outbox and the inbox as naive lists, written from the rules, beside the real ones for a whole
//! run.
//!
//! Session and models get the same inputs, and after each of them everything that can be observed has to be the same:
//! answers, actions in their order and to the byte, the status of every message, figures, and when messages want to be
//! looked at next. Of the link the models see only that it dials.

mod casting;
mod host;
mod inbox;
mod losing;
mod model;
mod outbox;
mod receiving;
mod sending;
mod settings;
mod steps;
mod storing;
mod words;

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use host::Host;
use settings::{Settings, settings};
use steps::{About, Step, steps};

/// Plays the steps to a session and to its models; the error tells where they part, and all that happened until then.
fn play(settings: &Settings, steps: &[Step]) -> Result<Host, TestCaseError> {
    let mut host = Host::new(settings);
    for step in steps {
        if let Err(parted) = host.step(step) {
            return Err(TestCaseError::fail(format!("{parted}\n\n{}\n{settings:?}", host.story())));
        }
    }
    Ok(host)
}

proptest! {
    #![proptest_config(super::cases(150))]

    #[test]
    fn the_outbox_does_what_a_plain_list_would(settings in settings(), steps in steps(140, About::Outbox)) {
        play(&settings, &steps)?;
    }

    #[test]
    fn the_inbox_does_what_a_plain_list_would(settings in settings(), steps in steps(140, About::Inbox)) {
        play(&settings, &steps)?;
    }

    #[test]
    fn so_do_both_where_everything_is_stored_before_it_counts(settings in settings(), steps in steps(140, About::Both)) {
        play(&Settings { stores: true, ..settings }, &steps)?;
    }
}

/// What a run has to have met: refusals, statuses and other actions by their kinds, and the rarer rules of the models.
const MET: [&str; 62] = [
    "Send(Stopped)",
    "Send(Draining)",
    "Send(NotReady)",
    "Send(TooLarge",
    "Send(Full",
    "Send(FullBytes",
    "Send(BadId",
    "Send(DuplicateId)",
    "Send(Unencodable(Binary))",
    "Resend(Stopped)",
    "Resend(Draining)",
    "Resend(NotReady)",
    "Resend(NotFailed)",
    "Resend(Unknown)",
    "Resend(Full)",
    "Cancel(Unknown)",
    "Cancel(Sent)",
    "Abandon(Unknown)",
    "Abandon(NotSent)",
    "Acknowledge(Unknown)",
    "NotOpen(NotOpen)",
    "Queued",
    "Sent",
    "Accepted",
    "Delivered",
    "Read",
    "Rejected",
    "NotSent",
    "Unconfirmed",
    "Cancelled",
    "Message",
    "LateReceipt",
    "Unsent",
    "Deliver",
    "Deferred",
    "Ack",
    "Nack",
    "messages are held",
    "messages wait for a sign of life",
    "messages wait until it is stored that they leave",
    "a suspect travels alone",
    "another copy is asked for",
    "what waits to be sent again keeps its place",
    "a failed message takes its old place",
    "a failed message no longer holds the line",
    "over before it left",
    "older than the server remembers",
    "a failed body had to give way",
    "a confirmation in order starts the next wait anew",
    "an overdue receipt costs the link",
    "an overdue receipt costs the message",
    "what was in flight is not sent again",
    "what goes out once is not sent again",
    "what keeps ending the link is set aside",
    "what nobody took was never sent",
    "what was behind a failed write did not go out",
    "what may have left before the restart is not sent again",
    "an id is forgotten",
    "nothing overtakes what was deferred",
    "what was deferred is asked for again",
    "an answer waited until it was stored",
    "an answer came too late for its connection",
];

#[test]
fn every_rule_of_the_models_has_something_to_say() {
    let mut met = BTreeSet::new();
    let mut runner = TestRunner::deterministic();
    for about in [About::Outbox, About::Inbox, About::Both].into_iter().cycle().take(420) {
        let run = (settings(), steps(140, about)).new_tree(&mut runner).expect("a run can be drawn");
        let (settings, steps) = run.current();
        let host = play(&settings, &steps).expect("session and models agree");
        met.extend(host.seen);
        met.extend(host.model.met.into_iter().map(str::to_owned));
    }
    let unmet: Vec<&str> = MET.into_iter().filter(|name| !met.contains(*name)).collect();
    assert!(unmet.is_empty(), "no run met {unmet:?}");
}
