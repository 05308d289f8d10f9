//! Timers of a session and of a peer: every timer, its owner and its effect.
//!
//! 1. A deadline is stored once, in the state that owns it; this file only reads and fires it.
//! 2. A timer is stopped or moved past `now` before it fires, so the loop over due timers ends.
//! 3. Of timers that are due together `Stall` fires first, then the poll, then the other timers of the connection, then
//!    those of the messages.
//! 4. After every input there is no deadline, or the next deadline is later than `now`.
//!
//! | timer | owner | effect |
//! |---|---|---|
//! | `Poll` | `link::fallback` | the host is asked to poll, and the next poll is armed |
//! | `Heartbeat` | `link::heartbeat` | a heartbeat goes out, and the next heartbeat is armed |
//! | `Suspicion` | `link::heartbeat` | the link is suspected, and a probe goes out |
//! | `Probe`, `Death` | `link::heartbeat` | the connection is lost with `Cause::Dead`; a doubt in which nothing was asked only ends; a late `Death` asks first |
//! | `Credential`, `Attempt`, `Authentication` | the phase of `link::machine` | the attempt is lost |
//! | `Reconnect` | the phase | the next attempt begins, or a hint restarts one that hangs |
//! | `GiveUp`, `Close` | the phase | the session stops |
//! | `Expiry` | `outbox` | messages whose time to live is over get their outcome |
//! | `Drain` | `delivery` | the session closes |
//! | `Receipt` | `outbox` | the connection is replaced, or the message is given up as unconfirmed |
//! | `Rate` | `outbox::rate` | messages that waited for the rate go out |
//! | `Stall` | `backlog` | the connection is lost, because its socket takes no more bytes |
//! | `Pause` | `link::heartbeat` | the connection is lost, because the session did not read for too long |
//! | `Push` | `outbox` of a peer, in place of `Receipt` | unacknowledged pushes are repeated |
//!
//! After the loss `Cause::Dead` does not say which of `Probe` and `Death` fired. Before the loss `next_deadline` and
//! `explain` name the timer.
//!
//! This file fires the timers of a session. A peer fires its own in `peer::work`: `Push`, `Expiry`, `Stall`,
//! `Death` for a silent connection, and `Authentication` for a connection without a hello.

use alloc::string::String;

use crate::context::Context;
use crate::deadline::{Deadline, Timer};
use crate::delivery::DeliveryRequest;
use crate::link::{DisconnectReason, LinkEvent};
use crate::session::{Session, SessionCore};
use crate::state::Cause;

impl Session {
    /// Returns when the session needs a `Tick`, and for which timer; `None` when it waits for events alone.
    ///
    /// The deadline may change with every input, and is later than that input's `now`. A tick before the deadline
    /// changes nothing, and a late tick is harmless: where it would end a connection or an attempt and comes more than
    /// a second late, the deadline moves once, to a second after that input, so that what waits in the host's queue
    /// counts. A session that stopped for a refused credential keeps its messages: their times to live go on, and so
    /// does a drain.
    pub fn next_deadline(&self) -> Option<Deadline> {
        let config = &self.preset.config;
        let stall = self.backlog.deadline(&config.limits);
        self.link.deadline().earlier(self.delivery.deadline(&config.outbox)).earlier(stall).real()
    }
}

impl SessionCore<'_> {
    /// Fires timers until none is due.
    #[expect(clippy::inline_always, reason = "every input asks, and the answer is nearly always no")]
    #[inline(always)]
    pub(crate) fn fire_timers(&mut self, cx: &mut Context<'_>) {
        while (cx.backlog.has_reports() && self.fire_stall_timer(cx))
            || (self.link.may_be_due(cx.now) && self.fire_link_timer(cx))
            || (self.delivery.is_due(cx) && self.fire_delivery_timer(cx))
        {}
    }

    /// Fires one timer of the link; returns whether one was due.
    #[inline(never)]
    fn fire_link_timer(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(due) = self.link.due(cx.now) else { return false };
        let event = match due.timer {
            timer if self.link.gives_respite(cx, timer) => LinkEvent::Moved,
            Timer::Poll => {
                self.link.on_poll_timer(cx);
                LinkEvent::Moved
            }
            Timer::Heartbeat | Timer::Suspicion | Timer::Probe | Timer::Death | Timer::Pause => {
                self.link.on_heartbeat_timer(cx, due)
            }
            Timer::Credential
            | Timer::Attempt
            | Timer::Authentication
            | Timer::Reconnect
            | Timer::GiveUp
            | Timer::Close => self.link.on_phase_timer(cx, due.timer),
            // `fire_stall_timer` and `fire_delivery_timer` fire the first five; only a peer has `Push`.
            Timer::Stall | Timer::Expiry | Timer::Drain | Timer::Receipt | Timer::Rate | Timer::Push => return false,
        };
        self.pass_on(cx, Some(event));
        // A doubt may end in the input that begins another.
        if self.delivery.is_probing() != self.link.is_probing() && !self.link.deadline().is_due(cx.now) {
            self.end_probe(cx);
        }
        true
    }

    /// Gives up the connection whose socket takes no more bytes.
    #[inline(never)]
    fn fire_stall_timer(&mut self, cx: &mut Context<'_>) -> bool {
        if !cx.backlog.is_stalled(cx.now, &cx.config.limits) {
            return false;
        }
        cx.backlog.on_lost();
        let event = self.link.on_stalled(cx);
        self.pass_on(cx, Some(event));
        true
    }

    /// Fires one timer of the messages, or carries out what delivery asks of the link; returns whether there was
    /// anything to do.
    #[inline(never)]
    fn fire_delivery_timer(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(request) = self.delivery.on_due(cx) else { return false };
        let event = match request {
            DeliveryRequest::Nothing => None,
            DeliveryRequest::BeginSession => self.link.renew(cx),
            DeliveryRequest::AskAgain => Some(self.link.lose(cx, Cause::Deferred, DisconnectReason::default())),
            DeliveryRequest::ResendOverdue => {
                Some(self.link.lose(cx, Cause::ReceiptOverdue, DisconnectReason::default()))
            }
            DeliveryRequest::Close => self.link.close(cx, None, String::new(), Cause::Drained),
        };
        self.pass_on(cx, event);
        true
    }
}
