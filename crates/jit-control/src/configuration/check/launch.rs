//! The rules between a pool's offerings and its images: every place to launch has exactly one image, and no rule is idle.

use std::collections::BTreeMap;

use jit_domain::ids::{Cloud, MachineType, Region};

use crate::configuration::draft::{ImageDraft, OfferingDraft, PoolDraft};
use crate::configuration::fault::{Faults, Located, Place};

/// Most places to launch that one batch may list. Each batch keeps its list in its class's record, which holds the batches
/// of 24 h within 1 MB.
const PLACES_MAX: usize = 256;

/// Records every rule that the pool breaks.
pub(super) fn check(pool: &PoolDraft, faults: &Faults) {
    let Some(offerings) = whole_offerings(pool) else { return };
    default_is_listed(pool, &offerings, faults);
    places_are_bounded(pool, &offerings, faults);
    let Some(images) = whole_images(pool) else { return };
    places_have_images(&offerings, &images, faults);
    images_are_used(&offerings, &images, faults);
    images_are_unique(&images, faults);
}

/// An offering of which everything could be read.
struct Whole<'a> {
    at: (Cloud, &'a Region),
    subnets: usize,
    capacity_types: usize,
    machine_types: &'a Located<Vec<Located<MachineType>>>,
}

/// An image rule of which everything could be read.
struct Rule<'a> {
    at: (Cloud, &'a Region),
    place: &'a Place,
    machine_types: &'a Located<Vec<Located<MachineType>>>,
}

impl<'a> Whole<'a> {
    fn of(offering: &'a OfferingDraft) -> Option<Self> {
        let OfferingDraft { cloud, region, subnets, machine_types, capacity_types } = offering;
        Some(Self {
            at: (cloud.as_ref().ok()?.value, &region.as_ref().ok()?.value),
            subnets: subnets.as_ref().ok()?.value.len(),
            capacity_types: capacity_types.as_ref().ok()?.value.len(),
            machine_types: machine_types.as_ref().ok()?,
        })
    }
}

impl<'a> Rule<'a> {
    fn of(image: &'a ImageDraft) -> Option<Self> {
        let ImageDraft { place, cloud, region, id: _, kind: _, machine_types } = image;
        let at = (cloud.as_ref().ok()?.value, &region.as_ref().ok()?.value);
        Some(Self { at, place, machine_types: machine_types.as_ref().ok()? })
    }

    fn names(&self, machine_type: &MachineType) -> bool {
        self.machine_types.value.iter().any(|t| &t.value == machine_type)
    }

    fn is_for_all(&self) -> bool {
        self.machine_types.value.is_empty()
    }
}

/// All offerings; none when a part of one could not be read.
fn whole_offerings(pool: &PoolDraft) -> Option<Vec<Whole<'_>>> {
    pool.offerings.as_ref().ok()?.iter().map(Whole::of).collect()
}

/// All image rules; none when a part of one could not be read.
fn whole_images(pool: &PoolDraft) -> Option<Vec<Rule<'_>>> {
    pool.images.as_ref().ok()?.iter().map(Rule::of).collect()
}

fn default_is_listed(pool: &PoolDraft, offerings: &[Whole<'_>], faults: &Faults) {
    let Ok(Some(default)) = &pool.default_machine_type else { return };
    if !listed(offerings).any(|t| t == &default.value) {
        let what = format!("no offering of the pool lists `{}`", default.value);
        faults.value(
            &default.place,
            what,
            "add it to `machine_types` of an offering, or choose one that is listed",
        );
    }
}

/// Jobs of one class go to one machine type, or to all when the pool has no default.
fn places_are_bounded(pool: &PoolDraft, offerings: &[Whole<'_>], faults: &Faults) {
    let mut places: BTreeMap<&MachineType, usize> = BTreeMap::new();
    for offering in offerings {
        for machine_type in &offering.machine_types.value {
            *places.entry(&machine_type.value).or_default() += offering.subnets * offering.capacity_types;
        }
    }
    let most = match &pool.default_machine_type {
        Ok(None) => places.values().sum(),
        Ok(Some(_)) | Err(_) => places.values().copied().max().unwrap_or_default(),
    };
    if most > PLACES_MAX {
        let what = format!("the offerings make {most} places to launch for one job, more than {PLACES_MAX}");
        let remedy = "list fewer subnets and machine types, or set `default_machine_type`";
        faults.value(&pool.place.key("offering"), what, remedy);
    }
}

fn places_have_images(offerings: &[Whole<'_>], images: &[Rule<'_>], faults: &Faults) {
    for offering in offerings {
        let here = || images.iter().filter(|i| i.at == offering.at);
        let has_image = |t: &MachineType| here().any(|i| i.is_for_all() || i.names(t));
        let without = offering.machine_types.value.iter().map(|t| &t.value).filter(|t| !has_image(t));
        let without: Vec<&str> = without.map(MachineType::as_str).collect();
        if !without.is_empty() {
            let what = format!("no image in {} for {}", offering.at.1, without.join(", "));
            faults.value(
                &offering.machine_types.place,
                what,
                "add a `[[pool.image]]` of that region for them",
            );
        }
    }
}

fn images_are_used(offerings: &[Whole<'_>], images: &[Rule<'_>], faults: &Faults) {
    for image in images {
        let here = || offerings.iter().filter(|o| o.at == image.at);
        if here().next().is_none() {
            let what = format!("no offering of the pool is in {}", image.at.1);
            faults.value(image.place, what, "remove the image, or correct its region");
            continue;
        }
        for machine_type in &image.machine_types.value {
            if !here().flat_map(|o| &o.machine_types.value).any(|t| t.value == machine_type.value) {
                let what = format!("no offering of the pool has `{}` in {}", machine_type.value, image.at.1);
                faults.value(&machine_type.place, what, "remove it, or add it to an offering");
            }
        }
    }
}

fn images_are_unique(images: &[Rule<'_>], faults: &Faults) {
    for (i, image) in images.iter().enumerate() {
        let before = || images[..i].iter().filter(|b| b.at == image.at);
        if image.is_for_all()
            && let Some(other) = before().find(|b| b.is_for_all())
        {
            let what = format!(
                "`{}` is the image of {} for all machine types already",
                other.place.path, image.at.1
            );
            faults.value(image.place, what, "remove one, or name its machine types");
        }
        for machine_type in &image.machine_types.value {
            if let Some(other) = before().find(|b| b.names(&machine_type.value)) {
                let what = format!("`{}` has `{}` already", other.place.path, machine_type.value);
                faults.value(&machine_type.place, what, "remove one of the two");
            }
        }
    }
}

fn listed<'a>(offerings: &'a [Whole<'_>]) -> impl Iterator<Item = &'a MachineType> {
    offerings.iter().flat_map(|o| &o.machine_types.value).map(|t| &t.value)
}
