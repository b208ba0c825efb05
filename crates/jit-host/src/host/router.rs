//! Chooses the component of a request.
//!
//! Not in here: the form of a route (`manifest::route`).

use crate::manifest::{HttpTrigger, Route, internal_component};

/// The public routes of an application.
pub(super) struct Router {
    /// Exact routes first, then the longest wildcard, so that the first match is the best.
    routes: Vec<(Route, String)>,
}

impl Router {
    pub(super) fn new(triggers: &[HttpTrigger]) -> Self {
        let public = triggers.iter().filter(|trigger| trigger.route != Route::Private);
        let mut routes: Vec<_> =
            public.map(|trigger| (trigger.route.clone(), trigger.component.clone())).collect();
        routes.sort_by_key(|(route, _)| match route {
            Route::Exact(path) => (0, usize::MAX - path.len()),
            Route::Below(prefix) => (1, usize::MAX - prefix.len()),
            Route::Private => (2, 0),
        });
        Self { routes }
    }

    /// The route that fits a path best, and its component.
    pub(super) fn best(&self, path: &str) -> Option<(&Route, &str)> {
        let (route, component) = self.routes.iter().find(|(route, _)| route.takes(path))?;
        Some((route, component))
    }

    pub(super) fn routes(&self) -> impl Iterator<Item = (String, &str)> {
        self.routes.iter().map(|(route, component)| (route.text(), component.as_str()))
    }
}

/// Whether an authority (host, or host and port) names a component instead of a server.
pub(super) fn is_internal(authority: &str) -> bool {
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    internal_component(&host.trim_end_matches('.').to_ascii_lowercase()).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn router(routes: &[Route]) -> Router {
        let triggers: Vec<_> = routes
            .iter()
            .map(|route| HttpTrigger { component: route.text(), route: route.clone() })
            .collect();
        Router::new(&triggers)
    }

    #[test]
    fn an_exact_route_wins_then_the_longest_wildcard() {
        let below = |prefix: &str| Route::Below(prefix.to_owned());
        let router = router(&[below(""), below("/a"), Route::Exact("/a/b".into()), below("/a/b")]);
        let best = |path| router.best(path).map(|(_, component)| component);
        assert_eq!(best("/a/b"), Some("/a/b"));
        assert_eq!(best("/a/b/c"), Some("/a/b/..."));
        assert_eq!(best("/a/x"), Some("/a/..."));
        assert_eq!(best("/x"), Some("/..."));
    }

    #[test]
    fn a_private_route_takes_nothing() {
        assert!(router(&[Route::Private]).best("/").is_none());
        assert_eq!(router(&[Route::Private]).routes().count(), 0);
    }

    #[test]
    fn internal_names_are_known_in_every_spelling() {
        for name in ["a.spin.internal", "A.Spin.Internal:80", "a.b.spin.internal."] {
            assert!(is_internal(name), "{name}");
        }
        assert!(["spin.internal.example", "localhost", "", ":"].iter().all(|name| !is_internal(name)));
    }
}
