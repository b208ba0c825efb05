//! DescribeSpotPriceHistory: what Linux spot instances cost where and since when, in pages.
//! Not in it: filters, other products than Linux/UNIX, and what instances are billed (`billing`).
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSpotPriceHistory.html>

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::page::Page;
use super::{Ec2, check_dry_run, reply};
use crate::cloud::error::ApiError;
use crate::cloud::pipeline::Call;
use crate::cloud::query::Query;
use crate::cloud::xml::Xml;

const KNOWN: &[&str] = &[
    "Action",
    "Version",
    "DryRun",
    "AvailabilityZone",
    "InstanceType.N",
    "ProductDescription.N",
    "StartTime",
    "EndTime",
    "MaxResults",
    "NextToken",
];
const LINUX: &str = "Linux/UNIX";
const PAGE_SIZE_MAX: u32 = 1_000;
const BAD_TOKEN: (&str, &str) = ("InvalidNextToken", "The token is not valid.");
/// What a vCPU costs in an hour where nobody set a price, in millionths of a dollar.
const MICROS_A_VCPU: u64 = 15_000;

/// One price and since when it holds.
struct Price {
    instance_type: String,
    zone: String,
    micros: u64,
    since: Timestamp,
}

impl Ec2 {
    /// Sets the price of a type in a zone from a moment on.
    pub(crate) fn set_spot_price(&mut self, instance_type: &str, zone: &str, from: Timestamp, micros: u64) {
        let key = (instance_type.to_owned(), zone.to_owned());
        self.spot_prices.entry(key).or_default().insert(from, micros);
    }

    pub(super) fn describe_spot_price_history(&self, call: &Call<'_>) -> Result<Xml, ApiError> {
        let query = call.query;
        query.only(KNOWN)?;
        check_dry_run(call)?;
        let page = Page::read(query, 1..=PAGE_SIZE_MAX, BAD_TOKEN)?;
        let moment = |name: &str, default: Timestamp| match query.get(name) {
            None => Ok(default),
            Some(text) => text.parse().map_err(|_| ApiError::invalid(text, name)),
        };
        let end = moment("EndTime", call.now)?;
        let start =
            moment("StartTime", end.saturating_sub(SignedDuration::from_hours(24 * 90)).unwrap_or(end))?;
        let products = query.list("ProductDescription");
        let is_linux = products.is_empty() || products.iter().any(|product| product == LINUX);
        let all = if is_linux { self.prices(&call.region, query, (start, end)) } else { Vec::new() };
        let (shown, next) = page.cut((0..).zip(all), PAGE_SIZE_MAX);
        Ok(document(call, &shown, next.as_deref()))
    }

    /// The prices of all wanted types in all wanted zones of a region that held at some time of a span.
    fn prices(&self, region: &str, query: &Query, (start, end): (Timestamp, Timestamp)) -> Vec<Price> {
        let types = query.list("InstanceType");
        let here = self.catalogue.subnets.values().filter(|subnet| subnet.region == region);
        let zones: BTreeSet<&str> = here
            .map(|subnet| subnet.zone.as_str())
            .filter(|zone| query.get("AvailabilityZone").is_none_or(|wanted| wanted == *zone))
            .collect();
        let mut prices = Vec::new();
        for (name, machine) in &self.catalogue.machine_types {
            if !types.is_empty() && !types.contains(name) {
                continue;
            }
            for &zone in zones.iter().filter(|z| machine.zones.as_ref().is_none_or(|of| of.contains(**z))) {
                let usual = (Timestamp::UNIX_EPOCH, u64::from(machine.vcpus) * MICROS_A_VCPU);
                let set = self.spot_prices.get(&(name.clone(), zone.to_owned())).into_iter().flatten();
                let history: Vec<(Timestamp, u64)> =
                    std::iter::once(usual).chain(set.map(|(at, m)| (*at, *m))).collect();
                for (index, &(since, micros)) in history.iter().enumerate() {
                    let ended = history.get(index + 1).is_some_and(|(next, _)| *next <= start);
                    if since <= end && !ended {
                        prices.push(Price {
                            instance_type: name.clone(),
                            zone: zone.to_owned(),
                            micros,
                            since,
                        });
                    }
                }
            }
        }
        prices
    }
}

fn document(call: &Call<'_>, prices: &[Price], next: Option<&str>) -> Xml {
    reply::document(call, |xml| {
        xml.node("spotPriceHistorySet", |xml| {
            for Price { instance_type, zone, micros, since } in prices {
                xml.node("item", |xml| {
                    xml.text("instanceType", instance_type).text("productDescription", LINUX);
                    xml.text("spotPrice", format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000));
                    xml.text("timestamp", reply::time(*since));
                    xml.text("availabilityZone", zone);
                });
            }
        });
        // EC2 writes an empty token after the last page.
        xml.text("nextToken", next.unwrap_or_default());
    })
}
