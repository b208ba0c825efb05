//! A list of several pages, followed to its end through requests and replies, and a cheap repeat with an `ETag`.
//!
//! Not here: the grammar of the `Link` header, which is tested beside it.

#![expect(clippy::unwrap_used, reason = "helpers of tests may unwrap as tests do")]

use http::{Request, Response};
use jit_github::{
    Answer, Api, Authorization, Cursor, ETag, Owner, PageNumber, RunnerId, Scope, conditional, deliveries,
    if_none_match, limits, runners,
};
use proptest::prelude::*;
use serde_json::json;

const ETAG: &str = "W/\"1f\"";

fn parameter(request: &Request<Vec<u8>>, wanted: &str) -> Option<String> {
    let query = request.uri().query().unwrap_or_default();
    let found = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == wanted);
    found.map(|(_, text)| text.into_owned())
}

/// Answers as GitHub does: a page, the links around it, and 304 to who has it already.
fn answer(request: &Request<Vec<u8>>, runners: u64) -> Response<Vec<u8>> {
    if request.headers().get("if-none-match").is_some_and(|etag| etag == ETAG) {
        return Response::builder().status(304).body(Vec::new()).unwrap();
    }
    let number = |name| parameter(request, name).unwrap().parse::<u64>().unwrap();
    let (page, size) = (number("page"), number("per_page"));
    let ids = (page - 1) * size..(page * size).min(runners);
    let items: Vec<_> = ids
        .map(|id| json!({"id": id + 1, "name": "n", "os": "linux", "status": "online", "busy": false, "labels": []}))
        .collect();
    let mut builder = Response::builder().header("etag", ETAG);
    let last = runners.div_ceil(size).max(1);
    if page < last {
        // The host is another than the one that was asked, as behind a proxy: it must not matter.
        let link =
            |page, relation| format!("<https://internal/x?per_page={size}&page={page}>; rel=\"{relation}\"");
        builder = builder.header("link", format!("{}, {}", link(page + 1, "next"), link(last, "last")));
    }
    builder.body(json!({"total_count": runners, "runners": items}).to_string().into_bytes()).unwrap()
}

fn api() -> (Api, Authorization, Scope) {
    let api = Api::new("https://api.github.com", "jit-runners").unwrap();
    let token = Authorization::bearer(&"ghs_x".into()).unwrap();
    (api, token, Scope::Organisation(Owner::new("octo-org").unwrap()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn following_the_pages_finds_every_runner_once(count in prop_oneof![0u64..5, 98u64..103, 199u64..202, 0u64..1_500]) {
        let (api, token, scope) = api();
        let mut found = Vec::new();
        let mut next = Some(PageNumber::FIRST);
        let mut pages = 0;
        while let Some(page) = next {
            prop_assert!(pages < limits::PAGES_MAX);
            let request = api.list_runners(&token, &scope, None, page);
            prop_assert_eq!(request.uri().host(), Some("api.github.com"));
            let page = runners::parse_list(&answer(&request, count)).unwrap();
            prop_assert_eq!(page.total_count, Some(count));
            found.extend(page.items.iter().map(|runner| runner.id));
            next = page.next;
            pages += 1;
        }
        prop_assert_eq!(found, (1..=count).map(RunnerId).collect::<Vec<_>>());
    }
}

#[test]
fn a_repeat_with_the_etag_is_not_modified() {
    let (api, token, scope) = api();
    let request = || api.list_runners(&token, &scope, None, PageNumber::FIRST);
    let first = conditional(&answer(&request(), 3), runners::parse_list).unwrap();
    let Answer::Fresh { value, etag: Some(etag) } = first else { panic!("nothing was kept yet") };
    assert_eq!(value.items.len(), 3);
    let kept = ETag::new(etag.as_str()).unwrap();
    let again = answer(&if_none_match(request(), &kept), 3);
    assert_eq!(conditional(&again, runners::parse_list), Ok(Answer::NotModified));
    // Without the frame for conditional replies a 304 is a fault, and never an empty list.
    assert!(runners::parse_list(&again).is_err());
}

#[test]
fn deliveries_are_followed_by_their_cursor() {
    let (api, token, _) = api();
    let reply = Response::builder()
        .header(
            "link",
            "<https://internal/app/hook/deliveries?per_page=100&cursor=v1_1207%2B5>; rel=\"next\"",
        )
        .body(b"[]".to_vec())
        .unwrap();
    let page = deliveries::parse_list(&reply).unwrap();
    assert_eq!(page.next, Cursor::new("v1_1207+5"));
    let request = api.list_deliveries(&token, page.next.as_ref());
    assert_eq!(parameter(&request, "cursor").as_deref(), Some("v1_1207+5"));
    let last = Response::builder().body(b"[]".to_vec()).unwrap();
    assert_eq!(deliveries::parse_list(&last).unwrap().next, None);
}
