//! What GitHub sends to us: deliveries, their headers, their signature and their payload.
//!
//! Not here: the size cap, replies, and what to do about an event.

pub mod signature;
pub mod workflow_job;

pub use crate::open_enums::{Action, Event};
pub use workflow_job::{EventRepository, PayloadError, WorkflowJobEvent};

/// The header that names the event; read it with [`Event::from`].
///
/// <https://docs.github.com/en/webhooks/webhook-events-and-payloads#delivery-headers>
pub const EVENT_HEADER: &str = "x-github-event";

/// The header with the delivery's GUID, the same for a redelivery. It is not covered by the signature.
pub const DELIVERY_HEADER: &str = "x-github-delivery";

/// The header with the HMAC-SHA256 of the raw body.
///
/// <https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries>
pub const SIGNATURE_HEADER: &str = "x-hub-signature-256";
