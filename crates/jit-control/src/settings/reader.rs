//! Reads variables through the reader that a component or `jitr` gives, and collects every fault.
//! No fault repeats a value, as it may be a secret, or a secret that stands in the wrong variable.

use std::cell::RefCell;

use jit_aws::secrets_manager::SecretArn;
use secrecy::SecretString;

use crate::aws::{SecretSource, StoredSecret};
use crate::configuration::Fault;

use super::Component;
use super::aws::AwsAccess;
use super::values::{Address, ClaimKey, ClaimKeys, Rotating};
use super::variables::{CLAIM_KEY, CLAIM_KEY_PREVIOUS, CredentialVariables, Need, Shape, Variable};

/// Says that a variable could not be read and that the reason is among the faults.
pub(super) struct Recorded;

/// A value, or the mark that it could not be read.
pub(super) type Read<T> = Result<T, Recorded>;

/// Reads the variables of one component.
pub(super) struct Reader<'a> {
    component: Component,
    get: &'a dyn Fn(&str) -> Option<String>,
    faults: RefCell<Vec<Fault>>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(component: Component, get: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { component, get, faults: RefCell::default() }
    }

    /// What was made of the values, or all faults.
    pub(super) fn finish<T>(self, make: impl FnOnce() -> Read<T>) -> Result<T, Vec<Fault>> {
        let faults = self.faults.into_inner();
        match make() {
            Ok(made) if faults.is_empty() => Ok(made),
            Ok(_) | Err(Recorded) => Err(faults),
        }
    }

    /// A text that is no secret.
    pub(super) fn text(&self, variable: &Variable) -> Read<String> {
        match self.optional_text(variable)? {
            Some(text) => Ok(text),
            None => Err(self.record(missing(variable))),
        }
    }

    /// A text as another type, to which the shape alone does not say all.
    pub(super) fn parsed<T>(&self, variable: &Variable, parse: impl Fn(&str) -> Option<T>) -> Read<T> {
        let text = self.text(variable)?;
        parse(&text).ok_or_else(|| self.record(fault(variable, variable.shape.range())))
    }

    /// A secret.
    pub(super) fn secret(&self, variable: &Variable) -> Read<SecretString> {
        self.text(variable).map(SecretString::from)
    }

    /// A secret that may be left out.
    pub(super) fn optional_secret(&self, variable: &Variable) -> Read<Option<SecretString>> {
        Ok(self.optional_text(variable)?.map(SecretString::from))
    }

    /// A secret and its predecessor.
    pub(super) fn rotating(&self, current: &Variable, previous: &Variable) -> Read<Rotating> {
        let current = self.secret(current);
        let previous = self.optional_secret(previous);
        Ok(Rotating::new(current?, previous?))
    }

    /// The claim keys.
    pub(super) fn claim_keys(&self) -> Read<ClaimKeys> {
        let current = self.secret(&CLAIM_KEY);
        let previous = self.optional_secret(&CLAIM_KEY_PREVIOUS);
        Ok(ClaimKeys { current: ClaimKey::new(current?), previous: previous?.map(ClaimKey::new) })
    }

    /// An address.
    pub(super) fn address(&self, variable: &Variable) -> Read<Address> {
        match self.optional_address(variable)? {
            Some(address) => Ok(address),
            None => Err(self.record(missing(variable))),
        }
    }

    /// An address that may be left out.
    pub(super) fn optional_address(&self, variable: &Variable) -> Read<Option<Address>> {
        let Some(text) = self.optional_text(variable)? else { return Ok(None) };
        let address = match variable.shape {
            Shape::AnyAddress => Address::parse(&text),
            Shape::ProtectedAddress => Address::parse_protected(&text),
            Shape::AppId
            | Shape::PrivateKey
            | Shape::Secret
            | Shape::Key
            | Shape::Token
            | Shape::AwsText
            | Shape::RoleArn
            | Shape::SecretArn
            | Shape::WebToken
            | Shape::Path
            | Shape::ContainerAddress => None,
        };
        match address {
            Some(address) => Ok(Some(address)),
            None => Err(self.record(fault(variable, variable.shape.range()))),
        }
    }

    /// The value of a variable or its default, if its shape is right.
    pub(super) fn optional_text(&self, variable: &Variable) -> Read<Option<String>> {
        debug_assert!(variable.components.contains(&self.component), "{} is not bound to it", variable.name);
        let default = match variable.need {
            Need::Default(value) => Some(value.to_owned()),
            Need::Required | Need::Optional(_) => None,
        };
        let Some(text) = (self.get)(variable.name).filter(|text| !text.is_empty()).or(default) else {
            return Ok(None);
        };
        if variable.shape.fits(&text) {
            Ok(Some(text))
        } else {
            Err(self.record(fault(variable, variable.shape.range())))
        }
    }

    /// A secret that stands in a variable, or in Secrets Manager, where it is read with these rights; exactly one of the two.
    pub(super) fn secret_source(
        &self,
        (value, arn): (&Variable, &Variable),
        aws: &Read<Option<AwsAccess>>,
        rights: &CredentialVariables,
    ) -> Read<SecretSource> {
        let given = self.optional_secret(value);
        let stored = self.optional_text(arn);
        match (given?, stored?) {
            (Some(secret), None) => Ok(SecretSource::Value(secret)),
            (Some(_), Some(_)) => Err(self.both(value, arn)),
            (None, None) => Err(self.record(missing(value))),
            (None, Some(text)) => {
                let secret = SecretArn::parse(&text).ok_or_else(|| self.out_of_range(arn))?;
                match aws {
                    Ok(Some(aws)) => {
                        Ok(SecretSource::Stored(Box::new(StoredSecret::new(secret, aws.clone()))))
                    }
                    Ok(None) => Err(self.needs(arn, &[&rights.access_key_id])),
                    Err(Recorded) => Err(Recorded),
                }
            }
        }
    }

    /// A value has the right shape and yet cannot be used.
    pub(super) fn out_of_range(&self, variable: &Variable) -> Recorded {
        self.record(fault(variable, variable.shape.range()))
    }

    /// Two variables are set of which only one may be.
    pub(super) fn both(&self, one: &Variable, other: &Variable) -> Recorded {
        self.record(Fault {
            line: None,
            path: other.name.to_owned(),
            what: format!("it is set and so is {}, of which only one may be", one.name),
            remedy: format!("remove {} or {}", other.in_environment(), one.in_environment()),
        })
    }

    /// A variable is of no use without another, or without one of several others.
    pub(super) fn needs(&self, variable: &Variable, others: &[&Variable]) -> Recorded {
        let names: Vec<&str> = others.iter().map(|other| other.name).collect();
        let environment: Vec<String> = others.iter().map(|other| other.in_environment()).collect();
        self.record(Fault {
            line: None,
            path: variable.name.to_owned(),
            what: format!("it is set, but {} is not", names.join(" or ")),
            remedy: format!("set {}, or remove {}", environment.join(" or "), variable.in_environment()),
        })
    }

    /// A component that must act in AWS was given no rights.
    pub(super) fn no_source(&self, variables: &CredentialVariables) -> Recorded {
        self.record(Fault {
            line: None,
            path: variables.access_key_id.name.to_owned(),
            what: "it is not set, and neither is any other source of rights in AWS".to_owned(),
            remedy: format!(
                "set {} and {}, or a role with a web identity token, or a container credential endpoint",
                variables.access_key_id.in_environment(),
                variables.secret_access_key.in_environment()
            ),
        })
    }

    fn record(&self, fault: Fault) -> Recorded {
        let mut faults = self.faults.borrow_mut();
        // A variable that two readers look at is wrong once.
        if !faults.contains(&fault) {
            faults.push(fault);
        }
        Recorded
    }
}

/// The value of a variable is wrong.
pub(super) fn fault(variable: &Variable, why: &str) -> Fault {
    let what = match variable.shape {
        Shape::PrivateKey => format!("its value is no private key: {why}"),
        _ => format!("its value does not follow the rule: {why}"),
    };
    Fault {
        line: None,
        path: variable.name.to_owned(),
        what,
        remedy: format!("correct {}", variable.in_environment()),
    }
}

fn missing(variable: &Variable) -> Fault {
    let what = format!("it is not set; it must be {}", variable.shape.range());
    Fault {
        line: None,
        path: variable.name.to_owned(),
        what,
        remedy: format!("set {}", variable.in_environment()),
    }
}
