//! `serve`: the HTTP server over one model.
//!
//! Invariant: stdout has one line, the server's address, printed once requests are taken.

use crate::args;
use crate::settings::Settings;
use crate::{Verdict, model, output};
use anyhow::{Context, Result};
use std::io::stderr;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use terroir_base::id::ModelId;
use terroir_node::server::{self, Config, HttpLimits};
use terroir_node::{Engine, Home, Limits, Options};

/// Serves until it is told to end.
pub fn run(settings: &Settings, typed: args::Serve) -> Result<Verdict> {
    tracing_subscriber::fmt().with_writer(stderr).with_max_level(typed.log).init();
    let home = settings.open_home()?;
    let (id, model_name) = choose(&home, typed.model)?;
    let limits = Limits {
        sequences_max: typed.sequences.into(),
        queue_max: typed.queue.into(),
        cached_bytes_max: u64::from(typed.cache) << 20,
        prompt_tokens_max: typed.prompt_tokens.map_or(usize::MAX, |tokens| tokens as usize),
        ..Limits::SERVER
    };
    let body_bytes_max = usize::from(typed.body) << 20;
    // A few of the largest bodies must fit beside each other.
    let bodies_bytes_max = HttpLimits::DEFAULT.bodies_bytes_max.max(4 * body_bytes_max);
    let options = Options { threads: settings.threads(typed.threads), isa: settings.isa, limits };
    let engine = Engine::start(&home, model::load(&home, id)?, options)?;
    let config = Config {
        listen: typed.listen,
        model_name,
        keys: typed.api_keys,
        limits: HttpLimits { body_bytes_max, bodies_bytes_max, ..HttpLimits::DEFAULT },
        drain: Duration::from_secs(typed.drain.into()),
    };
    server::serve(engine, config, |address| {
        // A server that cannot say where it is still serves those who know.
        if let Err(error) = tell(address, typed.port_file.as_deref()) {
            output::talk(format_args!("error: {error:#}"));
        }
    })?;
    Ok(Verdict::Yes)
}

/// The model, and the name under which clients ask for it.
fn choose(home: &Home, typed: Option<String>) -> Result<(ModelId, String)> {
    let Some(typed) = typed else {
        return Ok((model::default_model(home)?, model::DEFAULT_NAME.to_owned()));
    };
    let id = model::find(home, &typed)?;
    let models = home.models()?;
    // Somebody who typed an id still gets a name, where there is one.
    let name = match models.contains_key(&typed) {
        true => Some(typed),
        false => models.into_iter().find(|(_, other)| *other == id).map(|(name, _)| name),
    };
    Ok((id, name.unwrap_or_else(|| id.to_string())))
}

/// Says where the server listens.
fn tell(address: SocketAddr, port_file: Option<&Path>) -> Result<()> {
    if let Some(path) = port_file {
        // Whole or not there at all, for whoever waits for it.
        let unfinished = path.with_extension("unfinished");
        std::fs::write(&unfinished, format!("{}\n", address.port()))
            .and_then(|()| std::fs::rename(&unfinished, path))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    output::data(format_args!("listening on http://{address}"))
}
