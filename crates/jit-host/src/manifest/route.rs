//! Routes of HTTP triggers.
//!
//! Not in here: choosing among several (`router`).

/// Which requests an HTTP trigger takes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Route {
    /// Exactly this path.
    Exact(String),
    /// This path and everything below it; empty for every path.
    Below(String),
    /// No request from outside, only those of other components.
    Private,
}

impl Route {
    /// Parses a public route, such as `/webhook` or `/cron/...`; the error says what is wrong.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if !text.starts_with('/') {
            return Err(format!("route `{text}` does not start with `/`"));
        }
        let (path, route) = match text.strip_suffix("/...") {
            Some(prefix) => (prefix, Self::Below(prefix.to_owned())),
            None => (text, Self::Exact(text.to_owned())),
        };
        if path.split('/').any(|segment| segment.starts_with(':') || segment == "...") {
            return Err(format!("route `{text}` has a wildcard that is not a last `/...`"));
        }
        if path.contains(['?', '#', ' ']) {
            return Err(format!("route `{text}` is not a plain path"));
        }
        Ok(route)
    }

    /// Whether a path belongs to it.
    pub(crate) fn takes(&self, path: &str) -> bool {
        match self {
            Self::Exact(exact) => path == exact,
            Self::Below(prefix) => path
                .strip_prefix(prefix.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
            Self::Private => false,
        }
    }

    /// How the manifest writes it; a private route has no text.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Exact(path) => path.clone(),
            Self::Below(prefix) => format!("{prefix}/..."),
            Self::Private => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exact_route_takes_its_path_only() {
        let route = Route::parse("/webhook").unwrap();
        assert!(route.takes("/webhook"));
        assert!(["/webhook/", "/webhook/x", "/webhoo", "/"].iter().all(|path| !route.takes(path)));
    }

    #[test]
    fn a_wildcard_takes_its_path_and_what_is_below() {
        let route = Route::parse("/cron/...").unwrap();
        assert!(["/cron", "/cron/", "/cron/a/b"].iter().all(|path| route.takes(path)));
        assert!(["/cronx", "/"].iter().all(|path| !route.takes(path)));
        assert!(Route::parse("/...").unwrap().takes("/"));
        assert!(Route::parse("/...").unwrap().takes("/a/b"));
    }

    #[test]
    fn other_wildcards_are_refused() {
        for text in ["webhook", "/a/:b", "/.../a", "/a?b", ""] {
            assert!(Route::parse(text).is_err(), "{text}");
        }
    }
}
