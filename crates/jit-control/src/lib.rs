#![doc = include_str!("../README.md")]

pub mod effects;
pub mod limits;
pub mod time;
pub mod ledger;
pub mod queue;
pub mod message;
pub mod stored;
pub mod configuration;
pub mod settings;

pub mod shell;
pub mod lease;
pub mod world;
pub mod observe;
pub mod token;
pub mod user_data;
pub mod aws;
pub mod images;
pub mod cloud;
pub mod github;

pub mod start;
pub mod reply;

pub mod admission;

pub mod webhook;
pub mod scaleup;
pub mod registrar;
pub mod lifecycle;
pub mod rebalancer;
pub mod scaledown;

pub mod entry;
