use super::*;
use crate::stage::check::{Found, fails, found};
use proptest::prelude::*;

fn stage(mode: Mode) -> Pii {
    Pii::new(&Params { mode }).unwrap()
}

fn masked(text: &str) -> Found {
    found(&stage(Mode::Mask), text)
}

/// What stands between `[` and `]` is found as one of `kind`, and nothing else is found.
fn check(kind: Kind, marked: &str) {
    let (left, rest) = marked.split_once('⟦').unwrap_or((marked, ""));
    let (data, right) = rest.split_once('⟧').unwrap_or(("", ""));
    let text = format!("{left}{data}{right}");
    let mask = if data.is_empty() { "" } else { kind.mask() };
    assert_eq!(masked(&text).text, format!("{left}{mask}{right}"), "{kind:?} in {text:?}");
}

#[test]
fn emails() {
    for text in [
        "⟦jane.doe123@example-mail.org⟧",
        "Mail <⟦Jane_Doe+x@mail.example.co.uk⟧>.",
        "mailto:⟦o'brien%x@a-b.de⟧?subject=x",
        "to '⟦a@xn--bcher-kva.xn--p1ai⟧', now",
        "連絡先は⟦info@example.jp⟧です。",
        "Write to ⟦a@b.org⟧. Or not",
        "--⟦a@b.org⟧--",
        "a@b, @media, x@y.z, git@host, icon@2x.png, getty@tty1.service, f@GLIBC_2.2.5",
        "{@link java.lang.String} .@b.org a..b@c.org a.@b.org a@-b.org a@b-.org a@b..org a@b.org_",
    ] {
        check(Kind::Email, text);
    }
}

#[test]
fn the_longest_email_has_64_bytes_before_the_sign() {
    let long = |bytes| format!("{}@example.org", "a".repeat(bytes));
    check(Kind::Email, &format!("⟦{}⟧", long(64)));
    check(Kind::Email, &format!("a⟦{}⟧", long(64)));
}

#[test]
fn addresses_of_ip_4() {
    for text in [
        "Server at ⟦203.0.113.62⟧ answered.",
        "http://⟦8.8.4.4⟧/x",
        "user@⟦8.8.4.4⟧",
        "⟦1.2.3.4⟧:80",
        "⟦8.1.0.0⟧/16",
        "地址是⟦198.51.100.7⟧。",
        "Section 4.1.2.63, v203.0.1.2, linux-203.0.1.2, 203.0.1.2-rc1, 203.0.1.2.3, 1.203.0.1.2, git/1.8.3.1",
        "203.0.1.256 203.0.1 203.0.01.2 203.0.1.2a a203.0.1.2 203.0..2 203.0.1.2.tar 2030.0.1.2",
        "0.1.2.99 10.0.0.99 127.0.0.99 100.64.0.99 169.254.0.99 172.16.0.99 192.168.0.99 192.0.0.99",
        "198.18.0.99 198.19.0.99 224.0.0.99 255.255.255.255",
    ] {
        check(Kind::Ip, text);
    }
    for text in [
        "100.63.0.1",
        "100.128.0.1",
        "172.15.0.1",
        "172.32.0.1",
        "198.17.0.1",
        "223.0.0.1",
        "4.1.2.64",
    ] {
        check(Kind::Ip, &format!("⟦{text}⟧"));
    }
}

#[test]
fn addresses_of_ip_6() {
    for text in [
        "at ⟦2001:db8::1⟧, port",
        "[⟦2a02:26f0:1700:0:1:2:3:4⟧]:80",
        "⟦3fff:0:0:0:0:0:0:1⟧: yes",
        "net ⟦2001:db8::⟧/32",
        "std::2001::foo, 12:30:45, fe80::1, ::1, fd00::1, 20:01::1, 4001::1, x2001:db8::1",
        "2001:db8::12345 2001:db8::g 2001:db8:1 2001::1::2",
    ] {
        check(Kind::Ip, text);
    }
}

#[test]
fn international_phones() {
    for text in [
        "Call ⟦+1 415 555 0003⟧ today.",
        "⟦+1-212-867-5309⟧ or so",
        "(⟦+1.415.555.2671⟧)",
        "⟦+14155552671⟧",
        "tel:⟦+1 (415) 555-2671⟧, x",
        "⟦+1 415 555 2671⟧ 12",
        "⟦+49 (0)30 123456⟧, 2024",
        "⟦+33 1 23 45 67 89⟧",
        "⟦+44 20 7946 0958⟧。",
        "⟦+44\u{a0}20\u{a0}7946\u{a0}0958⟧",
        "⟦+354 123 4567⟧ or 12345",
        "⟦+4930123456⟧",
        "+1 415 155 2671 +1 115 555 2671 +1 911 555 2671 +1 415 555 267 +1 415 555 2671a +141555526712",
        "C++11, a+4930123456, ++4930123456, +49301234, +28 123 456 789, +2147483647, +49 1 2 3 4 5 6 7 8",
        "+49 30 12345-x +49 30 123_ +4 9",
    ] {
        check(Kind::Phone, text);
    }
}

#[test]
fn phones_of_north_america() {
    for text in [
        "(⟦415-555-2671⟧)",
        "call ⟦(415) 555-2671⟧",
        "⟦(415)555.2671⟧",
        "⟦415.555.2671⟧.",
        "⟦1-415-555-2671⟧",
        "⟦1 (415) 555-2671⟧",
        "415 555 2671, 415-555.2671, 415-155-2671, 115-555-2671, 415-555-26712, 415-555-267, 411-555-2671",
        "0415-555-2671 x-415-555-2671 #415-555-2671 $415.555.2671 415-555-2671-1 415-555-2671x /415-555-2671",
        "⟦(415) 555 2671⟧",
    ] {
        check(Kind::Phone, text);
    }
}

#[test]
fn a_number_that_ends_the_text_is_looked_at_safely() {
    for text in [
        "1-", "1 (", "1 (4", "1.", "(415)", "415-", "+", "+1", "2001:", "DE8", "DE89", "4111-",
        "203.0.1.",
    ] {
        check(Kind::Phone, text);
    }
}

#[test]
fn cards() {
    for text in [
        "Visa ⟦4111 1111 1111 1111⟧, exp",
        "⟦4111-1111-1111-1111⟧",
        "⟦4012888888881881⟧",
        "⟦5555555555554444⟧",
        "⟦2223003122003222⟧",
        "⟦6011111111111117⟧",
        "⟦3566002020360505⟧",
        "⟦6200000000000005⟧",
        "⟦378282246310005⟧",
        "⟦3782 822463 10005⟧",
        "⟦30569309025904⟧",
        "⟦3056 930902 5904⟧",
        "⟦4000000000000000006⟧",
        "4111 1111 1111 1112, 4111-1111 1111-1111, 4111  1111 1111 1111, 4111 1111 1111 1111 1",
        "0111111111111111 7111111111111111 1111111111111117 62000000000000",
        "a4111111111111111 4111111111111111a 0.4111111111111111 4111111111111111.5 -4111111111111111",
        "41111111111111111 411111111111111 4111 1111 1111 111 4111 1111",
    ] {
        check(Kind::Card, text);
    }
}

#[test]
fn ibans() {
    for text in [
        "IBAN ⟦DE89 3704 0044 0532 0130 00⟧.",
        "⟦DE89370400440532013000⟧",
        "⟦GB82WEST12345698765432⟧",
        "⟦GB82 WEST 1234 5698 7654 32⟧",
        "⟦NO9386011117947⟧",
        "⟦MT84MALT011000012345MTLCAST001S⟧",
        "DE88370400440532013000 DE8937040044053201300 DE893704004405320130000 XX89370400440532013000",
        "aDE89370400440532013000 de89370400440532013000 DE89-3704-0044-0532-0130-00 DE8 9370400440532013000",
        "DE89 370 40044 0532 0130 00, GB82west12345698765432",
    ] {
        check(Kind::Iban, text);
    }
}

#[test]
fn keys() {
    let body = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8";
    let texts = [
        "id=⟦AKIAIOSFODNN7EXAMPLE⟧;".to_owned(),
        format!("⟦ghp_{body}⟧"),
        format!("'⟦github_pat_{body}_{body}⟧'"),
        format!("⟦sk-{body}⟧, x"),
        format!("⟦xoxb-123456789012-{body}⟧."),
        format!("⟦hf_{}⟧", &body[..34]),
        format!("⟦eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.{body}⟧."),
        format!(
            "⟦-----BEGIN RSA PRIVATE KEY-----\nKey: 1\n\n{body}/+=\n-----END RSA PRIVATE KEY-----⟧\n"
        ),
        format!("xghp_{body} ghp_{body}_ ghp_{} ghp_{}", &body[1..], "x".repeat(36)),
        format!(
            "ghp_{} AKIAIOSFODNN7EXAMPL AKIAIOSFODNN7EXAMPLES",
            "abcdefghijklmnopqrstuvwxyzabcdefghij"
        ),
        "a sk-learn, task-1234567890123456789012345678901234567890, pypi-2".to_owned(),
        format!("eyJhbGciOiJIUzI1NiJ9.{body}.{body} eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0"),
        format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----"),
        format!("-----BEGIN RSA PRIVATE KEY-----\n{body} and 1 so on."),
    ];
    for text in texts {
        check(Kind::Key, &text);
    }
}

#[test]
fn every_shape_of_key_is_found() {
    for text in key::samples() {
        assert_eq!(found(&stage(Mode::Tag), &text).score("keys"), 1, "{text}");
    }
}

#[test]
fn one_that_starts_first_or_is_longer_hides_the_others() {
    let all = masked("+14155552671@example.org and 203.0.113.5@8.8.4.4 and 1@203.0.113.5");
    assert_eq!(all.text, "<EMAIL> and <IP>@<IP> and 1@<IP>");
}

#[test]
fn tagging_counts_and_changes_nothing() {
    let text =
        "a@b.org c@d.org 203.0.113.5 +1 415 555 2671 4111111111111111 DE89370400440532013000";
    let found = found(&stage(Mode::Tag), text);
    assert_eq!(found.text, text);
    let counts: Vec<i64> = found.scores.iter().map(|score| score.1).collect();
    assert_eq!(counts, [2, 1, 1, 1, 1, 0]);
    assert_eq!(found.reason, None);
    assert_eq!(masked(text).scores, found.scores);
    assert!(FACTS.rules.iter().all(|rule| !fails(&stage(Mode::Tag), rule.reason, text)));
    assert_ne!(stage(Mode::Tag).identity(), stage(Mode::Mask).identity());
}

#[test]
fn hostile_text_costs_no_more_than_other_text() {
    // Each is two megabytes of what a search starts at; looking at all of it each time never ends.
    for part in [
        "@",
        "a@",
        "a.a@",
        "a@a.",
        "1",
        "1.",
        "1 ",
        "1-",
        "+1",
        "+1 ",
        "+49 ",
        "1.1.1.1.",
        "2001:",
        "2:",
        "4111 ",
        "4111-",
        "DE89",
        "DE89 ",
        "eyJ",
        "eyJ.",
        "sk-",
        "sk-a",
        "-----BEGIN ",
        "-----BEGIN A-----",
        "(415) ",
        "ghp_",
        "xoxb-",
        "2001::",
    ] {
        let text = part.repeat((2 << 20) / part.len());
        assert!(found(&stage(Mode::Tag), &text).scores.len() == 6);
    }
}

proptest! {
    #[test]
    fn masks_stand_for_what_was_found_and_all_else_stays(
        parts in prop::collection::vec(
            "a@b\\.org|203\\.0\\.113\\.5|\\+1 415 555 2671|(415|555|2671|4111|1111)[ -]|DE89 ?3704 ?0044 ?0532 ?0130 ?00|[-@.:+ 0-9a-fé]{1,4}",
            0..12,
        )
    ) {
        let text = parts.concat();
        let masked = masked(&text);
        let count: i64 = masked.scores.iter().map(|score| score.1).sum();
        let kept = regex::Regex::new("<[A-Z]+>").unwrap();
        let kept: Vec<&str> = kept.split(&masked.text).collect();
        prop_assert_eq!(kept.len() as i64, count + 1);
        prop_assert!(text.starts_with(kept[0]) && text.ends_with(kept[kept.len() - 1]));
        let mut rest = text.as_str();
        for part in kept {
            let at = rest.find(part);
            prop_assert!(at.is_some());
            rest = &rest[at.unwrap() + part.len()..];
        }
    }
}
