//! What bounds the account and how long things take: every number that a world may want to change.
//! Not in it: capacity, which belongs to an offering.

use jiff::SignedDuration;

use super::access::{SkewCode, SkewLimits};
use super::capacity::Quotas;
use super::delay::Delay;
use super::throttle::BucketSize;

/// Limits of the account, per region.
///
/// Bucket sizes: <https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Requests of RunInstances.
    pub run_requests: BucketSize,
    /// Instances launched by RunInstances.
    pub run_resources: BucketSize,
    /// Requests of TerminateInstances.
    pub terminate_requests: BucketSize,
    /// Instances ended by TerminateInstances.
    pub terminate_resources: BucketSize,
    /// Requests of DescribeInstances with filters or in pages.
    pub describe_requests: BucketSize,
    /// Requests of DescribeInstances with neither, also those that name ids.
    pub describe_all_requests: BucketSize,
    /// vCPU quotas.
    pub quotas: Quotas,
    /// The most instances on one page. EC2 may return fewer than MaxResults at any time; a low number shows who relies on it.
    pub describe_page_max: u32,
    /// How far a request to EC2 may be from now. "In most cases, a request must reach AWS within five minutes":
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html>; the future limit is that of `RequestExpired`.
    pub ec2_skew: SkewLimits,
    /// What EC2 calls a date beyond that.
    pub ec2_skew_code: SkewCode,
    /// How far a request to any other service may be from now; their messages speak of 15 min.
    pub other_skew: SkewLimits,
}

impl Default for Limits {
    fn default() -> Self {
        let minutes = |past, future| SkewLimits {
            past: SignedDuration::from_mins(past),
            future: SignedDuration::from_mins(future),
        };
        Self {
            run_requests: BucketSize { size: 5, per_second: 2 },
            run_resources: BucketSize { size: 1000, per_second: 2 },
            terminate_requests: BucketSize { size: 100, per_second: 5 },
            terminate_resources: BucketSize { size: 1000, per_second: 20 },
            describe_requests: BucketSize { size: 100, per_second: 20 },
            describe_all_requests: BucketSize { size: 50, per_second: 10 },
            quotas: Quotas { on_demand_vcpus: 100_000, spot_vcpus: 100_000 },
            describe_page_max: 1000,
            ec2_skew: minutes(5, 15),
            ec2_skew_code: SkewCode::default(),
            other_skew: minutes(15, 15),
        }
    }
}

impl Limits {
    /// The size of the bucket with that name; the names are EC2's actions and our suffixes.
    pub(crate) fn bucket(&self, name: &str) -> BucketSize {
        match name {
            "RunInstances" => self.run_requests,
            "RunInstances.resources" => self.run_resources,
            "TerminateInstances" => self.terminate_requests,
            "TerminateInstances.resources" => self.terminate_resources,
            "DescribeInstances.all" => self.describe_all_requests,
            _ => self.describe_requests,
        }
    }
}

/// How long things take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Times {
    /// From the launch to `running`.
    pub pending: Delay,
    /// From `shutting-down` to `terminated`.
    pub shutting_down: Delay,
    /// How far DescribeInstances and TerminateInstances lag behind: a new instance is not there yet, an old state still shows.
    /// <https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html>
    pub lag: Delay,
    /// From `terminated` until the id is unknown: approximately an hour.
    /// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_TerminateInstances.html>
    pub forgotten_after: SignedDuration,
    /// How long a client token is remembered: at least 24 h, so at worst exactly that.
    /// <https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html>
    pub token_validity: SignedDuration,
    /// How long an instance role's credentials last.
    pub role_credentials: SignedDuration,
    /// The notice before a spot interruption.
    /// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html>
    pub interruption_notice: SignedDuration,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            pending: Delay::secs(5),
            shutting_down: Delay::secs(20),
            lag: Delay::NONE,
            forgotten_after: SignedDuration::from_hours(1),
            token_validity: SignedDuration::from_hours(24),
            role_credentials: SignedDuration::from_hours(6),
            interruption_notice: SignedDuration::from_mins(2),
        }
    }
}
