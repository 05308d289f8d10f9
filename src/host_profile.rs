//! Profile of the host: what it cannot do.

use serde::{Deserialize, Serialize};

use crate::frame::Frame;

/// Profile of the host: what its sockets cannot do. The host reports it once, with [`Event::Host`](crate::Event::Host).
///
/// In the journal it is part of that event: `{"type":"host","pings":false}`.
///
/// ```
/// use redial::{Event, HostProfile, Instant, Preset, Seed, Session};
/// let mut session = Session::new(Preset::plain(), Seed::from(7_u64));
/// assert!(session.bounds().notice_dead_link.is_some());
/// // A page in a browser: nothing can be asked, so silence never ends the link.
/// session.handle(Instant::ORIGIN, Event::Host { profile: HostProfile::new().without_pings() });
/// assert_eq!(session.bounds().notice_dead_link, None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct HostProfile {
    /// Whether the host can send WebSocket pings and pongs, and passes those on that arrive (RFC 6455 §5.5.2). A page
    /// in a browser cannot. Default `true`.
    pub pings: bool,
}

impl HostProfile {
    /// Returns the profile of a host that can do everything, like [`Default`].
    pub const fn new() -> Self {
        Self { pings: true }
    }

    /// Sets that the host can neither send nor see WebSocket pings and pongs.
    #[must_use]
    pub const fn without_pings(self) -> Self {
        Self { pings: false, ..self }
    }

    /// Whether the host can send this frame, or sees it when it arrives.
    pub(crate) fn carries(self, frame: &Frame) -> bool {
        self.pings || !matches!(frame, Frame::Ping(_) | Frame::Pong(_))
    }
}

impl Default for HostProfile {
    fn default() -> Self {
        Self::new()
    }
}
