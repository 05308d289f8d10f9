//! Keyed callbacks: every part of a program that wants messages registers under a name of its own.
//!
//! 1. One callback a key: a second registration replaces the first, in its place.
//! 2. An empty key is ignored.
//! 3. They hear what is delivered, on whatever connection: they live as long as the session.

use std::fmt;

use redial::{Action, Message};

type Callback = Box<dyn FnMut(&Message) + Send>;

/// Callbacks by key, called in the order of their first registration.
#[derive(Default)]
pub(crate) struct Callbacks(Vec<(String, Callback)>);

impl Callbacks {
    /// Registers a callback; says whether it was taken.
    pub(crate) fn on_message(&mut self, key: &str, callback: impl FnMut(&Message) + Send + 'static) -> bool {
        if key.is_empty() {
            return false;
        }
        let callback: Callback = Box::new(callback);
        match self.0.iter_mut().find(|(known, _)| known == key) {
            Some((_, old)) => *old = callback,
            None => self.0.push((key.to_owned(), callback)),
        }
        true
    }

    /// Hands a delivered message to everybody; every other action is none of theirs.
    pub(crate) fn on_action(&mut self, action: &Action) {
        if let Action::Deliver(message) = action {
            for (_, callback) in &mut self.0 {
                callback(message);
            }
        }
    }
}

impl fmt::Debug for Callbacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(key, _)| key)).finish()
    }
}
