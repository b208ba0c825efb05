//! `fermyon:spin/variables`: the component's own variables, nobody else's.
//!
//! Not in here: filling them in (`load`).

use secrecy::ExposeSecret;
use wasmtime::Result;

use super::state::State;
use crate::bindings::imports::fermyon::spin::variables::{Error, Host};
use crate::manifest::is_variable_name;

impl Host for State {
    async fn get(&mut self, name: String) -> Result<Result<String, Error>> {
        Ok(match self.guest.variables.get(&name) {
            Some(value) => Ok(value.expose_secret().to_owned()),
            None if is_variable_name(&name) => Err(Error::Undefined(name)),
            None => Err(Error::InvalidName(name)),
        })
    }
}
