//! GitHub and AWS of a world behind two listeners on loopback, answering in real time.
//! Not here: the models, and time for what happens in them by itself.

use anyhow::{Context as _, Result};
use http::{Request, Response};
use jiff::Timestamp;
use jit_fakes::model::Model;
use jit_fakes::server::{Clock, Server};
use tokio::net::TcpListener;

use crate::plane::Shared;

/// Where the two are reached.
#[derive(Debug)]
pub(super) struct Doors {
    /// GitHub's REST API.
    pub(super) github: String,
    /// All services of AWS.
    pub(super) aws: String,
}

/// One side of the world.
#[derive(Clone, Copy, Debug)]
enum Side {
    GitHub,
    Aws,
}

/// A side of a world as a model of its own, for a server.
#[derive(Debug)]
struct Door {
    world: Shared,
    side: Side,
}

impl Model for Door {
    fn handle(&mut self, now: Timestamp, request: Request<Vec<u8>>) -> Response<Vec<u8>> {
        let mut world = self.world.lock();
        match self.side {
            Side::GitHub => world.github.handle(now, request),
            Side::Aws => world.aws.handle(now, request),
        }
    }

    /// Nothing happens by itself here: whoever plays the world lets time go on in it.
    fn next_at(&self) -> Option<Timestamp> {
        None
    }

    fn advance(&mut self, _: Timestamp) {}
}

/// Opens both, or GitHub alone if AWS is at another address, and tells GitHub under which address its replies have to name it.
/// They are served until the runtime ends.
pub(super) async fn open(world: &Shared, aws: Option<&str>) -> Result<Doors> {
    let github = serve(world, Side::GitHub).await?;
    let aws = match aws {
        Some(elsewhere) => elsewhere.to_owned(),
        None => serve(world, Side::Aws).await?,
    };
    world.lock().github.settings_mut().api_url.clone_from(&github);
    Ok(Doors { github, aws })
}

async fn serve(world: &Shared, side: Side) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.context("no free port on loopback")?;
    let address = listener.local_addr()?;
    let server = Server::new(Door { world: world.clone(), side }, Clock::real());
    tokio::spawn(async move { server.serve(listener).await });
    Ok(format!("http://{address}"))
}
