//! All pages of a listing, or an error: never a part of it.

use std::{collections::BTreeSet, future::Future};

use super::errors::AwsError;
use crate::mutant::{self, Mutant};

/// One page.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// What it holds: possibly nothing, although more follow (ram.md §0.3).
    pub items: Vec<T>,
    /// The token of the next page; none on the last.
    pub next: Option<String>,
}

/// More pages than any listing here can have: at 500 entries a page, ten times the quota of associations (ram.md §5),
/// and ten times the 500 pages of 10,000 accounts (§7.1).
const MOST_PAGES: usize = 5_000;

/// Calls `page` with no token and then with each next token until there is none. An empty page with a token is not the
/// end. A token that comes twice, or pages without end, fail the listing.
pub async fn collect<T, F, P>(operation: &'static str, mut page: F) -> Result<Vec<T>, AwsError>
where
    F: FnMut(Option<String>) -> P,
    P: Future<Output = Result<Page<T>, AwsError>>,
{
    let mut items = Vec::new();
    let mut seen = BTreeSet::new();
    let mut token = None;
    for _ in 0..MOST_PAGES {
        let page = page(token.take()).await?;
        let is_cut =
            mutant::is(Mutant::FirstPageOnly) || mutant::is(Mutant::EmptyPageIsEnd) && page.items.is_empty();
        items.extend(page.items);
        if is_cut {
            return Ok(items);
        }
        let Some(next) = page.next.filter(|next| !next.is_empty()) else { return Ok(items) };
        if !seen.insert(next.clone()) {
            return Err(AwsError::endless(operation, "AWS gave the same page token twice"));
        }
        token = Some(next);
    }
    Err(AwsError::endless(operation, "the listing has more pages than it can have"))
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::*;
    use crate::aws::errors::Disposition;

    fn page(items: &[u32], next: Option<&str>) -> Page<u32> {
        Page { items: items.to_vec(), next: next.map(str::to_owned) }
    }

    #[tokio::test]
    async fn an_empty_page_with_a_token_is_not_the_end() {
        let all = collect("GetResourceShares", |token| {
            ready(Ok(match token.as_deref() {
                None => page(&[], Some("a")),
                Some("a") => page(&[1, 2], Some("b")),
                Some("b") => page(&[], Some("c")),
                _ => page(&[3], None),
            }))
        });
        assert_eq!(all.await.unwrap(), [1, 2, 3]);
    }

    #[tokio::test]
    async fn a_failed_page_fails_the_listing() {
        let all = collect("GetResourceShares", |token| {
            ready(match token {
                None => Ok(page(&[1], Some("a"))),
                Some(_) => Err(AwsError::endless("GetResourceShares", "second page")),
            })
        });
        assert!(all.await.unwrap_err().to_string().contains("second page"));
    }

    #[tokio::test]
    async fn tokens_that_turn_in_a_circle_fail_the_listing() {
        let all = collect("GetResourceShares", |token| {
            ready(Ok(page(&[1], Some(if token.as_deref() == Some("a") { "b" } else { "a" }))))
        });
        assert_eq!(all.await.unwrap_err().disposition, Disposition::Retry);
    }

    #[tokio::test]
    async fn pages_without_end_fail_the_listing() {
        let mut count = 0;
        let all = collect("GetResourceShares", |_| {
            count += 1;
            ready(Ok(page(&[], Some(&count.to_string()))))
        });
        assert_eq!(all.await.unwrap_err().disposition, Disposition::Retry);
    }
}
