//! The App and its installations, as the App itself sees them.
//!
//! Not here: tokens for an installation (`tokens`).

use std::collections::BTreeMap;

use http::{Request, Response, StatusCode};
use jiff::Timestamp;
use serde::Deserialize;

use crate::api::{Api, Authorization, Target};
use crate::error::Error;
use crate::ids::{AppNumber, InstallationId};
use crate::open_enums::Access;
use crate::page::{self, Page, PageNumber};
use crate::{reply, wire};

/// The App that a JSON Web Token speaks for.
///
/// <https://docs.github.com/en/rest/apps/apps#get-the-authenticated-app>
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct App {
    /// Its number.
    pub id: AppNumber,
    /// Its name in addresses.
    #[serde(default, deserialize_with = "wire::optional_text")]
    pub slug: Option<String>,
    /// Its name.
    pub name: String,
    /// What it asks for; an installation may not have granted all of it yet.
    pub permissions: BTreeMap<String, Access>,
    /// The events that its webhook gets.
    pub events: Vec<String>,
}

/// An installation of the App on an account.
///
/// <https://docs.github.com/en/rest/apps/apps#get-an-installation-for-the-authenticated-app>
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Installation {
    /// Its id.
    pub id: InstallationId,
    /// The account's login; `None` if the account is an enterprise or gone.
    #[serde(rename = "account", default, deserialize_with = "account_login")]
    pub account: Option<String>,
    /// What the account is: `Organization` or `User`.
    pub target_type: String,
    /// Which repositories it covers: `all` or `selected`.
    pub repository_selection: String,
    /// What the account granted.
    pub permissions: BTreeMap<String, Access>,
    /// The events that it gets.
    pub events: Vec<String>,
    /// Since when it is suspended; `None` if it is not.
    #[serde(default, deserialize_with = "wire::optional_time")]
    pub suspended_at: Option<Timestamp>,
}

fn account_login<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    // An enterprise has a slug instead of a login.
    #[derive(Deserialize)]
    struct Account {
        #[serde(default, deserialize_with = "wire::optional_text")]
        login: Option<String>,
    }
    Ok(Option::<Account>::deserialize(deserializer)?.and_then(|account| account.login))
}

impl Api {
    /// Asks who the App is; costs 1 point. `app` carries the App's JSON Web Token.
    ///
    /// <https://docs.github.com/en/rest/apps/apps#get-the-authenticated-app>
    ///
    /// ```
    /// # use jit_github::{Api, Authorization};
    /// # let api = Api::new("https://api.github.com", "jit-runners")?;
    /// # let app = Authorization::bearer(&"eyJ".into())?;
    /// assert_eq!(api.get_app(&app).uri(), "https://api.github.com/app");
    /// # Ok::<(), jit_github::ApiError>(())
    /// ```
    pub fn get_app(&self, app: &Authorization) -> Request<Vec<u8>> {
        self.get(app, Target::new("/app"))
    }

    /// Lists the App's installations, one page; costs 1 point. `app` carries the App's JSON Web Token.
    ///
    /// <https://docs.github.com/en/rest/apps/apps#list-installations-for-the-authenticated-app>
    ///
    /// ```
    /// # use jit_github::{Api, Authorization, PageNumber};
    /// # let api = Api::new("https://api.github.com", "jit-runners")?;
    /// # let app = Authorization::bearer(&"eyJ".into())?;
    /// let request = api.list_installations(&app, PageNumber::FIRST);
    /// assert_eq!(request.uri(), "https://api.github.com/app/installations?per_page=100&page=1");
    /// # Ok::<(), jit_github::ApiError>(())
    /// ```
    pub fn list_installations(&self, app: &Authorization, page: PageNumber) -> Request<Vec<u8>> {
        self.get(app, Target::new("/app/installations").page(page))
    }

    /// Asks for one installation; costs 1 point. `app` carries the App's JSON Web Token.
    ///
    /// <https://docs.github.com/en/rest/apps/apps#get-an-installation-for-the-authenticated-app>
    ///
    /// ```
    /// # use jit_github::{Api, Authorization, InstallationId};
    /// # let api = Api::new("https://api.github.com", "jit-runners")?;
    /// # let app = Authorization::bearer(&"eyJ".into())?;
    /// assert_eq!(api.get_installation(&app, InstallationId(42)).uri().path(), "/app/installations/42");
    /// # Ok::<(), jit_github::ApiError>(())
    /// ```
    pub fn get_installation(&self, app: &Authorization, installation: InstallationId) -> Request<Vec<u8>> {
        self.get(app, Target::new("/app/installations").segment(installation))
    }
}

/// Reads who the App is.
///
/// # Errors
/// [`Error::Unauthorized`] if key and App id do not belong together or the clock is off; the others as they say.
pub fn parse_app(response: &Response<Vec<u8>>) -> Result<App, Error> {
    reply::json("get app", response, StatusCode::OK)
}

/// Reads a page of installations; GitHub gives no total.
///
/// # Errors
/// As they say.
pub fn parse_list(response: &Response<Vec<u8>>) -> Result<Page<Installation>, Error> {
    let operation = "list installations";
    let items = reply::json(operation, response, StatusCode::OK)?;
    Ok(Page { items, total_count: None, next: page::next_number(operation, response)? })
}

/// Reads one installation.
///
/// # Errors
/// [`Error::NotFound`] if the App was uninstalled; the others as they say.
pub fn parse(response: &Response<Vec<u8>>) -> Result<Installation, Error> {
    reply::json("get installation", response, StatusCode::OK)
}
