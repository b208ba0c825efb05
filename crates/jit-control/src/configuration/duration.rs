//! Durations as people write them: `90s`, `20m`, `5d2h`. Fractions and months are not here.

use std::time::Duration;

const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// Reads a duration: whole numbers with the units d, h, m, s, each at most once, the larger first.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let mut seconds = 0_u64;
    let mut rest = text;
    let mut units = UNITS.iter();
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        let unit = rest[digits..].chars().next()?;
        // `find` goes on behind the last unit, which is what makes the order strict.
        let (_, size) = units.find(|(u, _)| *u == unit)?;
        seconds = seconds.checked_add(number.checked_mul(*size)?)?;
        rest = &rest[digits + unit.len_utf8()..];
    }
    (!text.is_empty()).then(|| Duration::from_secs(seconds))
}

/// Writes a duration of whole seconds as [`parse`] reads it, in the fewest parts.
pub(super) fn format(duration: Duration) -> String {
    let mut left = duration.as_secs();
    let mut text = String::new();
    for (unit, size) in UNITS {
        if left >= size {
            text.push_str(&format!("{}{unit}", left / size));
            left %= size;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn units_are_added_up_from_the_largest() {
        for (text, seconds) in
            [("20m", 1_200), ("6h", 21_600), ("5d2h", 439_200), ("1h30m", 5_400), ("90s", 90)]
        {
            assert_eq!(parse(text), Some(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn what_is_not_exact_is_refused() {
        for text in [
            "",
            "20",
            "m",
            "2h5d",
            "1h1h",
            "1.5h",
            "-1h",
            "1h ",
            "1 h",
            "5D",
            "1w",
            "99999999999999999999s",
            "9999999999999999d",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_duration_survives_its_text(seconds in 0_u64..10_000_000) {
            let duration = Duration::from_secs(seconds);
            prop_assert_eq!(parse(&format(duration)), Some(duration));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*") {
            let _ = parse(&text);
        }
    }
}
