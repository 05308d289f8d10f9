//! What one side of a dialect says, the other side understands.

use proptest::prelude::*;
use redial::config::Limits;
use redial::dialect::{Content, LeaveSignal, LoginSignal, MessageSignal, ReceiptSignal, Side, Signal};
use redial::services::Service;
use redial::{Body, MessageId, Preset, Secret};

use super::presets;

/// A signal that owns its content.
#[derive(Debug, Clone)]
struct Said {
    kind: usize,
    id: MessageId,
    other: MessageId,
    body: Body,
    code: u32,
}

impl Said {
    fn signal(&self) -> Signal<Content<'_>> {
        let (id, body) = (self.id.clone(), Content::of(&self.body));
        match self.kind {
            0 => Signal::heartbeat(),
            1 => Signal::heartbeat_reply(),
            2 => Signal::message(Some(id), body),
            3 => Signal::message(None, body),
            4 => Signal::Notice(body),
            5 => Signal::accepted(id),
            6 => Signal::echoed(id, self.other.clone(), body),
            7 => Signal::rejected(id, self.code),
            8 => Signal::delivered(id),
            9 => Signal::read(id),
            10 => Signal::challenge(Some(body), None),
            11 => Signal::proof(Secret::new("token"), None),
            12 => Signal::login_accepted(),
            13 => Signal::login_refused(self.code),
            _ => Signal::kick(body),
        }
    }
}

fn said() -> impl Strategy<Value = Said> {
    let id = || {
        prop_oneof![
            "\\PC{1,20}".prop_map(|text| MessageId::from(text.chars().take(20).collect::<String>())),
            "[\\x00-\\x7f]{1,40}".prop_map(MessageId::from),
            (0..=MessageId::MAX_NUMBER).prop_map(MessageId::from),
        ]
    };
    let text =
        prop_oneof!["\\PC*", "[\\x00-\\x7f]*", Just("ping".to_owned()), Just("pong".to_owned()), any::<String>()];
    let body = prop_oneof![4 => text.prop_map(Body::from), 1 => any::<Vec<u8>>().prop_map(Body::from)];
    (0..15_usize, id(), id(), body, any::<u32>()).prop_map(|(kind, id, other, body, code)| Said {
        kind,
        id,
        other,
        body,
        code,
    })
}

/// A signal without its borrowings, for comparison: its kind, ids, code and content.
fn told(signal: Signal<Content<'_>>) -> (String, Option<Body>) {
    let content = |content: Content<'_>| Some(content.to_body());
    match signal {
        Signal::Message(MessageSignal { id, content: body, .. }) => (format!("message {id:?}"), content(body)),
        Signal::Notice(body) => ("notice".to_owned(), content(body)),
        Signal::Receipt(ReceiptSignal::Accepted { id, echo: Some(echo), .. }) => {
            (format!("echo {id:?} {:?}", echo.id), content(echo.content))
        }
        Signal::Leave(LeaveSignal::Kick { content: body, .. }) => ("kick".to_owned(), content(body)),
        Signal::Login(LoginSignal::Challenge { challenge: Some(body), .. }) => ("challenge".to_owned(), content(body)),
        other => (format!("{other:?}"), None),
    }
}

proptest! {
    #![proptest_config(super::cases(1_500))]

    #[test]
    fn what_one_side_says_the_other_understands(said in said(), client in any::<bool>()) {
        let (writer, limits) = (if client { Side::Client } else { Side::Server }, Limits::default());
        for service in Service::all() {
            let (name, preset) = (service.name, presets::of(service));
            let Ok(frame) = preset.dialect().encode(writer, &said.signal()) else { continue };
            let again = preset.dialect().encode(writer, &said.signal());
            prop_assert_eq!(again.as_ref(), Ok(&frame), "{}: the same signal as other bytes", name);
            let heard = preset.dialect().decode(writer.other(), &frame, &limits);
            let Ok(heard) = heard else { panic!("{name}: {heard:?} for {said:?}") };
            let meant = told(said.signal());
            let heard = told(heard.in_frame(&frame));
            if names_messages(&preset, writer) {
                prop_assert_eq!(meant, heard, "{}", name);
                continue;
            }
            // On this wire a message has no id to come back.
            let kind = meant.0.split(' ').next().unwrap_or_default();
            prop_assert!(heard.0.starts_with(kind), "{}: {:?} was heard as {:?}", name, meant, heard);
            prop_assert_eq!(meant.1, heard.1, "{}", name);
        }
    }
}

fn names_messages(preset: &Preset, writer: Side) -> bool {
    let profile = preset.dialect().capabilities();
    if writer == Side::Client { profile.receipts } else { profile.acks }
}
