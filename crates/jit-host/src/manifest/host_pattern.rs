//! Hosts that a component may call.
//!
//! Exact ones only: a scheme, a host and a port, or another component of the application.
//! Not in here: sending anything.

use http::Uri;

/// The last labels of a host name that means another component.
/// <https://spinframework.dev/v3/http-outbound#local-service-chaining> (read 2026-11-21).
const INTERNAL_SUFFIX: &str = ".spin.internal";

/// One place that a component may call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum HostPattern {
    /// A server.
    Server {
        /// `http` or `https`.
        scheme: String,
        /// Name or address in lower case, as it stands in the address.
        host: String,
        /// Port; the scheme's own when the manifest gives none.
        port: u16,
    },
    /// Another component of the application, called in memory.
    Component(String),
}

impl HostPattern {
    /// Parses an entry of `allowed_outbound_hosts` whose variables are filled in; the error says what is wrong.
    ///
    /// The error never repeats the text, which may hold a variable's value.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        if text.contains('*') {
            return Err("wildcards are not supported");
        }
        let uri: Uri = text.parse().map_err(|_| "not of the form scheme://host or scheme://host:port")?;
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err("only scheme, host and port may be given");
        }
        let pattern = Self::of(&uri).ok_or("not of the form http(s)://host or http(s)://host:port")?;
        match &pattern {
            Self::Server { host, .. } if host == "self" || host == "self.alt" => {
                Err("calls to the application itself are not supported")
            }
            _ => Ok(pattern),
        }
    }

    /// The place that an address means; none if it names no host, another scheme than http and https, or credentials.
    pub(crate) fn of(uri: &Uri) -> Option<Self> {
        let scheme = uri.scheme_str()?;
        let authority = uri.authority()?;
        let default_port = match scheme {
            "http" => 80,
            "https" => 443,
            _ => return None,
        };
        if authority.as_str().contains('@') || authority.host().is_empty() {
            return None;
        }
        let host = authority.host().to_ascii_lowercase();
        if let Some(component) = internal_component(&host) {
            let plain = scheme == "http" && authority.port().is_none();
            return plain.then(|| Self::Component(component.to_owned()));
        }
        let port = match authority.port() {
            Some(port) => port.as_u16(),
            // `host:` and a port beyond 65535 parse as a host without a port; neither is the default one.
            None if authority.as_str().len() == authority.host().len() => default_port,
            None => return None,
        };
        Some(Self::Server { scheme: scheme.to_owned(), host, port })
    }
}

/// The component that a lower-case host name means, if it is an internal one.
pub(crate) fn internal_component(host: &str) -> Option<&str> {
    host.strip_suffix(INTERNAL_SUFFIX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn server(scheme: &str, host: &str, port: u16) -> HostPattern {
        HostPattern::Server { scheme: scheme.into(), host: host.into(), port }
    }

    #[test]
    fn the_port_is_the_schemes_own_when_absent() {
        assert_eq!(HostPattern::parse("https://api.github.com"), Ok(server("https", "api.github.com", 443)));
        assert_eq!(HostPattern::parse("http://127.0.0.1:8080/"), Ok(server("http", "127.0.0.1", 8080)));
        assert_eq!(HostPattern::parse("http://Example.COM"), Ok(server("http", "example.com", 80)));
        assert_eq!(HostPattern::parse("http://[::1]:9"), Ok(server("http", "[::1]", 9)));
    }

    #[test]
    fn an_internal_name_is_a_component() {
        assert_eq!(
            HostPattern::parse("http://scaleup.spin.internal"),
            Ok(HostPattern::Component("scaleup".into()))
        );
        assert!(HostPattern::parse("https://scaleup.spin.internal").is_err());
        assert!(HostPattern::parse("http://scaleup.spin.internal:80").is_err());
    }

    #[test]
    fn anything_else_is_refused() {
        let refused = [
            "",
            "api.github.com",
            "https://*.github.com",
            "*://*:*",
            "redis://h:1",
            "https://h/path",
            "https://u@h",
        ];
        for text in refused.into_iter().chain(["http://self", "https://h:99999", "https://h:"]) {
            assert!(HostPattern::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in ".*") {
            let _ = HostPattern::parse(&text);
        }

        #[test]
        fn a_pattern_equals_every_address_on_its_host(host in "[a-z]{1,8}\\.[a-z]{2,3}", port in 1_u16.., path in "/[a-z/]*") {
            let pattern = HostPattern::parse(&format!("http://{host}:{port}")).unwrap();
            let address: Uri = format!("http://{host}:{port}{path}").parse().unwrap();
            prop_assert_eq!(HostPattern::of(&address), Some(pattern));
        }
    }
}
