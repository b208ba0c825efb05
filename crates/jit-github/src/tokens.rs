//! Installation tokens: asked for with the App's JSON Web Token, good for an hour.
//!
//! Not here: keeping and sealing them.
//!
//! <https://docs.github.com/en/rest/apps/apps#create-an-installation-access-token-for-an-app>

use std::collections::BTreeMap;
use std::fmt;

use http::{Request, Response, StatusCode};
use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::api::{Api, Authorization, Target};
use crate::error::Error;
use crate::ids::{InstallationId, RepositoryId};
use crate::limits;
use crate::names::NameError;
pub use crate::open_enums::Access;
use crate::{reply, wire};

const CREATE: &str = "create installation token";

/// What a token shall be good for. The default asks for all that the installation has; ask for less.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TokenRequest {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    permissions: BTreeMap<&'static str, Access>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    repository_ids: Vec<RepositoryId>,
}

impl TokenRequest {
    /// Asks for one permission, such as `actions`; once one is asked for, the token has no other.
    pub fn permission(mut self, name: &'static str, access: Access) -> Self {
        self.permissions.insert(name, access);
        self
    }

    /// Narrows the token to these repositories; none means all of the installation.
    ///
    /// # Errors
    /// [`NameError::TooLong`] if there are more than [`limits::TOKEN_REPOSITORIES_MAX`].
    pub fn repositories(
        mut self,
        repositories: impl IntoIterator<Item = RepositoryId>,
    ) -> Result<Self, NameError> {
        self.repository_ids = repositories.into_iter().collect();
        if self.repository_ids.len() > limits::TOKEN_REPOSITORIES_MAX {
            return Err(NameError::TooLong { what: "repository list", max: limits::TOKEN_REPOSITORIES_MAX });
        }
        Ok(self)
    }
}

/// A token for the operations of one installation.
pub struct InstallationToken {
    /// The token.
    pub token: SecretString,
    /// When it stops working, an hour after it was made.
    pub expires_at: Timestamp,
    /// What it is good for, which can be less than was asked for on old servers; empty where GitHub does not say.
    pub permissions: BTreeMap<String, Access>,
}

impl fmt::Debug for InstallationToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("InstallationToken")
            .field("expires_at", &self.expires_at)
            .field("permissions", &self.permissions)
            .finish_non_exhaustive()
    }
}

impl Api {
    /// Asks for a token; costs 5 points. `app` carries the App's JSON Web Token.
    ///
    /// <https://docs.github.com/en/rest/apps/apps#create-an-installation-access-token-for-an-app>
    ///
    /// ```
    /// # use jit_github::{Api, Authorization, InstallationId, tokens::{Access, TokenRequest}};
    /// # let api = Api::new("https://api.github.com", "jit-runners")?;
    /// # let app = Authorization::bearer(&"eyJ".into())?;
    /// let wanted = TokenRequest::default().permission("actions", Access::Read);
    /// let request = api.create_installation_token(&app, InstallationId(42), &wanted);
    /// assert_eq!(request.uri().path(), "/app/installations/42/access_tokens");
    /// assert_eq!(request.body(), br#"{"permissions":{"actions":"read"}}"#);
    /// # Ok::<(), jit_github::ApiError>(())
    /// ```
    pub fn create_installation_token(
        &self,
        app: &Authorization,
        installation: InstallationId,
        wanted: &TokenRequest,
    ) -> Request<Vec<u8>> {
        let target = Target::new("/app/installations").segment(installation).path("/access_tokens");
        self.post_json(app, target, wanted)
    }
}

/// Reads a token.
///
/// # Errors
/// [`Error::Unauthorized`] if key and App id do not belong together or the clock is off; [`Error::NotFound`] if the App was uninstalled;
/// [`Error::Forbidden`] if the installation is suspended; [`Error::Unprocessable`] if it lacks what was asked for.
pub fn parse(response: &Response<Vec<u8>>) -> Result<InstallationToken, Error> {
    #[derive(Deserialize)]
    struct Body {
        token: String,
        #[serde(deserialize_with = "wire::time")]
        expires_at: Timestamp,
        #[serde(default, deserialize_with = "wire::or_default")]
        permissions: BTreeMap<String, Access>,
    }
    let body: Body = reply::json(CREATE, response, StatusCode::CREATED)?;
    if body.token.is_empty() {
        return Err(Error::Malformed { operation: CREATE, detail: "token is empty".to_owned() });
    }
    Ok(InstallationToken {
        token: body.token.into(),
        expires_at: body.expires_at,
        permissions: body.permissions,
    })
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn reply(body: &str) -> Response<Vec<u8>> {
        Response::builder().status(201).body(body.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn a_printed_token_shows_only_what_it_is_good_for() {
        let body =
            r#"{"token":"ghs_secret","expires_at":"2016-07-11T22:14:10Z","permissions":{"actions":"read"}}"#;
        let token = parse(&reply(body)).unwrap();
        assert_eq!(token.token.expose_secret(), "ghs_secret");
        let printed = format!("{token:?}");
        assert!(printed.contains("2016-07-11") && !printed.contains("secret"), "{printed}");
    }

    #[test]
    fn an_error_about_a_damaged_reply_shows_no_part_of_the_token() {
        for body in [
            r#"{"token":"ghs_secret","expires_at":"ghs_secret"}"#,
            r#"{"token":"ghs_secret","expires_at":"2016-07-11T22:14:10Z","permissions":"ghs_secret"}"#,
            r#"{"token":["ghs_secret"]}"#,
            r#""ghs_secret"#,
            r#"{"token":"","expires_at":"2016-07-11T22:14:10Z"}"#,
        ] {
            let error = parse(&reply(body)).unwrap_err();
            assert!(matches!(error, Error::Malformed { .. }));
            assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_token_is_narrowed_to_500_repositories_at_most() {
        let ids = |count: u64| (1..=count).map(RepositoryId);
        assert!(TokenRequest::default().repositories(ids(500)).is_ok());
        assert!(TokenRequest::default().repositories(ids(501)).is_err());
        let request = TokenRequest::default().repositories(ids(2)).unwrap();
        assert_eq!(serde_json::to_string(&request).unwrap(), r#"{"repository_ids":[1,2]}"#);
        assert_eq!(serde_json::to_string(&TokenRequest::default()).unwrap(), "{}");
    }
}
