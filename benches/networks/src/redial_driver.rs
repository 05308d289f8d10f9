// What both drivers of redial share; included by each, because the sessions are the adapters' own.

/// A session with the preset of this name; `uni_app` has the words of that service under the default configuration.
fn session(preset: &str) -> Session {
    let preset = match preset {
        "plain" => Preset::plain(),
        "native" => Preset::native(),
        "uni_app" => Preset::uni_app().with_config(Config::default()).unwrap_or_else(|error| fail(&error.to_string())),
        other => fail(&format!("there is no preset {other} in this table")),
    };
    // The largest message of the table is longer than what a chat needs.
    let preset = preset.configure(|config| {
        config.limits.message_bytes = Limit::new(1 << 20);
        config.limits.frame_bytes = Limit::new(2 << 20);
    });
    let preset = preset.unwrap_or_else(|error| fail(&error.to_string()));
    let mut seed = [0; 16];
    if getrandom::fill(&mut seed).is_err() {
        fail("the system gives no random numbers");
    }
    let asks = preset.dialect().name() == "uni_app";
    let mut session = Session::new(preset, Seed::from_bytes(seed));
    if asks {
        session.credential(Instant::ORIGIN, "somebody");
    }
    session
}

/// Sends under the lock of the numbers, so that the observer cannot hear of an id before its number is known.
fn send(
    n: u64,
    numbers: &Mutex<HashMap<MessageId, u64>>,
    send: impl FnOnce() -> Result<MessageId, SendError>,
) -> Taken {
    let Ok(mut numbers) = numbers.lock() else { return Taken::Never };
    match send() {
        Ok(id) => {
            numbers.insert(id, n);
            say_of("sent", n);
            Taken::Yes
        }
        Err(SendError::Full { .. } | SendError::FullBytes { .. } | SendError::NotReady) => Taken::NoRoom,
        Err(_) => Taken::Never,
    }
}

/// Writes what the actions of a session tell.
fn observer(numbers: Arc<Mutex<HashMap<MessageId, u64>>>, receipts: bool) -> impl FnMut(Instant, &Action) + Send {
    let mut ready = false;
    move |_, action| match action {
        Action::State { state: State::Ready, .. } => {
            ready = true;
            say("open");
        }
        Action::State { .. } if ready => {
            ready = false;
            say("down");
        }
        Action::Deliver(message) => {
            if let Some(n) = message.body.as_text().and_then(number) {
                say_of("recv", n);
            }
        }
        Action::Status { id, status } if status.settles(receipts) => {
            if let Some(n) = numbers.lock().ok().and_then(|mut numbers| numbers.remove(id)) {
                say_of(if matches!(status, Status::Accepted | Status::Sent) { "settled" } else { "failed" }, n);
            }
        }
        Action::GaveUp { .. } => say("give_up"),
        _ => {}
    }
}
