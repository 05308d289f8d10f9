//! The registry: one row for each service, and what a row promises.

use redial::dialect::Side;
use redial::services::Service;
use redial::{Config, Frame, Preset};
use serde_json::{Value, json};

fn sample(service: &Service) -> Preset {
    service.sample().unwrap_or_else(|problem| panic!("{}: {problem}", service.name))
}

#[test]
fn every_row_has_a_name_of_its_own_and_makes_the_preset_of_that_name() {
    let names: Vec<&str> = Service::all().iter().map(|service| service.name).collect();
    // Fuzz corpora know a service by its number: a new name stands behind these.
    assert_eq!(names, ["plain", "uni_app", "react_im", "vue_polling", "wechat", "live_chat", "native"]);
    assert!(Preset::names().eq(names.iter().copied()));
    for service in Service::all() {
        assert_eq!(sample(service).name(), service.name);
        let settings: Value = serde_json::from_str(service.sample_settings).expect("the sample is JSON");
        let by_name = Preset::named(service.name, &json!({ "preset": settings }));
        assert_eq!(by_name, Ok(sample(service)), "{}: its name and its sample mean the same", service.name);
    }
}

#[test]
fn every_sample_frame_is_read_by_the_side_it_is_meant_for() {
    for service in Service::all() {
        let (preset, limits) = (sample(service), Config::default().limits);
        for &(writer, text) in service.sample_frames {
            let frame = Frame::text(text);
            let signal = preset.dialect().decode(writer.other(), &frame, &limits);
            let signal = signal.unwrap_or_else(|problem| panic!("{}: {text}: {problem}", service.name));
            let written = preset.dialect().encode(writer, &signal.in_frame(&frame));
            let written = written.unwrap_or_else(|problem| panic!("{}: {text}: {problem}", service.name));
            assert_eq!(written.as_text(), Some(text), "{}: what was read is written as it was", service.name);
        }
    }
}

#[test]
fn every_service_shows_what_both_sides_say() {
    for service in Service::all() {
        for side in [Side::Client, Side::Server] {
            assert!(service.sample_frames.iter().any(|(writer, _)| *writer == side), "{}: {side:?}", service.name);
        }
    }
}
