//! Durations as people write them in a spec: `90d`, `1h30m`, `45s`.

use std::time::Duration;

/// Why a text is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no duration: write whole days, hours, minutes and seconds in this order, such as 90d, 1h30m or 45s"
)]
pub struct NotADuration {
    text: String,
}

const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// Reads a duration: one to five digits before each of `d`, `h`, `m`, `s`, in this order, each optional, at
/// least one. The same grammar as [`super::formats::DURATION`].
pub fn parse(text: &str) -> Result<Duration, NotADuration> {
    seconds(text).map(Duration::from_secs).ok_or_else(|| NotADuration { text: text.to_owned() })
}

fn seconds(text: &str) -> Option<u64> {
    let mut units = UNITS.iter();
    let mut rest = text;
    let mut total = 0;
    while !rest.is_empty() {
        let (digits, tail) = rest.split_at_checked(rest.find(|c: char| !c.is_ascii_digit())?)?;
        if digits.len() > 5 {
            return None;
        }
        let mut tail = tail.chars();
        let unit = tail.next()?;
        let (_, size) = units.find(|(name, _)| *name == unit)?;
        total += digits.parse::<u64>().ok()? * size;
        rest = tail.as_str();
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_schema_takes() {
        for (text, want) in [
            ("0s", 0),
            ("45s", 45),
            ("10m", 600),
            ("24h", 86_400),
            ("90d", 7_776_000),
            ("1h30m", 5_400),
            ("1d2h3m4s", 93_784),
            ("99999d", 99_999 * 86_400),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_secs(want)), "{text}");
        }
    }

    #[test]
    fn refuses_everything_else_and_names_it() {
        for text in
            ["", "10", "h", "1m1h", "1h1h", "-1h", "1.5h", "10 m", "1w", "10ms", "100000d", "１h", "1H", "é"]
        {
            let error = parse(text).expect_err(text);
            assert!(error.to_string().contains(&format!("`{text}`")), "{error}");
        }
    }
}
