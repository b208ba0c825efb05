//! Where GitHub is, who we say we are, and the frame of every request.
//!
//! Not here: the operations, which stand in one file for each resource.

use std::fmt;

use http::{HeaderValue, Method, Request, Response, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use url::{Host, Url};

use crate::limits;
use crate::names::Scope;
use crate::page::PageNumber;

/// Everything but RFC 3986's unreserved characters is encoded, so that no value can end a path segment or a parameter.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Why a client cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// The address is not `http(s)://host[:port][/path]`, or is too long.
    #[error("github address must be http(s)://host[:port][/path] without user, query and fragment")]
    Address,
    /// The address would send tokens in clear to another machine.
    #[error("github address must be https unless its host is this machine")]
    Plaintext,
    /// The text that names us cannot stand in a header.
    #[error("user agent is empty or holds a character that a header cannot carry")]
    UserAgent,
    /// The token cannot stand in a header.
    #[error("token is empty or holds a character that a header cannot carry")]
    Token,
}

/// GitHub's REST interface at one address; its methods build requests and send nothing.
///
/// Each request carries `Accept`, `X-GitHub-Api-Version`, `User-Agent` and `Authorization`:
/// <https://docs.github.com/en/rest/using-the-rest-api/getting-started-with-the-rest-api#making-a-request>.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Api {
    base: String,
    user_agent: HeaderValue,
}

impl Api {
    /// Checks the address and the name under which we call.
    ///
    /// `base_url` is `https://api.github.com`, `https://<host>/api/v3` of an Enterprise Server, or a server on this machine;
    /// a slash at its end is dropped. `user_agent` is required by GitHub, best the App's name.
    ///
    /// ```
    /// let api = jit_github::Api::new("https://github.example.com/api/v3/", "jit-runners")?;
    /// assert_eq!(api.base_url(), "https://github.example.com/api/v3");
    /// # Ok::<(), jit_github::ApiError>(())
    /// ```
    ///
    /// # Errors
    /// [`ApiError`] names what is wrong; it repeats neither text.
    pub fn new(base_url: &str, user_agent: &str) -> Result<Self, ApiError> {
        let url = Url::parse(base_url.trim()).map_err(|_| ApiError::Address)?;
        let bare = url.username().is_empty() && url.password().is_none() && url.query().is_none();
        let web = matches!(url.scheme(), "http" | "https") && url.has_host() && url.fragment().is_none();
        let base = url.as_str().trim_end_matches('/').to_owned();
        if !bare || !web || base.len() > limits::ADDRESS_BYTES_MAX || base.parse::<http::Uri>().is_err() {
            return Err(ApiError::Address);
        }
        if url.scheme() == "http" && !is_this_machine(&url) {
            return Err(ApiError::Plaintext);
        }
        let user_agent = HeaderValue::from_str(user_agent.trim()).map_err(|_| ApiError::UserAgent)?;
        if user_agent.is_empty() {
            return Err(ApiError::UserAgent);
        }
        Ok(Self { base, user_agent })
    }

    /// Returns the address without a slash at its end.
    pub fn base_url(&self) -> &str {
        &self.base
    }

    /// The same request at the address that a reply names, if the reply is a redirection within this interface: a repository
    /// that was renamed or transferred is found by its number. Another server would get our token, so it is never followed.
    /// The query stays, whether or not the address repeats it.
    ///
    /// <https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#follow-redirects>
    pub fn moved(&self, request: &Request<Vec<u8>>, reply: &Response<Vec<u8>>) -> Option<Request<Vec<u8>>> {
        if !matches!(reply.status().as_u16(), 301 | 302 | 307 | 308) {
            return None;
        }
        let address = reply.headers().get(header::LOCATION)?.to_str().ok()?;
        let path = address.strip_prefix(&self.base).filter(|path| path.starts_with('/'))?;
        let path = path.split(['?', '#']).next()?;
        let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
        let mut again = request.clone();
        *again.uri_mut() = format!("{}{path}{query}", self.base).parse().ok()?;
        Some(again)
    }

    pub(crate) fn get(&self, authorization: &Authorization, target: Target) -> Request<Vec<u8>> {
        self.request(Method::GET, authorization, target, Vec::new())
    }

    pub(crate) fn delete(&self, authorization: &Authorization, target: Target) -> Request<Vec<u8>> {
        self.request(Method::DELETE, authorization, target, Vec::new())
    }

    pub(crate) fn post(&self, authorization: &Authorization, target: Target) -> Request<Vec<u8>> {
        self.request(Method::POST, authorization, target, Vec::new())
    }

    pub(crate) fn post_json(
        &self,
        authorization: &Authorization,
        target: Target,
        body: &impl Serialize,
    ) -> Request<Vec<u8>> {
        let body = serde_json::to_vec(body).expect("our own bodies have text keys and plain values only");
        let mut request = self.request(Method::POST, authorization, target, body);
        request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        request
    }

    fn request(
        &self,
        method: Method,
        authorization: &Authorization,
        target: Target,
        body: Vec<u8>,
    ) -> Request<Vec<u8>> {
        // Invariant: base and values were checked and bounded when they were made, and `Target` encodes everything else.
        // Held by the tests `any_file_path_and_reference_make_a_request` and `any_value_stays_in_its_place`.
        Request::builder()
            .method(method)
            .uri(format!("{}{}", self.base, target.text))
            .header(header::ACCEPT, "application/vnd.github+json")
            .header("x-github-api-version", "2022-11-28")
            .header(header::USER_AGENT, &self.user_agent)
            .header(header::AUTHORIZATION, &authorization.0)
            .body(body)
            .expect("address, target and headers were checked when they were made")
    }
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// A token as an `Authorization` header; it prints nothing of the token, also inside a printed request.
#[derive(Clone, PartialEq, Eq)]
pub struct Authorization(HeaderValue);

impl Authorization {
    /// Takes an App's JSON Web Token (for `/app/...` operations) or an installation token (for all others).
    ///
    /// ```
    /// let authorization = jit_github::Authorization::bearer(&"ghs_16C7e42F292c69".into())?;
    /// assert_eq!(format!("{authorization:?}"), "Authorization(..)");
    /// # Ok::<(), jit_github::ApiError>(())
    /// ```
    ///
    /// # Errors
    /// [`ApiError::Token`] if the token is empty or cannot stand in a header.
    pub fn bearer(token: &SecretString) -> Result<Self, ApiError> {
        let token = token.expose_secret();
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ApiError::Token);
        }
        let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| ApiError::Token)?;
        value.set_sensitive(true);
        Ok(Self(value))
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Authorization(..)")
    }
}

/// Path and query of a request, every value percent-encoded.
pub(crate) struct Target {
    text: String,
    has_query: bool,
}

impl Target {
    /// Begins with a path of our own, such as `/app/installations`.
    pub(crate) fn new(path: &'static str) -> Self {
        Self { text: path.to_owned(), has_query: false }
    }

    pub(crate) fn repository(repository: &crate::names::Repository) -> Self {
        Self::new("/repos").segment(repository.owner()).segment(repository.name())
    }

    pub(crate) fn scope(scope: &Scope) -> Self {
        match scope {
            Scope::Organisation(owner) => Self::new("/orgs").segment(owner),
            Scope::Repository(repository) => Self::repository(repository),
        }
    }

    /// Appends a path of our own, such as `/actions/runners`.
    pub(crate) fn path(mut self, path: &'static str) -> Self {
        self.text.push_str(path);
        self
    }

    /// Appends one segment.
    pub(crate) fn segment(mut self, value: impl fmt::Display) -> Self {
        self.text.push('/');
        self.text.extend(utf8_percent_encode(&value.to_string(), RESERVED));
        self
    }

    /// Appends one parameter.
    pub(crate) fn parameter(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.text.push(if self.has_query { '&' } else { '?' });
        self.has_query = true;
        self.text.push_str(name);
        self.text.push('=');
        self.text.extend(utf8_percent_encode(&value.to_string(), RESERVED));
        self
    }

    /// Asks for one full page.
    pub(crate) fn page(self, page: PageNumber) -> Self {
        self.parameter("per_page", limits::PER_PAGE_MAX).parameter("page", page.number())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn api() -> Api {
        Api::new("https://api.github.com", "jit-runners").unwrap()
    }

    fn authorization() -> Authorization {
        Authorization::bearer(&"ghs_secret".into()).unwrap()
    }

    #[test]
    fn an_address_is_taken_without_its_last_slash() {
        for (given, kept) in [
            ("https://api.github.com/", "https://api.github.com"),
            ("https://GHES.example:8443/api/v3", "https://ghes.example:8443/api/v3"),
            ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
            ("http://localhost:3000/", "http://localhost:3000"),
            ("http://[::1]:3000", "http://[::1]:3000"),
        ] {
            assert_eq!(Api::new(given, "x").unwrap().base_url(), kept);
        }
    }

    #[test]
    fn only_a_redirection_within_the_interface_is_followed() {
        let api = api();
        let target = Target::new("/repos/octo-org/old/actions/runs/7/jobs").parameter("page", 2);
        let mut request = api.get(&authorization(), target);
        *request.body_mut() = b"body".to_vec();
        let reply = |status: u16, location: &str| {
            Response::builder().status(status).header("location", location).body(Vec::new()).unwrap()
        };
        for status in [301, 302, 307, 308] {
            let address = "https://api.github.com/repositories/42/actions/runs/7/jobs";
            let again = api.moved(&request, &reply(status, address)).unwrap();
            assert_eq!(again.uri().to_string(), format!("{address}?page=2"));
            assert_eq!(
                (again.method(), again.headers(), again.body()),
                (request.method(), request.headers(), request.body())
            );
        }
        for elsewhere in [
            "https://api.github.com.evil.example/repositories/42",
            "https://evil.example/repositories/42",
            "http://api.github.com/repositories/42",
            "//evil.example/repositories/42",
            "https://api.github.com@evil.example/",
            "https://api.github.com",
            "/repositories/42",
            "",
        ] {
            assert!(api.moved(&request, &reply(301, elsewhere)).is_none(), "{elsewhere}");
        }
        for status in [200, 300, 303, 304, 404] {
            let address = "https://api.github.com/repositories/42";
            assert!(api.moved(&request, &reply(status, address)).is_none(), "{status}");
        }
    }

    #[test]
    fn an_address_that_could_leak_or_confuse_is_refused() {
        for wrong in
            ["", "api.github.com", "ftp://x", "https://u:p@x", "https://x?y", "https://x#y", "file:///etc"]
        {
            assert_eq!(Api::new(wrong, "x"), Err(ApiError::Address), "{wrong}");
        }
        assert_eq!(Api::new("http://api.github.com", "x"), Err(ApiError::Plaintext));
        assert_eq!(Api::new("https://x", "a\nb"), Err(ApiError::UserAgent));
        assert_eq!(Api::new("https://x", " "), Err(ApiError::UserAgent));
    }

    #[test]
    fn each_request_carries_what_github_asks_for() {
        let request = api().get(&authorization(), Target::new("/app"));
        assert_eq!(request.uri(), "https://api.github.com/app");
        assert_eq!(request.headers()["accept"], "application/vnd.github+json");
        assert_eq!(request.headers()["x-github-api-version"], "2022-11-28");
        assert_eq!(request.headers()["user-agent"], "jit-runners");
        assert_eq!(request.headers()["authorization"], "Bearer ghs_secret");
    }

    #[test]
    fn a_printed_request_does_not_show_its_token() {
        let printed = format!("{:?}", api().get(&authorization(), Target::new("/app")));
        assert!(!printed.contains("ghs_secret"), "{printed}");
    }

    #[test]
    fn a_token_that_could_split_a_header_is_refused() {
        for wrong in ["", "a b", "a\r\nx: y", "ü"] {
            assert_eq!(Authorization::bearer(&wrong.into()), Err(ApiError::Token));
        }
    }

    proptest! {
        #[test]
        fn any_value_stays_in_its_place(segment in "\\PC{1,30}", value in ".{0,30}") {
            let target = Target::new("/a").segment(&segment).path("/b").parameter("c", &value).parameter("d", 1);
            let request = api().get(&authorization(), target);
            let url = Url::parse(&request.uri().to_string()).unwrap();
            let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
            if segment != "." && segment != ".." {
                let parts: Vec<String> = url.path_segments().unwrap().map(decode).collect();
                prop_assert_eq!(parts, ["a", segment.as_str(), "b"]);
            }
            let parameters: Vec<(String, String)> = url.query_pairs().into_owned().collect();
            prop_assert_eq!(parameters, [("c".to_owned(), value), ("d".to_owned(), "1".to_owned())]);
        }
    }
}
