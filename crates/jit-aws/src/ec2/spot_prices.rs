//! DescribeSpotPriceHistory: what spot instances cost, page by page.
//! Not here: the loop over pages, and what follows from a price.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSpotPriceHistory.html>

use http::{Request, Response};
use jiff::Timestamp;
use serde::Deserialize;

use super::instance::{ItemSet, filled};
use super::{Ec2Error, VERSION};
use crate::endpoint::Endpoint;
use crate::form::Form;

/// The most prices of one page.
const PAGE_SIZE: u16 = 1_000;
/// What Linux instances without a licence of their own are called in prices.
const LINUX: &str = "Linux/UNIX";

/// The price of an hour, in millionths of a US dollar; AWS gives six decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HourlyPrice(u64);

impl HourlyPrice {
    /// Reads dollars with a decimal point, such as `0.031300`; decimals behind the sixth are left out. None for anything else.
    ///
    /// ```
    /// use jit_aws::ec2::HourlyPrice;
    /// assert_eq!(HourlyPrice::parse("0.0313").map(|price| price.as_micro_dollars()), Some(31_300));
    /// assert_eq!(HourlyPrice::parse("-1"), None);
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !are_digits(whole) || !are_digits(decimals) {
            return None;
        }
        let six: String = decimals.chars().chain("000000".chars()).take(6).collect();
        let micros = whole.parse::<u64>().ok()?.checked_mul(1_000_000)?.checked_add(six.parse().ok()?)?;
        Some(Self(micros))
    }

    /// Returns millionths of a US dollar.
    #[must_use]
    pub fn as_micro_dollars(self) -> u64 {
        self.0
    }
}

/// The price of a type in a zone from a moment on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpotPrice {
    /// The type, such as `c6i.large`.
    pub instance_type: String,
    /// The zone, such as `us-east-1a`.
    pub availability_zone: String,
    /// What an hour costs.
    pub price: HourlyPrice,
    /// Since when.
    pub since: Timestamp,
}

/// One page of a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpotPricePage {
    /// The prices; a page may be empty and yet not the last.
    pub prices: Vec<SpotPrice>,
    /// Where the next page begins; none after the last.
    pub next_token: Option<String>,
}

/// A request for the prices of Linux instances that hold at one moment.
///
/// ```
/// use jit_aws::{Endpoint, Region, Service, ec2::DescribeSpotPriceHistory};
/// let ask = DescribeSpotPriceHistory::at("2026-07-01T12:00:00Z".parse()?, ["c6i.large"]);
/// let request = ask.request(&Endpoint::regional(Service::Ec2, Region::parse("us-east-1")?));
/// assert!(String::from_utf8_lossy(request.body()).contains("&InstanceType.1=c6i.large&ProductDescription.1=Linux%2FUNIX&"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribeSpotPriceHistory {
    at: Timestamp,
    instance_types: Vec<String>,
    token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reply {
    spot_price_history_set: ItemSet<Item>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    instance_type: String,
    availability_zone: String,
    spot_price: String,
    timestamp: String,
}

impl DescribeSpotPriceHistory {
    /// Asks for the first page of the prices at a moment: with the same beginning and end, EC2 answers what holds then.
    pub fn at<'a>(moment: Timestamp, instance_types: impl IntoIterator<Item = &'a str>) -> Self {
        let instance_types = instance_types.into_iter().map(str::to_owned).collect();
        Self { at: moment, instance_types, token: None }
    }

    /// Asks for the page after the given one; none when that was the last.
    ///
    /// # Errors
    /// [`Ec2Error::UnknownOutcome`] when the page's token leads back to the page itself.
    pub fn next(&self, page: &SpotPricePage) -> Result<Option<Self>, Ec2Error> {
        match &page.next_token {
            None => Ok(None),
            Some(token) if self.token.as_ref() == Some(token) => Err(Ec2Error::endless_listing()),
            Some(token) => Ok(Some(Self { token: Some(token.clone()), ..self.clone() })),
        }
    }

    /// Serialises the request, unsigned.
    #[must_use]
    pub fn request(&self, endpoint: &Endpoint) -> Request<Vec<u8>> {
        let moment = self.at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let mut form = Form::new("DescribeSpotPriceHistory", VERSION);
        form.push("StartTime", &moment);
        form.push("EndTime", &moment);
        form.push_list("InstanceType", self.instance_types.iter().map(String::as_str));
        form.push("ProductDescription.1", LINUX);
        form.push("MaxResults", &PAGE_SIZE.to_string());
        if let Some(token) = &self.token {
            form.push("NextToken", token);
        }
        form.into_request(endpoint)
    }

    /// Reads the reply.
    ///
    /// # Errors
    /// [`Ec2Error`]; a success that cannot be read is [`Ec2Error::UnknownOutcome`].
    pub fn parse(response: &Response<Vec<u8>>) -> Result<SpotPricePage, Ec2Error> {
        let reply: Reply = Ec2Error::check(response, "DescribeSpotPriceHistoryResponse")?;
        let prices: Option<Vec<SpotPrice>> =
            reply.spot_price_history_set.items.into_iter().map(Item::read).collect();
        let prices =
            prices.ok_or_else(|| Ec2Error::unreadable(response, "the reply has a price that is none"))?;
        Ok(SpotPricePage { prices, next_token: filled(reply.next_token) })
    }
}

impl Item {
    fn read(self) -> Option<SpotPrice> {
        Some(SpotPrice {
            instance_type: self.instance_type,
            availability_zone: self.availability_zone,
            price: HourlyPrice::parse(&self.spot_price)?,
            since: self.timestamp.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ec2::ErrorClass;
    use crate::{Region, Service};

    fn page(token: &str, price: &str) -> Response<Vec<u8>> {
        let body = format!(
            "<DescribeSpotPriceHistoryResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>r</requestId>\
             <spotPriceHistorySet><item><instanceType>c6i.large</instanceType>\
             <productDescription>Linux/UNIX</productDescription><spotPrice>{price}</spotPrice>\
             <timestamp>2026-07-01T11:31:07.000Z</timestamp><availabilityZone>us-east-1a</availabilityZone></item>\
             </spotPriceHistorySet><nextToken>{token}</nextToken></DescribeSpotPriceHistoryResponse>"
        );
        Response::new(body.into())
    }

    #[test]
    fn the_request_is_these_bytes() {
        let moment = "2026-07-01T12:00:00.5Z".parse().unwrap();
        let ask = DescribeSpotPriceHistory::at(moment, ["c6i.large", "m7i.large"]);
        let request = ask.request(&Endpoint::regional(Service::Ec2, Region::parse("us-east-1").unwrap()));
        assert_eq!(
            String::from_utf8_lossy(request.body()),
            "Action=DescribeSpotPriceHistory&Version=2016-11-15&StartTime=2026-07-01T12%3A00%3A00Z\
             &EndTime=2026-07-01T12%3A00%3A00Z&InstanceType.1=c6i.large&InstanceType.2=m7i.large\
             &ProductDescription.1=Linux%2FUNIX&MaxResults=1000"
        );
    }

    #[test]
    fn every_page_is_asked_for_and_an_endless_listing_is_an_error() {
        let first = DescribeSpotPriceHistory::at(Timestamp::UNIX_EPOCH, ["c6i.large"]);
        let read = DescribeSpotPriceHistory::parse(&page("t", "0.0313000")).unwrap();
        assert_eq!(read.prices[0].price.as_micro_dollars(), 31_300);
        assert_eq!(read.prices[0].availability_zone, "us-east-1a");
        let second = first.next(&read).unwrap().unwrap();
        assert!(
            String::from_utf8_lossy(
                second.request(&Endpoint::regional(Service::Ec2, Region::parse("us-east-1").unwrap())).body()
            )
            .ends_with("&NextToken=t")
        );
        assert_eq!(second.next(&read).unwrap_err().class(), ErrorClass::UnknownOutcome);
        let last = DescribeSpotPriceHistory::parse(&page("", "1")).unwrap();
        assert_eq!(second.next(&last).unwrap(), None);
    }

    #[test]
    fn a_price_that_is_none_makes_the_reply_unreadable() {
        for price in ["", "free", "-0.1", "0.1e3", "1.", ".5", "99999999999999999999"] {
            let error = DescribeSpotPriceHistory::parse(&page("", price)).unwrap_err();
            assert_eq!(error.class(), ErrorClass::UnknownOutcome, "{price}");
        }
    }

    proptest! {
        #[test]
        fn a_price_comes_back_as_it_was_written(micros in 0_u64..100_000_000_000) {
            let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
            prop_assert_eq!(HourlyPrice::parse(&text).map(HourlyPrice::as_micro_dollars), Some(micros));
        }

        #[test]
        fn no_reply_panics(status in 100_u16..600, body in ".{0,120}") {
            let response = Response::builder().status(status).body(body.into_bytes()).unwrap();
            prop_assert!(DescribeSpotPriceHistory::parse(&response).is_err());
        }
    }
}
