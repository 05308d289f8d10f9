//! Every word of the dialect with positions is understood as it was meant, from either side.

use proptest::prelude::*;
use redial::config::Limits;
use redial::dialect::{
    AckCarrier, Bye, Content, Credit, Dialect, Hello, NotResumed, RedialV1, Refusal, Resume, Resumption,
    SequenceSignal, SessionTerms, Side, Signal,
};
use redial::{Body, Duration, Frame, MessageId, Secret};

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![0..20_u64, 0..=MessageId::MAX_NUMBER]
}

fn span() -> impl Strategy<Value = Duration> {
    number().prop_map(Duration::from_millis)
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-f0-9]{1,32}", "\\PC{1,20}"].prop_map(|text: String| text.chars().take(20).collect())
}

fn secret() -> impl Strategy<Value = Secret> {
    "[ -~]{1,40}".prop_map(|text| Secret::new(format!("secret{text}")))
}

fn refused() -> impl Strategy<Value = Vec<Refusal>> {
    prop::collection::vec((number(), any::<u32>()).prop_map(|(seq, code)| Refusal::new(seq, code)), 0..3)
}

fn credit() -> impl Strategy<Value = Credit> {
    (1..=MessageId::MAX_NUMBER, number(), number())
        .prop_map(|(messages, bytes, frame)| Credit::new(messages, bytes, frame))
}

fn resume() -> impl Strategy<Value = Resume> {
    (name(), secret(), number(), refused(), number(), (number(), number())).prop_map(
        |(sid, token, seq, refused, seen, (lowest, highest))| {
            let mut resume = Resume::new(sid, token);
            (resume.seq, resume.refused, resume.seen) = (seq, refused, seen);
            (resume.lowest, resume.highest) = (lowest, highest);
            resume
        },
    )
}

fn hello() -> impl Strategy<Value = Signal<Content<'static>>> {
    (prop::option::of(secret()), prop::option::of(resume()), credit()).prop_map(|(credential, resume, credit)| {
        let mut hello = Hello::new(credit);
        (hello.credential, hello.resume) = (credential, resume);
        Signal::hello(hello)
    })
}

fn resumption() -> impl Strategy<Value = Resumption> {
    let why = prop::sample::select(vec![
        NotResumed::Expired,
        NotResumed::Unknown,
        NotResumed::Restarted,
        NotResumed::Account,
        NotResumed::Version,
    ]);
    prop_oneof![
        Just(Resumption::Fresh),
        (number(), refused()).prop_map(|(seq, refused)| Resumption::Resumed { seq, refused }),
        (why, prop::option::of((number(), refused())), prop::option::of(number())).prop_map(|(why, known, gone)| {
            let (seq, refused) = known.map_or((None, Vec::new()), |(seq, refused)| (Some(seq), refused));
            Resumption::Lost { why, seq, refused, gone }
        }),
    ]
}

fn welcome() -> impl Strategy<Value = Signal<Content<'static>>> {
    let spans = (span(), prop::option::of(span()), prop::option::of(span()));
    (name(), secret(), resumption(), credit(), spans).prop_map(
        |(sid, token, resumption, credit, (lifetime, dedup, heartbeat))| {
            let mut terms = SessionTerms::new(sid, token, lifetime, credit);
            (terms.resumption, terms.dedup, terms.heartbeat) = (resumption, dedup, heartbeat);
            Signal::welcome(terms)
        },
    )
}

fn small() -> impl Strategy<Value = Signal<Content<'static>>> {
    let carrier = prop::sample::select(vec![AckCarrier::Alone, AckCarrier::Heartbeat, AckCarrier::HeartbeatReply]);
    let ack = (number(), refused(), carrier)
        .prop_map(|(seq, refused, carrier)| Signal::cumulative_ack(seq, refused, carrier));
    let bye = (any::<u16>(), any::<bool>(), any::<bool>(), span()).prop_map(|(code, reconnect, resume, after)| {
        Signal::bye(Bye::new(code).reconnect(reconnect).resume(resume).after(after))
    });
    let skip = (number(), name()).prop_map(|(seq, id)| Signal::sequenced(seq, id.into(), None));
    prop_oneof![ack, bye, skip, Just(Signal::heartbeat()), Just(Signal::heartbeat_reply())]
}

proptest! {
    #![proptest_config(super::cases(500))]

    #[test]
    fn every_word_with_positions_is_understood_as_it_was_meant(
        signal in prop_oneof![hello(), welcome(), small()],
        client in any::<bool>(),
    ) {
        let writer = if client { Side::Client } else { Side::Server };
        let frame = RedialV1::default().encode(writer, &signal).expect("there is a word for it");
        let again = RedialV1::default().encode(writer, &signal);
        prop_assert_eq!(again.as_ref(), Ok(&frame), "the same signal as other bytes");
        let limits = Limits::default();
        let heard = RedialV1::default().decode(writer.other(), &frame, &limits).expect("it is well-formed");
        prop_assert!(!format!("{heard:?}").contains("secret"), "a secret shows in {:?}", heard);
        prop_assert_eq!(&heard.in_frame(&frame), &signal);
        // What a later version says more is passed over.
        let text = frame.as_text().expect("text").replacen('{', r#"{"later":[{"nested":true}],"#, 1);
        let more = Frame::text(text);
        let heard = RedialV1::default().decode(writer.other(), &more, &limits).expect("unknown fields are passed over");
        prop_assert_eq!(heard.in_frame(&more), signal);
    }

    #[test]
    fn a_message_under_a_position_comes_as_it_was_sent(seq in number(), id in name(), text in any::<String>()) {
        let id = MessageId::from(id);
        let signal = Signal::sequenced(seq, id.clone(), Some(Content::Text(&text)));
        let frame = RedialV1::default().encode(Side::Client, &signal).expect("text can be said");
        let limits = Limits::default();
        let heard = RedialV1::default().decode(Side::Server, &frame, &limits).expect("it is well-formed").in_frame(&frame);
        let Signal::Sequence(SequenceSignal::Message { seq: heard_position, id: heard_id, content: Some(body), .. }) = heard else {
            panic!("heard as {heard:?}");
        };
        prop_assert_eq!((heard_position, heard_id, body.to_body()), (seq, id, Body::from(text)));
    }
}
