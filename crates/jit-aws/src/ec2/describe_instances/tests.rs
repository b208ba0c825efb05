//! Requests page by page, and the replies to them.

use proptest::prelude::*;

use super::*;
use crate::ec2::{ErrorClass, Lifecycle};
use crate::{Region, Service};

fn endpoint() -> Endpoint {
    Endpoint::regional(Service::Ec2, Region::parse("us-east-1").unwrap())
}

fn body(describe: &DescribeInstances) -> String {
    String::from_utf8(describe.request(&endpoint()).into_body()).unwrap()
}

fn reply(ids: &[&str], next_token: Option<&str>) -> Response<Vec<u8>> {
    let reservations: String = ids
        .iter()
        .map(|id| {
            format!(
                "<item><reservationId>r-1</reservationId><groupSet/><instancesSet><item><instanceId>{id}</instanceId>\
                 <instanceState><code>48</code><name>terminated</name></instanceState>\
                 <stateReason><code>Server.SpotInstanceTermination</code><message>m</message></stateReason>\
                 <instanceLifecycle>capacity-block</instanceLifecycle></item></instancesSet></item>"
            )
        })
        .collect();
    let token = next_token.map(|token| format!("<nextToken>{token}</nextToken>")).unwrap_or_default();
    let body = format!(
        "<DescribeInstancesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>r</requestId>\
         <reservationSet>{reservations}</reservationSet>{token}</DescribeInstancesResponse>"
    );
    Response::new(body.into())
}

#[test]
fn filters_are_numbered_and_the_token_comes_last() {
    let describe = DescribeInstances::Page {
        filters: vec![
            Filter::tag("jit-runners:deployment", ["prod"]),
            Filter::tag_key("jit-runners:batch"),
            Filter::states(&[InstanceState::Pending, InstanceState::Running]),
        ],
        size: PageSize::nearest(1),
        token: Some("a+b=".to_owned()),
    };
    let expected = "Action=DescribeInstances&Version=2016-11-15\
                    &Filter.1.Name=tag%3Ajit-runners%3Adeployment&Filter.1.Value.1=prod\
                    &Filter.2.Name=tag-key&Filter.2.Value.1=jit-runners%3Abatch\
                    &Filter.3.Name=instance-state-name&Filter.3.Value.1=pending&Filter.3.Value.2=running\
                    &MaxResults=5&NextToken=a%2Bb%3D";
    assert_eq!(body(&describe), expected);
}

#[test]
fn a_request_by_id_asks_for_no_page_for_ec2_refuses_both() {
    let id = InstanceId::parse("i-0123456789abcdef0").unwrap();
    let expected = "Action=DescribeInstances&Version=2016-11-15&InstanceId.1=i-0123456789abcdef0";
    assert_eq!(body(&DescribeInstances::ByIds(vec![id.clone()])), expected);
    let by_filter = body(&DescribeInstances::page(vec![Filter::ids(&[id])], PageSize::MAX));
    assert!(
        by_filter.contains("Filter.1.Name=instance-id&Filter.1.Value.1=i-0123456789abcdef0&MaxResults=1000")
    );
}

#[test]
fn a_value_with_wildcards_matches_itself_only() {
    let describe = DescribeInstances::page(vec![Filter::tag("k", [r"a*?\b"])], PageSize::MAX);
    assert!(body(&describe).contains(r"Value.1=a%5C%2A%5C%3F%5C%5Cb&"));
}

#[test]
fn pages_follow_each_other_to_the_last_even_past_an_empty_one() {
    let pages = [
        reply(&["i-00000000000000001", "i-00000000000000002"], Some("t1")),
        reply(&[], Some("t2")),
        reply(&["i-00000000000000003"], None),
    ];
    let mut asked = Some(DescribeInstances::page(vec![Filter::tag_key("k")], PageSize::MAX));
    let mut ids = Vec::new();
    for page in &pages {
        let describe = asked.expect("another page is asked for");
        let page = DescribeInstances::parse(page).unwrap();
        asked = describe.next(&page).unwrap();
        ids.extend(page.instances.into_iter().map(|instance| instance.id.to_string()));
    }
    assert_eq!(asked, None);
    assert_eq!(ids, ["i-00000000000000001", "i-00000000000000002", "i-00000000000000003"]);
}

#[test]
fn a_page_that_names_itself_as_the_next_is_an_error_and_not_the_end() {
    let page = DescribeInstances::parse(&reply(&[], Some("t"))).unwrap();
    let second = DescribeInstances::page(vec![], PageSize::MAX).next(&page).unwrap().unwrap();
    assert_eq!(second.next(&page).unwrap_err().class(), ErrorClass::UnknownOutcome);
}

#[test]
fn an_interrupted_instance_tells_why_it_ended() {
    let page = DescribeInstances::parse(&reply(&["i-00000000000000001"], None)).unwrap();
    assert_eq!(page.instances[0].state, InstanceState::Terminated);
    assert_eq!(page.instances[0].state_reason.as_deref(), Some("Server.SpotInstanceTermination"));
    assert_eq!(page.instances[0].lifecycle, Lifecycle::Other("capacity-block".to_owned()));
}

#[test]
fn an_empty_next_token_is_none() {
    assert_eq!(DescribeInstances::parse(&reply(&[], Some(""))).unwrap().next_token, None);
}

#[test]
fn a_page_that_is_cut_off_is_not_taken_for_a_short_one() {
    let whole = reply(&["i-00000000000000001", "i-00000000000000002"], None).into_body();
    for length in 0..whole.len() {
        let error = DescribeInstances::parse(&Response::new(whole[..length].to_vec()));
        assert!(error.is_err(), "{length} of {} bytes were taken for a page", whole.len());
    }
}

proptest! {
    #[test]
    fn no_instance_is_lost_over_any_number_of_pages(sizes in prop::collection::vec(0_usize..4, 1..8)) {
        let mut number = 0;
        let mut asked = Some(DescribeInstances::page(vec![], PageSize::MAX));
        let mut seen = Vec::new();
        for (index, size) in sizes.iter().enumerate() {
            let ids: Vec<String> = (number..number + size).map(|n| format!("i-{n:017x}")).collect();
            number += size;
            let token = (index + 1 < sizes.len()).then(|| format!("t{index}"));
            let page = DescribeInstances::parse(&reply(&ids.iter().map(String::as_str).collect::<Vec<_>>(), token.as_deref())).unwrap();
            asked = asked.unwrap().next(&page).unwrap();
            seen.extend(page.instances.into_iter().map(|instance| instance.id));
        }
        prop_assert!(asked.is_none());
        prop_assert_eq!(seen.len(), number);
    }
}
