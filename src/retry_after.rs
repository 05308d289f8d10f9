//! Reader of `Retry-After`: seconds, or a date in one of the three forms of HTTP (RFC 9110 §5.6.7, §10.2.3).

use alloc::vec::Vec;

use crate::time::Duration;

/// Returns the wait that a `Retry-After` asks for at `now`, in seconds of the Unix time; `None` for anything else.
///
/// A date in the past asks for no wait.
pub(crate) fn wait(value: &str, now: u64) -> Option<Duration> {
    let value = value.trim_matches([' ', '\t']);
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let at = date(value, i64::try_from(now).unwrap_or(i64::MAX))?;
    Some(Duration::from_secs(u64::try_from(at).unwrap_or(0).saturating_sub(now)))
}

const DAY: i64 = 86_400;

/// First second of the year 10000; the dates of HTTP end before it.
const END: i64 = 253_402_300_800;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const LONG_WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// Date of the Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Day {
    year: i64,
    month: i64,
    of_month: i64,
}

/// Reads a date in the form of today, of RFC 850, or of `asctime`; returns seconds of the Unix time.
fn date(text: &str, now: i64) -> Option<i64> {
    let words: Vec<&str> = text.splitn(7, ' ').collect();
    let (day, time) = match *words.as_slice() {
        [weekday, day, month, year, time, "GMT"] if WEEKDAYS.contains(&weekday.strip_suffix(',')?) => {
            (Day { year: number(year, 4)?, month: month_of(month)?, of_month: number(day, 2)? }, clock(time)?)
        }
        [weekday, date, time, "GMT"] if LONG_WEEKDAYS.contains(&weekday.strip_suffix(',')?) => {
            let [day, month, year] = three(date, '-')?;
            let time = clock(time)?;
            let day = Day { year: number(year, 2)?, month: month_of(month)?, of_month: number(day, 2)? };
            (full_year(day, time, now), time)
        }
        [weekday, month, day, time, year] if WEEKDAYS.contains(&weekday) => {
            (Day { year: number(year, 4)?, month: month_of(month)?, of_month: number(day, 2)? }, clock(time)?)
        }
        [weekday, month, "", day, time, year] if WEEKDAYS.contains(&weekday) => {
            (Day { year: number(year, 4)?, month: month_of(month)?, of_month: number(day, 1)? }, clock(time)?)
        }
        _ => return None,
    };
    day.exists().then(|| day.number() * DAY + time)
}

/// Reads a number of exactly so many digits.
fn number(text: &str, digits: usize) -> Option<i64> {
    let only_digits = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    if only_digits { text.parse().ok() } else { None }
}

/// Splits a text into three parts.
fn three(text: &str, at: char) -> Option<[&str; 3]> {
    let (first, rest) = text.split_once(at)?;
    let (second, third) = rest.split_once(at)?;
    Some([first, second, third])
}

fn month_of(name: &str) -> Option<i64> {
    (1..).zip(MONTHS).find(|(_, month)| *month == name).map(|(number, _)| number)
}

/// Reads a time of day as seconds; a leap second counts as the first second of the next minute.
fn clock(text: &str) -> Option<i64> {
    let [hour, minute, second] = three(text, ':')?;
    let (hour, minute, second) = (number(hour, 2)?, number(minute, 2)?, number(second, 2)?);
    (hour < 24 && minute < 60 && second <= 60).then_some(hour * 3_600 + minute * 60 + second)
}

/// Gives a year of two digits its century: the last one in which the date is not more than 50 years after `now`
/// (RFC 9110 §5.6.7).
fn full_year(date: Day, time: i64, now: i64) -> Day {
    let now = now.min(END - 1);
    let today = Day::of(now.div_euclid(DAY));
    let limit = Day { year: today.year + 50, ..today };
    let year = limit.year - (limit.year - date.year).rem_euclid(100);
    let found = Day { year, ..date };
    let late = (found, time) > (limit, now.rem_euclid(DAY));
    if late { Day { year: year - 100, ..date } } else { found }
}

impl Day {
    fn exists(self) -> bool {
        let leap = self.year % 4 == 0 && (self.year % 100 != 0 || self.year % 400 == 0);
        let days = match self.month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        (1..=days).contains(&self.of_month)
    }

    /// Returns the number of the day, 0 for the first day of 1970.
    ///
    /// Years are counted from March, so that a leap day is the last day of its year, and in blocks of 400 years, which
    /// have 146,097 days.
    fn number(self) -> i64 {
        let year = if self.month > 2 { self.year } else { self.year - 1 };
        let (block, of_block) = (year.div_euclid(400), year.rem_euclid(400));
        let of_year = (153 * ((self.month + 9) % 12) + 2) / 5 + self.of_month - 1;
        block * 146_097 + of_block * 365 + of_block / 4 - of_block / 100 + of_year - 719_468
    }

    /// Returns the day of a number.
    fn of(number: i64) -> Self {
        let days = number + 719_468;
        let (block, of_block) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year = (of_block - of_block / 1_460 + of_block / 36_524 - of_block / 146_096) / 365;
        let of_year = of_block - (365 * year + year / 4 - year / 100);
        let from_march = (5 * of_year + 2) / 153;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        let year = block * 400 + year + i64::from(month <= 2);
        Self { year, month, of_month: of_year - (153 * from_march + 2) / 5 + 1 }
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    /// The example of RFC 9110: 1994-11-06, 08:49:37.
    const EXAMPLE: u64 = 784_111_777;

    fn seconds(value: &str, now: u64) -> Option<u64> {
        wait(value, now).map(|span| span.as_millis() / 1_000)
    }

    #[test]
    fn each_form_of_a_date_means_the_same_second() {
        let forms = ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"];
        for form in forms {
            assert_eq!(seconds(form, EXAMPLE - 90), Some(90), "{form}");
            assert_eq!(seconds(form, EXAMPLE), Some(0), "{form}");
            assert_eq!(seconds(form, EXAMPLE + 1), Some(0), "a date in the past: {form}");
        }
        assert_eq!(seconds("Wed Nov 16 08:49:37 1994", EXAMPLE), Some(864_000));
    }

    #[test]
    fn seconds_are_digits_alone() {
        assert_eq!(seconds("120", 0), Some(120));
        assert_eq!(seconds(" 0\t", 5), Some(0));
        assert_eq!(wait("99999999999999999999999", 0), Some(Duration::MAX));
        for bad in ["", " ", "-1", "+1", "1.5", "1 2", "0x10", "five", "1s"] {
            assert_eq!(wait(bad, 0), None, "{bad}");
        }
    }

    #[test]
    fn a_leap_day_comes_every_fourth_year_but_not_every_century() {
        for (year, day, exists) in [(2000, 29, true), (2024, 29, true), (2023, 29, false), (2100, 29, false)] {
            let value = format!("Tue, {day} Feb {year} 00:00:00 GMT");
            assert_eq!(wait(&value, 0).is_some(), exists, "{value}");
        }
        let leap_day = seconds("Thu, 29 Feb 2024 23:59:59 GMT", 0).unwrap_or_default();
        assert_eq!(seconds("Fri, 01 Mar 2024 00:00:00 GMT", leap_day), Some(1));
        assert_eq!(leap_day, 1_709_251_199);
    }

    #[test]
    fn a_year_of_two_digits_is_not_more_than_fifty_years_ahead() {
        let now = seconds("Sat, 28 Nov 2026 12:00:00 GMT", 0).unwrap_or_default();
        assert_eq!(seconds("Saturday, 28-Nov-26 12:00:10 GMT", now), Some(10));
        let fifty = seconds("Sat, 28 Nov 2076 12:00:00 GMT", now);
        assert_eq!(seconds("Saturday, 28-Nov-76 12:00:00 GMT", now), fifty);
        assert_eq!(seconds("Saturday, 28-Nov-76 12:00:01 GMT", now), Some(0), "a second more is 1976");
        assert_eq!(seconds("Sunday, 29-Nov-76 00:00:00 GMT", now), Some(0));
        assert_eq!(seconds("Monday, 01-Jan-99 00:00:00 GMT", now), Some(0), "1999");
        let eve = seconds("Thu, 31 Dec 2099 23:59:50 GMT", 0).unwrap_or_default();
        assert_eq!(seconds("Friday, 01-Jan-00 00:00:10 GMT", eve), Some(20), "the next century");
    }

    #[test]
    fn what_is_no_date_is_ignored() {
        for bad in [
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 06 nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 94 08:49:37 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 31 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 06 Nov 1994 08:60:00 GMT",
            "Sun, 06 Nov 1994 08:49:61 GMT",
            "Sun, 06 Nov 1994 8:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT ,",
            "Sun 06 Nov 1994 08:49:37 GMT",
            "Someday, 06-Nov-94 08:49:37 GMT",
            "Sunday, 06-Nov-1994 08:49:37 GMT",
            "Sunday, 06-Nov-94-1 08:49:37 GMT",
            "Sun Nov 6 08:49:37 1994",
            "Sun Nov  16 08:49:37 1994",
            "Sun Nov  6 08:49:37 94",
            "1994-11-06T08:49:37Z",
        ] {
            assert_eq!(wait(bad, 0), None, "{bad}");
        }
        assert!(wait("Sun, 06 Nov 1994 23:59:60 GMT", 0).is_some(), "a leap second");
    }

    #[test]
    fn years_far_away_and_clocks_far_off_do_no_harm() {
        assert_eq!(seconds("Sat, 01 Jan 0000 00:00:00 GMT", 0), Some(0));
        assert_eq!(seconds("Fri, 31 Dec 9999 23:59:59 GMT", 0), Some(253_402_300_799));
        for now in [0, 253_402_300_800, u64::MAX] {
            assert!(wait("Monday, 29-Feb-96 00:00:00 GMT", now).is_some_and(|wait| wait < Duration::MAX));
        }
    }

    #[test]
    fn numbers_of_days_and_days_are_the_same_thing_twice() {
        let mut before = Day::of(-800_000);
        for number in -799_999..3_000_000 {
            let day = Day::of(number);
            assert!(day.exists() && day > before && day.number() == number, "{day:?}");
            before = day;
        }
        assert_eq!(Day::of(0), Day { year: 1970, month: 1, of_month: 1 });
    }
}
