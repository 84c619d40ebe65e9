//! Numbers, money, moments and names as people read them.
//!
//! Invariant: what is shortened for the eye has its whole form in the link or the title.

use super::html::{Html, tag, text};
use alloy_primitives::{Address, B256, U256, hex};

/// Digits behind the point of the native token.
const DECIMALS: usize = 18;
/// Of amounts below this many base units, the units are shown.
const DUST: u64 = 1_000_000_000;

/// A number with its thousands apart.
pub(super) fn count(number: impl ToString) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `units` of which 10^`decimals` make a whole, exactly.
fn decimal(units: U256, decimals: usize) -> String {
    let digits = format!("{units:0>width$}", width = decimals + 1);
    let (whole, part) = digits.split_at(digits.len() - decimals);
    match part.trim_end_matches('0') {
        "" => count(whole),
        part => format!("{}.{part}", count(whole)),
    }
}

/// An amount of the native token.
pub(super) fn money(units: U256) -> Html {
    let unit = if units == U256::ONE { "unit" } else { "units" };
    let all = format!("{} base {unit}", count(units));
    let shown = match units.is_zero() || units >= U256::from(DUST) {
        true => format!("{} TERR", decimal(units, DECIMALS)),
        false => all.clone(),
    };
    tag("span").set("class", "money").set("title", all).of(shown)
}

/// A price of gas.
pub(super) fn price(units: u128) -> Html {
    let all = format!("{} base units a gas", count(units));
    tag("span").set("title", all).of(format!("{} gwei", decimal(U256::from(units), 9)))
}

/// Millionths as percent.
pub(super) fn percent(part: u64, whole: u64) -> String {
    let part = u128::from(part) * 10_000;
    let hundredths = part.checked_div(u128::from(whole)).unwrap_or_default();
    format!("{} %", decimal(U256::from(hundredths), 2))
}

/// Seconds as people say them, rounded down.
pub(super) fn duration(seconds: u64) -> String {
    let (size, name) = match seconds {
        0..120 => (1, "s"),
        120..7_200 => (60, "min"),
        7_200..172_800 => (3_600, "h"),
        _ => (86_400, "days"),
    };
    format!("{} {name}", count(seconds / size))
}

/// A moment, in Unix seconds.
pub(super) fn time(seconds: u64) -> Html {
    let (date, clock) = civil(seconds);
    let machine = format!("{date}T{clock}Z");
    tag("time").set("datetime", machine).of(format!("{date} {clock} UTC"))
}

/// A date of the Gregorian calendar, and the time of the day.
fn civil(seconds: u64) -> (String, String) {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Years here begin in March, so that the day that may be missing is the last one.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + u64::from(month < 3);
    let date = format!("{year:04}-{month:02}-{day:02}");
    (date, format!("{:02}:{:02}:{:02}", rest / 3_600, rest / 60 % 60, rest % 60))
}

fn code(what: impl ToString) -> Html {
    tag("code").of(what.to_string())
}

/// The first and the last digits of a name that is longer than anybody reads.
pub(super) fn short(whole: &impl ToString) -> Html {
    let whole = whole.to_string();
    let shown = match whole.len() {
        0..=16 => whole.clone(),
        length => format!("{}…{}", &whole[..10], &whole[length - 6..]),
    };
    tag("code").set("class", "short").set("title", whole).of(shown)
}

fn link(href: String, inside: Html) -> Html {
    tag("a").set("href", href).of(inside)
}

/// A block by its number.
pub(super) fn block(number: u64) -> Html {
    link(format!("/block/{number}"), text(count(number)))
}

/// A transaction.
pub(super) fn transaction(hash: &B256) -> Html {
    link(format!("/tx/{hash}"), short(hash))
}

/// An account.
pub(super) fn address(address: &Address) -> Html {
    link(format!("/address/{address}"), short(address))
}

/// An account, whole, with its name where it has one.
pub(super) fn whole_address(address: &Address) -> Html {
    link(format!("/address/{address}"), code(address))
}

/// A manifest of the registry.
pub(super) fn manifest(manifest: &B256) -> Html {
    link(format!("/release/{manifest}"), short(manifest))
}

/// An entry of the registry by its id.
pub(super) fn entry(id: &B256) -> Html {
    link(format!("/entry/{id}"), short(id))
}

/// A node by its key.
pub(super) fn node(key: &B256) -> Html {
    link(format!("/node/{key}"), short(key))
}

/// Something long, all of it.
pub(super) fn whole(what: impl ToString) -> Html {
    code(what)
}

/// Bytes in hexadecimal digits, the first `max` of them.
pub(super) fn bytes(bytes: &[u8], max: usize) -> Html {
    if bytes.is_empty() {
        return tag("span").set("class", "soft").of("nothing");
    }
    let shown = code(hex::encode_prefixed(&bytes[..bytes.len().min(max)]));
    match bytes.len().checked_sub(max) {
        None | Some(0) => shown,
        Some(more) => shown
            .then(tag("span").set("class", "soft").of(format!("and {} more bytes", count(more)))),
    }
}

/// A word that stands out: `kind` is `good`, `bad` or `plain`.
pub(super) fn badge(kind: &'static str, what: &str) -> Html {
    tag("span").set("class", format!("badge {kind}")).of(what)
}

/// An address of the web that somebody gave: a link only where that is all it can be.
pub(super) fn url(url: &str) -> Html {
    let web = url.starts_with("https://") || url.starts_with("http://");
    match web && url.chars().all(|one| one.is_ascii_graphic()) {
        true => {
            let link = tag("a").set("href", url).set("rel", "noopener noreferrer nofollow");
            link.of(code(url))
        }
        false => code(url),
    }
}

#[cfg(test)]
mod tests {
    use super::{civil, count, decimal, duration, percent, url};
    use alloy_primitives::U256;

    #[test]
    fn numbers_are_exact_and_read_well() {
        assert_eq!((count(7), count(1_234_567)), ("7".into(), "1,234,567".into()));
        let one = U256::from(10).pow(U256::from(18));
        assert_eq!(decimal(one, 18), "1");
        let much = decimal(one * U256::from(12_345) + U256::from(1), 18);
        assert_eq!(much, "12,345.000000000000000001");
        assert_eq!(decimal(U256::from(1), 18), "0.000000000000000001");
        assert_eq!(decimal(U256::ZERO, 18), "0");
        assert_eq!(decimal(U256::from(1_500_000_000), 9), "1.5");
        let percents = [percent(1, 3), percent(1, 0), percent(u64::MAX, 1)];
        assert_eq!(percents, ["33.33 %", "0 %", "1,844,674,407,370,955,161,500 %"]);
        let durations = [duration(119), duration(120), duration(21 * 86_400)];
        assert_eq!(durations, ["119 s", "2 min", "21 days"]);
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, date) in [
            (0, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_790_000_000, "2026-09-21"),
            (4_107_542_400, "2100-03-01"),
        ] {
            assert_eq!(civil(seconds).0, date, "{seconds}");
        }
        assert_eq!(civil(1_790_000_000).1, "14:13:20");
        civil(u64::MAX / 2);
    }

    #[test]
    fn only_addresses_of_the_web_become_links() {
        for bad in
            ["javascript:alert(1)", "data:text/html,x", "HTTPS:\u{a0}//x", "//x", "https://\u{e9}"]
        {
            assert!(!url(bad).document().contains("<a"), "{bad}");
        }
        let good = url("https://node.example:8080/?a=1&b=2").document();
        assert!(good.contains("href=\"https://node.example:8080/?a=1&amp;b=2\""), "{good}");
        assert!(good.contains("noopener"), "{good}");
    }
}
