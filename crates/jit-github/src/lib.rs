#![doc = include_str!("../README.md")]
//!
//! This file only lists the modules, in the order in which to read them.

pub mod limits;

pub mod ids;
pub mod names;
pub mod open_enums;

pub mod webhook;

pub mod api;
pub mod app;

pub mod error;
pub mod link;
pub mod page;
pub mod points;
pub mod rate_limit;
pub mod reply;

pub mod contents;
pub mod deliveries;
pub mod groups;
pub mod installations;
pub mod jobs;
pub mod runners;
pub mod runs;
pub mod tokens;

pub mod workflow_file;

mod wire;

pub use api::{Api, ApiError, Authorization};
pub use app::{AppId, AppKey, KeyError};
pub use error::{Error, Refusal};
pub use ids::{AppNumber, DeliveryId, InstallationId, JobId, RepositoryId, RunId, RunnerGroupId, RunnerId};
pub use names::{FilePath, GitRef, Labels, NameError, Owner, Repository, RunnerName, Scope};
pub use open_enums::{Conclusion, Status};
pub use page::{Cursor, Page, PageNumber};
pub use points::points;
pub use rate_limit::{RateLimit, Wait};
pub use reply::{Answer, ETag, conditional, if_none_match};
