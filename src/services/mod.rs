//! Services with a ready-made preset, one file each, and the registry with one row for each.
//!
//! The registry ([`Service`], `Preset::named`, `Preset::names`) needs the feature `services`. The five systems with a
//! document need the feature `systems`: `uni_app`, `react_im`, `vue_polling`, `wechat` and `live_chat`. A service
//! imports only the public items of this crate, like a service of your own.

#[cfg(feature = "systems")]
mod document;
#[cfg(feature = "systems")]
mod live_chat;
#[cfg(feature = "systems")]
mod ping_pong;
#[cfg(feature = "systems")]
mod query;
#[cfg(feature = "systems")]
mod react_im;
mod registry;
#[cfg(feature = "systems")]
mod service_id;
#[cfg(feature = "systems")]
mod uni_app;
#[cfg(feature = "systems")]
mod vue_polling;
#[cfg(feature = "systems")]
mod wechat;

#[cfg(feature = "systems")]
pub use live_chat::{LiveChat, LiveChatSettings};
#[cfg(feature = "systems")]
pub use react_im::{ReactIm, ReadState, SendState};
pub use registry::Service;
#[cfg(feature = "systems")]
pub use service_id::ServiceId;
#[cfg(feature = "systems")]
pub use uni_app::{UniApp, UniAppWords};
#[cfg(feature = "systems")]
pub use vue_polling::VuePolling;
#[cfg(feature = "systems")]
pub use wechat::Wechat;
