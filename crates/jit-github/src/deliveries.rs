//! The App's log of webhook deliveries: what GitHub tried to tell us, and asking it to try again.
//!
//! Not here: deliveries as they arrive (`webhook`).
//!
//! <https://docs.github.com/en/rest/apps/webhooks>

use http::{Request, Response, StatusCode};
use jiff::Timestamp;
use serde::Deserialize;

use crate::api::{Api, Authorization, Target};
use crate::error::Error;
use crate::ids::{DeliveryId, InstallationId, RepositoryId};
use crate::limits;
use crate::open_enums::{Action, Event};
use crate::page::{self, Cursor, Page};
use crate::{reply, wire};

/// One attempt to deliver an event.
///
/// <https://docs.github.com/en/rest/apps/webhooks#list-deliveries-for-an-app-webhook>
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Delivery {
    /// The attempt's id.
    pub id: DeliveryId,
    /// The event's GUID, the same for each attempt.
    pub guid: String,
    /// When the attempt was made.
    #[serde(deserialize_with = "wire::time")]
    pub delivered_at: Timestamp,
    /// Whether somebody asked for it again.
    pub redelivery: bool,
    /// What became of it, in GitHub's words, such as `OK` or `timed out`.
    pub status: String,
    /// The status that we answered; `None` if GitHub got no answer, which it writes as 0.
    #[serde(default, deserialize_with = "status_code")]
    pub status_code: Option<u16>,
    /// The event.
    pub event: Event,
    /// The event's action; `None` if it has none.
    #[serde(default, deserialize_with = "wire::optional_text")]
    pub action: Option<Action>,
    /// The installation that it is for.
    #[serde(default, deserialize_with = "wire::optional_id")]
    pub installation_id: Option<InstallationId>,
    /// The repository that it is about.
    #[serde(default, deserialize_with = "wire::optional_id")]
    pub repository_id: Option<RepositoryId>,
}

impl Delivery {
    /// Tells whether we took the delivery: GitHub counts every 2xx.
    pub fn is_accepted(&self) -> bool {
        self.status_code.is_some_and(|code| (200..300).contains(&code))
    }
}

fn status_code<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u16>, D::Error> {
    Ok(Option::<u16>::deserialize(deserializer)?.filter(|code| *code != 0))
}

impl Api {
    /// Lists the App's deliveries, newest first, one page; costs 1 point. `app` carries the App's JSON Web Token.
    ///
    /// GitHub keeps three days of them (Enterprise Server seven).
    ///
    /// <https://docs.github.com/en/rest/apps/webhooks#list-deliveries-for-an-app-webhook>
    ///
    /// ```
    /// # use jit_github::{Api, Authorization, Cursor};
    /// # let api = Api::new("https://api.github.com", "jit-runners")?;
    /// # let app = Authorization::bearer(&"eyJ".into())?;
    /// let request = api.list_deliveries(&app, None);
    /// assert_eq!(request.uri(), "https://api.github.com/app/hook/deliveries?per_page=100");
    /// let request = api.list_deliveries(&app, Cursor::new("v1_17").as_ref());
    /// assert_eq!(request.uri().query(), Some("per_page=100&cursor=v1_17"));
    /// # Ok::<(), jit_github::ApiError>(())
    /// ```
    pub fn list_deliveries(&self, app: &Authorization, after: Option<&Cursor>) -> Request<Vec<u8>> {
        let target = Target::new("/app/hook/deliveries").parameter("per_page", limits::PER_PAGE_MAX);
        let target = match after {
            Some(cursor) => target.parameter("cursor", cursor.as_str()),
            None => target,
        };
        self.get(app, target)
    }

    /// Asks GitHub to deliver again, with the same GUID; costs 5 points. `app` carries the App's JSON Web Token.
    ///
    /// <https://docs.github.com/en/rest/apps/webhooks#redeliver-a-delivery-for-an-app-webhook>
    ///
    /// ```
    /// # use jit_github::{Api, Authorization, DeliveryId};
    /// # let api = Api::new("https://api.github.com", "jit-runners")?;
    /// # let app = Authorization::bearer(&"eyJ".into())?;
    /// let request = api.redeliver(&app, DeliveryId(12345678));
    /// assert_eq!(request.uri().path(), "/app/hook/deliveries/12345678/attempts");
    /// # Ok::<(), jit_github::ApiError>(())
    /// ```
    pub fn redeliver(&self, app: &Authorization, delivery: DeliveryId) -> Request<Vec<u8>> {
        self.post(app, Target::new("/app/hook/deliveries").segment(delivery).path("/attempts"))
    }
}

/// Reads a page of deliveries; GitHub gives no total.
///
/// # Errors
/// [`Error::Refused`] or [`Error::Unprocessable`] if the cursor is too old; start again from the newest. The others as they say.
pub fn parse_list(response: &Response<Vec<u8>>) -> Result<Page<Delivery, Cursor>, Error> {
    let operation = "list deliveries";
    let items = reply::json(operation, response, StatusCode::OK)?;
    Ok(Page { items, total_count: None, next: page::next_cursor(operation, response)? })
}

/// Reads whether GitHub took the order to deliver again (202).
///
/// # Errors
/// [`Error::NotFound`], [`Error::Refused`] or [`Error::Unprocessable`] if the delivery is too old; the others as they say.
pub fn parse_redelivery(response: &Response<Vec<u8>>) -> Result<(), Error> {
    reply::accept("redeliver", response, StatusCode::ACCEPTED)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(status_code: u16) -> Delivery {
        let body = serde_json::json!([{
            "id": 9_007_199_254_740_993_u64, "guid": "g", "delivered_at": "2019-06-03T00:57:16.123Z", "redelivery": false,
            "duration": 0.27, "status": "timed out", "status_code": status_code, "event": "workflow_job",
            "action": "queued", "installation_id": null, "repository_id": 456,
        }]);
        let reply = Response::builder().body(body.to_string().into_bytes()).unwrap();
        parse_list(&reply).unwrap().items.remove(0)
    }

    #[test]
    fn a_status_of_0_means_that_nobody_answered() {
        assert_eq!(delivery(0).status_code, None);
        assert!(!delivery(0).is_accepted());
    }

    #[test]
    fn every_2xx_and_nothing_else_counts_as_taken() {
        assert!(delivery(200).is_accepted() && delivery(202).is_accepted());
        assert!(!delivery(302).is_accepted() && !delivery(503).is_accepted());
    }

    #[test]
    fn an_id_beyond_the_exact_range_of_a_float_is_kept_exactly() {
        assert_eq!(delivery(200).id, DeliveryId(9_007_199_254_740_993));
    }
}
