//! Secrets: those that the world began with, and those that services hand out, must not be found where others can read.
//! Not here: user data's boot token and the registrar's replies of JIT configs, which are theirs to show.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use http::Method;
use jit_control::effects::{Request, Response};

/// What must not be found.
#[derive(Debug)]
pub struct Secrets {
    fixed: Vec<String>,
    tokens: Vec<String>,
    configs: Vec<String>,
}

/// So many of the newest are looked for; older ones would have been found when they were new.
const REMEMBERED: usize = 4;

impl Secrets {
    /// Looks for these, and for whatever services hand out later.
    pub fn new(fixed: Vec<String>) -> Self {
        Self { fixed, tokens: Vec::new(), configs: Vec::new() }
    }

    /// Remembers what a reply hands out.
    pub(super) fn learn(&mut self, request: &Request, response: &Response) {
        let path = request.uri().path();
        if request.method() != Method::POST {
            return;
        }
        let (field, kept) = if path.ends_with("/access_tokens") {
            ("token", &mut self.tokens)
        } else if path.ends_with("/generate-jitconfig") {
            ("encoded_jit_config", &mut self.configs)
        } else {
            return;
        };
        let Ok(reply) = serde_json::from_slice::<serde_json::Value>(response.body()) else { return };
        if let Some(secret) = reply[field].as_str().filter(|secret| !secret.is_empty()) {
            // Bytes in a record are in base64; only what they begin with is the same wherever they end.
            let encoded = STANDARD_NO_PAD.encode(secret);
            kept.extend([secret.to_owned(), encoded[..encoded.len() - 1].to_owned()]);
            if kept.len() > 2 * REMEMBERED {
                kept.drain(..2);
            }
        }
    }

    /// The kind of the first secret found in a text.
    pub(super) fn found_in(&self, text: &[u8]) -> Option<&'static str> {
        let text = String::from_utf8_lossy(text);
        let has = |secrets: &[String]| secrets.iter().any(|secret| text.contains(secret.as_str()));
        if has(&self.fixed) {
            return Some("a secret of the configuration");
        }
        // The form of an installation token tells it, also an old one.
        if text.contains("ghs_") || has(&self.tokens) {
            return Some("an installation token");
        }
        has(&self.configs).then_some("a JIT config")
    }
}
