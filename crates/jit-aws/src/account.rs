//! An AWS account's id, as it stands in configurations, addresses and ARNs.
//! Not here: whose account it is.

/// Tells whether a text is an account's id: 12 digits.
///
/// <https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-identifiers.html>
///
/// ```
/// assert!(jit_aws::is_account_id("123456789012"));
/// assert!(!jit_aws::is_account_id("12345678901x"));
/// ```
#[must_use]
pub fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}
