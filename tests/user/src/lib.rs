//! A user of redial: a dialect, settings and a host of its own, made of public names only.
//!
//! * [`Talk`] is the dialect, and [`settings`] changes every setting that there is.
//! * [`Screen`] is what an application shows: it handles every action by its name.
//! * [`Host`] feeds a session from a journal that can be replayed, and [`Desk`] is the accepting side.
#![deny(warnings)]

mod desk;
mod host;
pub mod names;
mod screen;
pub mod settings;
mod talk;

pub use desk::Desk;
pub use host::{Host, replay};
pub use screen::Screen;
pub use talk::Talk;
