//! What records say of the world: an instance on record as ended has ended.
//! Not here: phases that go backwards (`mirror`).

use jiff::Timestamp;
use jit_control::ledger::{Kind, Record};
use jit_control::stored::Stored as _;
use jit_domain::instance::Instance;

use super::launches::is_up;
use super::{Checks, Promise};
use crate::world::World;

impl Checks {
    /// Takes in an instance's record before the mirror does; none may be closed while the cloud still runs the instance.
    pub(super) fn check_ended(&mut self, now: Timestamp, world: &World, record: &Record) {
        if record.key.kind != Kind::Instance {
            return;
        }
        let Ok(instance) = Instance::decode(&record.value) else { return };
        let before = self.mirror.instances.get(&instance.key.id).cloned();
        self.note_failure(now, before.as_ref(), &instance);
        let id = &instance.key.id;
        let was_open = before.is_none_or(|before| before.is_open());
        let is_up = world.aws.instance(id).is_some_and(|instance| is_up(instance, now));
        if was_open && !instance.is_open() && is_up {
            let what = format!("the record of {id} says that it has ended, and the cloud runs it");
            self.violated(now, Promise::NothingIsLeft, what);
        }
    }
}
