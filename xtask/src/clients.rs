//! `cargo xtask clients`: published clients against running servers.
//!
//! For CI. Invariant: the clients are installed from their registry, unchanged, and talk to the
//! binary over a real socket.

use std::io::{self, BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::place::Place;
use crate::product::{Product, SOURCE};
use crate::python::{CLIENTS, Python};
use crate::{shell, wallets};

/// Starts a server on a free port and lets the clients drive it.
pub fn run(place: &Place) -> Result<()> {
    let product = Product::build(place)?;
    let model = product.pull(SOURCE, "fast")?;
    let python = Python::with(place, CLIENTS)?;
    let mut serve = product.command();
    serve.args(["serve", "--listen", "127.0.0.1:0", "--log", "warn", "--model", &model.id]);
    let server = Server::start(&mut serve)?;
    let mut drive = python.script(place, "clients.py");
    drive.envs(product.environment()).env("TERROIR_MODEL", &model.id);
    drive.env("TERROIR_BIN", product.binary());
    shell::run(drive.arg(&server.url))?;
    server.stop()?;
    wallets::run(place, None, None)
}

/// A running server.
struct Server {
    child: Child,
    url: String,
    /// Kept open: a server whose stdout is closed might end because of that.
    stdout: BufReader<ChildStdout>,
}

impl Server {
    /// Starts it and waits for the line on stdout that says where it listens.
    fn start(command: &mut Command) -> Result<Server> {
        eprintln!("$ {}", shell::line(command));
        let mut child =
            command.stdout(Stdio::piped()).spawn().context("cannot start the server")?;
        let stdout = child.stdout.take().context("stdout is piped")?;
        let (mut stdout, mut line) = (BufReader::new(stdout), String::new());
        while stdout.read_line(&mut line).context("stdout is text")? != 0 {
            if let Some(url) = address(&line) {
                return Ok(Server { child, url, stdout });
            }
            line.clear();
        }
        bail!("the server ended without saying where it listens: {}", child.wait()?)
    }

    /// Asks it to drain and waits; a server that is asked must end cleanly.
    fn stop(mut self) -> Result<()> {
        shell::run(Command::new("kill").args(["-TERM", &self.child.id().to_string()]))?;
        io::copy(&mut self.stdout, &mut io::sink())?;
        let status = self.child.wait()?;
        if !status.success() {
            bail!("the server ended with {status} after SIGTERM");
        }
        Ok(())
    }
}

impl Drop for Server {
    /// A failed run leaves no server behind; after a clean stop there is nothing left to end.
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The first address in a line such as `listening on http://127.0.0.1:4321`.
fn address(line: &str) -> Option<String> {
    let url = &line[line.find("http://")?..];
    let end = url.find(|c: char| c.is_whitespace() || c == '"').unwrap_or(url.len());
    Some(url[..end].trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_read_from_a_sentence_or_from_json() {
        let url = Some("http://127.0.0.1:4321".to_owned());
        assert_eq!(address("listening on http://127.0.0.1:4321/ (1 model)"), url);
        assert_eq!(address("{\"listening\":\"http://127.0.0.1:4321\"}"), url);
        assert_eq!(address("loading"), None);
    }
}
