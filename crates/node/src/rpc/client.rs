//! Asking a node over JSON-RPC: for commands that look at a chain or send to it.

use crate::Error;
use serde_json::{Value, json};
use std::time::Duration;

/// Time for a connection, and for an answer.
const WAIT: Duration = Duration::from_secs(30);
/// Most bytes of an answer.
const BYTES_MAX: u64 = 32 << 20;

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
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let answer = self.post(&request)?;
        self.result(method, answer)
    }

    /// What `method` gives for each of `params`, in one request.
    ///
    /// Errors: `Remote`, also where one of the calls fails.
    pub fn batch(&self, method: &str, params: &[Value]) -> Result<Vec<Value>, Error> {
        let one = |(id, params): (usize, &Value)| json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        let request: Vec<Value> = params.iter().enumerate().map(one).collect();
        let Value::Array(mut answers) = self.post(&Value::Array(request))? else {
            return Err(self.fail(format!("{method}: no batch of answers")));
        };
        answers.sort_by_key(|answer| answer["id"].as_u64());
        answers.into_iter().map(|answer| self.result(method, answer)).collect()
    }

    fn fail(&self, problem: String) -> Error {
        Error::Remote { address: self.url.clone(), problem }
    }

    fn post(&self, request: &Value) -> Result<Value, Error> {
        let sent = self
            .agent
            .post(&self.url)
            .header("content-type", "application/json")
            .send(request.to_string());
        let mut answer = sent.map_err(|error| self.fail(error.to_string()))?;
        let read = answer.body_mut().with_config().limit(BYTES_MAX).read_to_vec();
        let bytes = read.map_err(|error| self.fail(error.to_string()))?;
        serde_json::from_slice(&bytes)
            .map_err(|error| self.fail(format!("{} and no JSON: {error}", answer.status())))
    }

    fn result(&self, method: &str, mut answer: Value) -> Result<Value, Error> {
        if let Some(error) = answer.get("error") {
            return Err(self.fail(format!("{method}: {}", said(error))));
        }
        let result = answer.get_mut("result").map(Value::take);
        result.ok_or_else(|| self.fail(format!("{method}: neither a result nor an error")))
    }

    /// A number that `method` gives. Errors: `Remote`.
    pub fn number(&self, method: &str, params: Value) -> Result<u128, Error> {
        let value = self.call(method, params)?;
        let digits = value.as_str().and_then(|text| text.strip_prefix("0x"));
        let number = digits.and_then(|digits| u128::from_str_radix(digits, 16).ok());
        number.ok_or_else(|| self.fail(format!("{method} gives {value}, not a number")))
    }
}

/// The words of an error.
fn said(error: &Value) -> String {
    let message = error.get("message").and_then(Value::as_str);
    message.map_or_else(|| error.to_string(), str::to_owned)
}
