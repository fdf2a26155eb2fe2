//! Cutting listings into pages, with the token that goes on.

use super::refusal::Refusal;
use super::rng::Rng;
use super::weather::Pages;

/// How the page at hand is to be cut: decided before the rows are looked at.
#[derive(Clone, Debug)]
pub(crate) struct Cut {
    after: Option<String>,
    size: usize,
    scan: bool,
    empty: bool,
    trailing: bool,
    fingerprint: String,
    number: u64,
}

/// One page and, where more may follow, its token.
#[derive(Clone, Debug)]
pub(crate) struct Page<T> {
    pub(crate) rows: Vec<T>,
    pub(crate) next: Option<String>,
}

/// What the caller asked of the page.
pub(crate) struct Asked<'a> {
    pub(crate) token: Option<&'a str>,
    pub(crate) size: usize,
    /// Operation, account, region and filters: a token is good for one listing only.
    pub(crate) listing: &'a str,
}

/// Reads the token and draws what the weather does to this page. `None`: the token is not one of this listing.
pub(crate) fn cut(asked: &Asked<'_>, pages: &Pages, rng: &mut Rng) -> Option<Cut> {
    let fingerprint = format!("{:016x}", fnv(asked.listing.as_bytes()));
    let (after, number) = match asked.token {
        None => (None, 0),
        Some(token) => {
            let text = unhex(token)?;
            let rest = text.strip_prefix(&fingerprint)?;
            let (number, after) = rest.split_once('|')?;
            (Some(after.to_owned()), number.parse().ok()?)
        }
    };
    Some(Cut {
        after,
        size: pages.cap.map_or(asked.size, |cap| asked.size.min(cap)).max(1),
        scan: pages.filter_after_cut,
        empty: (pages.empty_first && number == 0) || rng.chance(pages.empty),
        trailing: rng.chance(pages.trailing_token),
        fingerprint,
        number,
    })
}

impl Cut {
    /// The key after which this page starts; empty at the beginning.
    pub(crate) fn after(&self) -> &str {
        self.after.as_deref().unwrap_or_default()
    }

    /// The page out of `rows`: (key, row) in order of key, `None` for what the filters drop. Keys up to `after` are passed over.
    pub(crate) fn fill<T>(&self, rows: impl Iterator<Item = (String, Option<T>)>) -> Page<T> {
        if self.empty {
            return Page { rows: Vec::new(), next: Some(self.token(self.after())) };
        }
        let mut page = Vec::new();
        let mut last = self.after().to_owned();
        for (examined, (key, row)) in rows.filter(|(key, _)| key.as_str() > self.after()).enumerate() {
            let full = if self.scan { examined >= self.size } else { page.len() >= self.size };
            if full && (self.scan || row.is_some()) {
                return Page { rows: page, next: Some(self.token(&last)) };
            }
            last = key;
            page.extend(row);
        }
        let next = (self.trailing && !page.is_empty()).then(|| self.token(&last));
        Page { rows: page, next }
    }

    fn token(&self, after: &str) -> String {
        hex(&format!("{}{}|{after}", self.fingerprint, self.number + 1))
    }
}

/// `maxResults` as the services check it.
pub(crate) fn size(
    asked: Option<i64>,
    default: usize,
    most: i64,
    refuse: impl Fn(String) -> Refusal,
) -> Result<usize, Refusal> {
    match asked {
        None => Ok(default),
        Some(n) if (1..=most).contains(&n) => Ok(usize::try_from(n).unwrap_or(default)),
        Some(n) => Err(refuse(format!("MaxResults {n} is out of range: it must be between 1 and {most}."))),
    }
}

fn fnv(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

fn hex(text: &str) -> String {
    text.bytes()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

fn unhex(token: &str) -> Option<String> {
    if !token.is_ascii() || !token.len().is_multiple_of(2) {
        return None;
    }
    let bytes: Option<Vec<u8>> =
        (0..token.len()).step_by(2).map(|at| u8::from_str_radix(token.get(at..at + 2)?, 16).ok()).collect();
    String::from_utf8(bytes?).ok()
}
