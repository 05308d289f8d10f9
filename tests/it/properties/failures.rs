//! Failures of a handshake: whatever the answer says is taken as it was meant, or ignored.

use proptest::prelude::*;
use redial::{Duration, Failure, TransportError};

const DAY: u64 = 86_400;

/// Year, month and day of the month of a day since the first of 1970, found by walking there.
fn calendar(mut day: u64) -> (u64, usize, u64) {
    let leap = |year: u64| (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let mut year = 1970;
    while day >= 365 + u64::from(leap(year)) {
        day -= 365 + u64::from(leap(year));
        year += 1;
    }
    let days = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while day >= days[month] {
        day -= days[month];
        month += 1;
    }
    (year, month, day + 1)
}

/// A moment in the three forms of HTTP.
fn forms(at: u64) -> [String; 3] {
    const WEEKDAYS: [&str; 7] = ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (year, month, day) = calendar(at / DAY);
    let weekday = WEEKDAYS[usize::try_from(at / DAY % 7).expect("it is below seven")];
    let (short, month) = (&weekday[..3], MONTHS[month]);
    let clock = format!("{:02}:{:02}:{:02}", at % DAY / 3_600, at % 3_600 / 60, at % 60);
    [
        format!("{short}, {day:02} {month} {year} {clock} GMT"),
        format!("{weekday}, {day:02}-{month}-{:02} {clock} GMT", year % 100),
        format!("{short} {month} {day:>2} {clock} {year}"),
    ]
}

fn asked(value: &str, now: u64) -> Option<Duration> {
    Failure::from_http(503, Some(value), now).retry_after
}

proptest! {
    #[test]
    fn a_date_asks_for_the_time_until_then(now in 0..250_000_000_000_u64, wait in 0..1_500_000_000_u64) {
        for form in forms(now + wait) {
            prop_assert_eq!(asked(&form, now), Some(Duration::from_secs(wait)), "{} at {}", form, now);
        }
    }

    #[test]
    fn a_date_of_the_last_fifty_years_asks_for_nothing(at in 0..250_000_000_000_u64, ago in 1..1_500_000_000_u64) {
        for form in forms(at) {
            prop_assert_eq!(asked(&form, at + ago), Some(Duration::ZERO), "{}", form);
        }
    }

    #[test]
    fn what_is_mangled_is_a_wait_or_nothing_and_never_harm(
        at in 0..250_000_000_000_u64,
        which in 0..3_usize,
        place in any::<prop::sample::Index>(),
        letter in any::<char>(),
        now in any::<u64>(),
    ) {
        let mut letters: Vec<char> = forms(at)[which].chars().collect();
        let place = place.index(letters.len());
        letters[place] = letter;
        let _ = asked(&letters.into_iter().collect::<String>(), now);
    }

    #[test]
    fn the_status_is_kept_and_no_value_but_digits_and_dates_counts(
        status in any::<u16>(),
        value in prop::option::of("[ -~]{0,40}|\\PC{0,40}|[0-9]{1,30}"),
        now in any::<u64>(),
    ) {
        let failure = Failure::from_http(status, value.as_deref(), now);
        let cause = match status {
            401 | 403 => TransportError::Unauthorized,
            101 => TransportError::NotWebSocket,
            _ => TransportError::Http,
        };
        prop_assert_eq!((failure.cause, failure.status, failure.detail.as_str()), (cause, Some(status), ""));
        let digits = value.is_some_and(|value| {
            let value = value.trim_matches([' ', '\t']);
            !value.is_empty() && value.chars().all(|letter| letter.is_ascii_digit())
        });
        prop_assert_eq!(failure.retry_after.is_some(), digits);
    }
}
