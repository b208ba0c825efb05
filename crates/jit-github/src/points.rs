//! What a request costs of GitHub's secondary limit.
//!
//! Not here: the budget itself.

use http::{Method, Request};

/// Returns the points of a request: 1 for GET, HEAD and OPTIONS, 5 for everything else. 900 are allowed in a minute.
///
/// A reply of 304 costs its point all the same; only the hourly limit is spared.
///
/// <https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#calculating-points-for-the-secondary-rate-limit>
///
/// ```
/// let read = http::Request::get("https://api.github.com/app").body(())?;
/// let change = http::Request::delete("https://api.github.com/x").body(())?;
/// assert_eq!((jit_github::points(&read), jit_github::points(&change)), (1, 5));
/// # Ok::<(), http::Error>(())
/// ```
pub fn points<B>(request: &Request<B>) -> u32 {
    match *request.method() {
        Method::GET | Method::HEAD | Method::OPTIONS => 1,
        _ => 5,
    }
}
