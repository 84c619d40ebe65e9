//! Asking a node over JSON-RPC: for commands that look at a chain or send to it.
//!
//! Invariant: what a node says takes the memory of its text, and then that of the shape which the asker
//! names; nothing is read into a tree of values of which each takes many times its text, unless the
//! asker says so.

use super::at_most::AtMost;
use crate::Error;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::time::Duration;

/// Time for a connection, and for an answer.
const WAIT: Duration = Duration::from_secs(30);
/// Most bytes of an answer.
const BYTES_MAX: u64 = 32 << 20;
/// Most calls of a request, as nodes take them.
pub(crate) const BATCH_MAX: usize = 100;
/// Letters of an error that are told.
const SAID_MAX: usize = 400;

/// Somebody's port for wallets.
#[derive(Clone, Debug)]
pub struct Client {
    agent: ureq::Agent,
    url: String,
}

impl Client {
    /// Asks at `url`, for example `http://127.0.0.1:8545`. Nothing is sent yet.
    pub fn new(url: &str) -> Client {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(WAIT))
            .build()
            .into();
        Client { agent, url: url.to_owned() }
    }

    /// Where it asks.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What `method` gives for `params`.
    ///
    /// Errors: `Remote`, with what the node says.
    pub fn call(&self, method: &str, params: Value) -> Result<Value, Error> {
        self.read(method, params)
    }

    /// The same, read as a `T`.
    ///
    /// Errors: `Remote`, with what the node says.
    pub(crate) fn read<T: DeserializeOwned>(
        &self,
        method: &str,
        params: Value,
    ) -> Result<T, Error> {
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let bytes = self.post(&request)?;
        self.result(method, &self.parse(&bytes)?)
    }

    /// What `method` gives for each of `params`, of which there are at most [`BATCH_MAX`], in one
    /// request.
    ///
    /// Errors: `Remote`; inside of it for single calls.
    pub(crate) fn batch<T: DeserializeOwned>(
        &self,
        method: &str,
        params: &[Value],
    ) -> Result<Vec<Result<T, Error>>, Error> {
        let one = |(id, params): (usize, &Value)| json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        let request: Vec<Value> = params.iter().enumerate().map(one).collect();
        let bytes = self.post(&Value::Array(request))?;
        let AtMost::<BATCH_MAX, Reply<'_>>(mut replies) = self.parse(&bytes)?;
        replies.sort_by_key(|reply| reply.id.and_then(|id| id.get().parse::<u64>().ok()));
        Ok(replies.iter().map(|reply| self.result(method, reply)).collect())
    }

    fn fail(&self, problem: String) -> Error {
        Error::Remote { address: self.url.clone(), problem }
    }

    fn post(&self, request: &Value) -> Result<Vec<u8>, Error> {
        let sent = self
            .agent
            .post(&self.url)
            .header("content-type", "application/json")
            .send(request.to_string());
        let mut answer = sent.map_err(|error| self.fail(error.to_string()))?;
        let read = answer.body_mut().with_config().limit(BYTES_MAX).read_to_vec();
        read.map_err(|error| self.fail(error.to_string()))
    }

    fn parse<'a, T: Deserialize<'a>>(&self, bytes: &'a [u8]) -> Result<T, Error> {
        serde_json::from_slice(bytes).map_err(|error| self.fail(format!("no answer: {error}")))
    }

    fn result<T: DeserializeOwned>(&self, method: &str, reply: &Reply<'_>) -> Result<T, Error> {
        if let Some(error) = reply.error {
            return Err(self.fail(format!("{method}: {}", said(error))));
        }
        let result = reply.result.map(|result| serde_json::from_str(result.get()));
        let result =
            result.ok_or_else(|| self.fail(format!("{method}: neither a result nor an error")))?;
        result.map_err(|error| self.fail(format!("{method}: {error}")))
    }

    /// A number that `method` gives. Errors: `Remote`.
    pub fn number(&self, method: &str, params: Value) -> Result<u128, Error> {
        let text: String = self.read(method, params)?;
        let number = text.strip_prefix("0x").and_then(|hex| u128::from_str_radix(hex, 16).ok());
        number.ok_or_else(|| self.fail(format!("{method} gives {text:?}, not a number")))
    }
}

/// An answer, its parts as they came.
#[derive(Deserialize)]
struct Reply<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    // `null` is a result too.
    #[serde(borrow, default, deserialize_with = "there")]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

fn there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    Deserialize::deserialize(deserializer).map(Some)
}

/// The words of an error.
fn said(error: &RawValue) -> String {
    #[derive(Deserialize)]
    struct Said {
        message: String,
    }
    let message = serde_json::from_str(error.get()).map(|Said { message }| message);
    message.unwrap_or_else(|_| error.get().to_owned()).chars().take(SAID_MAX).collect()
}

#[cfg(test)]
mod tests;
