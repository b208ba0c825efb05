//! Small records that invocations share and that no decision of the domain is about. They are their own forms.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jit_domain::class::Scope;
use jit_domain::ids::{Digest, InstallationId};
use jit_domain::limits;
use jit_domain::time::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Stored;
use super::form::{self, formed};
use crate::ledger::{Key, Kind};

formed! {
    Lease: Lease,
    Schedule: Schedule,
    ConfigVerdict: ConfigVerdict,
    SealedToken: SealedToken,
    BudgetPause: BudgetPause,
    GhostScopes: GhostScopes,
}

/// Who drains. It spares work; safety never rests on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// A random name of the invocation that holds it.
    pub holder: String,
    /// When it ends by itself.
    #[serde(with = "form")]
    pub until: Timestamp,
    /// Whether another invocation asks the holder for one more look.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_asked: bool,
}

impl Stored for Lease {
    const KIND: Kind = Kind::Lease;

    /// The function's name.
    type Name<'a> = &'a str;

    fn key(name: &str) -> Key {
        Key::new(Self::KIND, name)
    }
}

/// When a schedule ran last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// When it last began.
    #[serde(with = "form")]
    pub ran_at: Timestamp,
    /// When it last came to its end; none before the first time.
    #[serde(default, with = "form::option", skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

impl Stored for Schedule {
    const KIND: Kind = Kind::Schedule;

    /// The function's name.
    type Name<'a> = &'a str;

    fn key(name: &str) -> Key {
        Key::new(Self::KIND, name)
    }
}

/// Where a paged pass goes on: what the pass itself wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(pub String);

impl Stored for Cursor {
    const KIND: Kind = Kind::Cursor;

    /// The pass's name.
    type Name<'a> = &'a str;

    fn key(name: &str) -> Key {
        Key::new(Self::KIND, name)
    }
}

#[derive(Serialize, Deserialize)]
struct CursorForm {
    at: String,
}

impl form::Formed for Cursor {
    fn write_form<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        CursorForm { at: self.0.clone() }.serialize(serializer)
    }

    fn read_form<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        CursorForm::deserialize(deserializer).map(|form| Self(form.at))
    }
}

/// What a component found when it first met a configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigVerdict {
    /// Which configuration.
    #[serde(with = "form")]
    pub digest: Digest,
    /// Everything wrong with it, a sentence each; empty when it is valid.
    pub faults: Vec<String>,
    /// When it was checked.
    #[serde(with = "form")]
    pub at: Timestamp,
}

impl Stored for ConfigVerdict {
    const KIND: Kind = Kind::Config;

    /// The component's name.
    type Name<'a> = &'a str;

    fn key(name: &str) -> Key {
        Key::new(Self::KIND, name)
    }
}

/// An installation token, encrypted by the component that asked for it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedToken {
    /// The ciphertext with what it takes to open it; base64 when stored.
    #[serde(serialize_with = "write_base64", deserialize_with = "read_base64")]
    pub sealed: Vec<u8>,
    /// When GitHub stops taking the token.
    #[serde(with = "form")]
    pub expires_at: Timestamp,
}

impl fmt::Debug for SealedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedToken").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

impl Stored for SealedToken {
    const KIND: Kind = Kind::Token;

    /// The component's name, and the installation.
    type Name<'a> = (&'a str, InstallationId);

    fn key((component, installation): (&str, InstallationId)) -> Key {
        Key::new(Self::KIND, format_args!("{component}/{installation}"))
    }

    fn expires_at(&self) -> Option<Timestamp> {
        Some(self.expires_at)
    }
}

/// Until when an App sends nothing to GitHub, because GitHub said so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetPause {
    /// Its end.
    #[serde(with = "form")]
    pub until: Timestamp,
}

impl BudgetPause {
    /// The pause once it lasts until then at least; none when it does already.
    pub fn lengthened(known: Option<&Self>, until: Timestamp) -> Option<Self> {
        known.is_none_or(|k| k.until < until).then_some(Self { until })
    }
}

impl Stored for BudgetPause {
    const KIND: Kind = Kind::Budget;

    /// The App's id, or whose claims are counted.
    type Name<'a> = &'a str;

    fn key(name: &str) -> Key {
        Key::new(Self::KIND, format_args!("{name}/pause"))
    }

    fn expires_at(&self) -> Option<Timestamp> {
        Some(self.until)
    }
}

/// Where scaledown looks for ghosts besides the scopes of open records: those in which an ended instance may have left its
/// registration behind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GhostScopes {
    /// The scopes, the one noted last at the end.
    pub scopes: Vec<GhostScope>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GhostScope {
    /// The installation that sees it.
    #[serde(with = "form")]
    pub installation: InstallationId,
    /// The scope.
    #[serde(with = "form")]
    pub scope: Scope,
    /// When it was noted.
    #[serde(with = "form")]
    pub at: Timestamp,
}

impl GhostScopes {
    /// The same with a scope noted now, and without those noted too long ago; none if it was noted a moment ago.
    pub fn noted(&self, installation: InstallationId, scope: &Scope, now: Timestamp) -> Option<Self> {
        let is_it = |known: &GhostScope| known.installation == installation && known.scope == *scope;
        if self.scopes.iter().any(|k| is_it(k) && now.since(k.at) < limits::GHOSTS_NOTED_AGAIN) {
            return None;
        }
        let kept = self.sought(now).filter(|known| !is_it(known)).cloned();
        let mut scopes: Vec<GhostScope> = kept.collect();
        scopes.push(GhostScope { installation, scope: scope.clone(), at: now });
        let surplus = scopes.len().saturating_sub(limits::GHOST_SCOPES_MAX);
        Some(Self { scopes: scopes.split_off(surplus) })
    }

    /// Those that are to be looked at now.
    pub fn sought(&self, now: Timestamp) -> impl Iterator<Item = &GhostScope> {
        self.scopes.iter().filter(move |known| now.since(known.at) < limits::GHOSTS_SOUGHT_FOR)
    }
}

impl Stored for GhostScopes {
    const KIND: Kind = Kind::Cursor;

    /// There is one.
    type Name<'a> = ();

    fn key((): ()) -> Key {
        Key::new(Self::KIND, "scaledown/ghosts")
    }

    fn expires_at(&self) -> Option<Timestamp> {
        self.scopes.last().map(|last| last.at + limits::GHOSTS_SOUGHT_FOR)
    }
}

fn write_base64<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(bytes))
}

fn read_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    STANDARD.decode(String::deserialize(deserializer)?).map_err(D::Error::custom)
}
