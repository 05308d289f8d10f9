//! Stories: scenarios named as sentences, on a virtual clock.

mod reconnecting;
