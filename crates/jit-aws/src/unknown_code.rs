//! Codes that are in no table of this release, whatever follows from the status they came with.
//! Not here: what follows, which each service's error says.

use http::Response;

use crate::reply::ErrorDetail;
use crate::{Service, common_error, dynamodb, ec2, json, lookup, sqs, sts};

/// Reads an answer whose code this release does not know; none if it is a success, knows the code, or names none, as a proxy does.
/// A person has to look at it: with a status of 500 or more it counts as an unknown outcome and is tried again, for it may have had
/// its effect, and otherwise as one that is refused.
///
/// ```
/// use jit_aws::Service;
/// let body = b"<Response><Errors><Error><Code>SomethingNew</Code></Error></Errors></Response>";
/// let answer = http::Response::builder().status(500).body(body.to_vec())?;
/// let detail = jit_aws::unknown_code(Service::Ec2, &answer).map(|detail| detail.code);
/// assert_eq!(detail.as_deref(), Some("SomethingNew"));
/// # Ok::<(), http::Error>(())
/// ```
#[must_use]
pub fn unknown_code(service: Service, response: &Response<Vec<u8>>) -> Option<ErrorDetail> {
    if response.status().is_success() {
        return None;
    }
    let fault = json::read_fault(response);
    let code = fault.detail.code.as_str();
    let is_known = code == ErrorDetail::code_of_status(fault.detail.status)
        || common_error::knows(code)
        || fault.is_clock_skew()
        || match service {
            Service::Ec2 => ec2::knows(code),
            Service::Sqs => sqs::knows(code),
            Service::DynamoDb => dynamodb::knows(code),
            Service::Sts => sts::knows(code),
            Service::SecretsManager | Service::Ssm => lookup::knows(code),
        };
    (!is_known).then_some(fault.detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Response<Vec<u8>> {
        Response::builder().status(status).body(body.as_bytes().to_vec()).unwrap()
    }

    const JSON: [Service; 4] = [Service::Sqs, Service::DynamoDb, Service::SecretsManager, Service::Ssm];

    fn of(service: Service, status: u16, code: &str) -> Option<String> {
        let body = if JSON.contains(&service) {
            format!("{{\"__type\":\"com.amazonaws#{code}\",\"message\":\"m\"}}")
        } else {
            format!("<ErrorResponse><Error><Code>{code}</Code></Error></ErrorResponse>")
        };
        unknown_code(service, &answer(status, &body)).map(|detail| detail.code)
    }

    #[test]
    fn a_code_in_no_table_is_told_whatever_its_status() {
        for service in JSON.into_iter().chain([Service::Ec2, Service::Sts]) {
            for status in [400, 403, 408, 500, 503] {
                assert_eq!(
                    of(service, status, "SomethingNew").as_deref(),
                    Some("SomethingNew"),
                    "{service:?}"
                );
            }
            for (status, code) in [
                (503, "ServiceUnavailable"),
                (500, "InternalFailure"),
                (400, "Throttling"),
                (400, "AccessDeniedException"),
                (403, "ExpiredToken"),
                (400, "InvalidParameterValue"),
                (400, "RequestExpired"),
            ] {
                assert_eq!(of(service, status, code), None, "{service:?} {code}");
            }
            for (status, body) in [(502, "<html>Bad Gateway</html>"), (500, ""), (200, "SomethingNew")] {
                assert_eq!(unknown_code(service, &answer(status, body)), None, "{service:?} {body}");
            }
        }
    }

    #[test]
    fn each_service_knows_its_own_codes() {
        for (service, status, code) in [
            (Service::Ec2, 500, "InsufficientInstanceCapacity"),
            (Service::Ec2, 500, "Unavailable"),
            (Service::Sqs, 400, "QueueDoesNotExist"),
            (Service::DynamoDb, 400, "ConditionalCheckFailedException"),
            (Service::DynamoDb, 400, "TransactionCanceledException"),
            (Service::DynamoDb, 400, "ProvisionedThroughputExceededException"),
            (Service::Sts, 400, "IDPCommunicationError"),
            (Service::SecretsManager, 400, "ResourceNotFoundException"),
            (Service::Ssm, 400, "ParameterNotFound"),
        ] {
            assert_eq!(of(service, status, code), None, "{service:?} {code}");
        }
    }
}
