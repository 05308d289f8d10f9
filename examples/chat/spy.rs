//! Shows the frames that come in, by standing between a session and its dialect.

use std::sync::mpsc::Sender;

use super::Input;
use redial::config::Limits;
use redial::dialect::{Capabilities, CloseAdvice, Content, Dialect, Handshake, Side, Signal, Span};
use redial::error::{ConfigError, Malformed, Unencodable};
use redial::{Frame, Preset, Secret};

/// A dialect that lets somebody look on.
#[derive(Debug)]
pub(crate) struct Spy {
    preset: Preset,
    seen: Sender<Input>,
}

impl Spy {
    /// The same preset, with everything that is read told to `seen` first.
    pub(crate) fn on(preset: Preset, seen: Sender<Input>) -> Result<Preset, ConfigError> {
        let config = preset.config().clone();
        Preset::new(Self { preset, seen }, config)
    }
}

impl Dialect for Spy {
    fn name(&self) -> &str {
        self.preset.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.preset.dialect().capabilities()
    }

    fn decode(&self, reader: Side, frame: &Frame, limits: &Limits) -> Result<Signal<Span>, Malformed> {
        // Nobody looking is no reason to stop reading.
        let _ = self.seen.send(Input::FrameIn(frame.clone()));
        self.preset.dialect().decode(reader, frame, limits)
    }

    fn encode(&self, writer: Side, signal: &Signal<Content<'_>>) -> Result<Frame, Unencodable> {
        self.preset.dialect().encode(writer, signal)
    }

    fn encode_without_pings(&self, writer: Side, signal: &Signal<Content<'_>>) -> Result<Frame, Unencodable> {
        self.preset.dialect().encode_without_pings(writer, signal)
    }

    fn handshake(&self, credential: Option<&Secret>) -> Handshake {
        self.preset.dialect().handshake(credential)
    }

    fn on_close(&self, code: u16, reason: &str) -> CloseAdvice {
        self.preset.dialect().on_close(code, reason)
    }

    fn settings(&self) -> serde_json::Value {
        self.preset.dialect().settings()
    }
}
