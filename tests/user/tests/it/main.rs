//! What a user of redial tells of it.
#![deny(warnings)]

mod conversation;
mod naming;
mod refusals;
mod settings;
mod spelling;
mod story;
