//! The one error body, in OpenAI's shape.
//!
//! Invariant: everything in it is meant for the caller; what only the log may know is not here.

use serde_json::{Value, json};

/// A failure as the caller learns of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// HTTP status.
    pub status: u16,
    /// Family, for programs: "invalid_request_error", "authentication_error", "rate_limit_error"
    /// or "server_error".
    pub kind: &'static str,
    /// What it is, for programs.
    pub code: &'static str,
    /// The field or parameter at fault, as a path such as `messages[3].content`.
    pub param: Option<String>,
    /// One sentence for people.
    pub message: String,
    /// When to come back, in seconds.
    pub retry_s: Option<u64>,
}

impl Problem {
    /// The request is wrong, at `param`.
    pub fn field(
        code: &'static str,
        param: impl Into<String>,
        message: impl Into<String>,
    ) -> Problem {
        let mut problem = Problem::request(400, code, message);
        problem.param = Some(param.into());
        problem
    }

    /// The request is wrong as a whole.
    pub fn request(status: u16, code: &'static str, message: impl Into<String>) -> Problem {
        Problem::new(status, "invalid_request_error", code, message)
    }

    /// No model of that name answers here.
    pub fn model_not_found(model: &str) -> Problem {
        // Names come from the caller: a long one is not thrown back whole.
        let shown: String = model.chars().take(100).collect();
        let message = format!("the model {shown:?} is not served here");
        Problem { status: 404, ..Problem::field("model_not_found", "model", message) }
    }

    /// The key is missing or unknown.
    pub fn unauthorized(message: &str) -> Problem {
        Problem::new(401, "authentication_error", "invalid_api_key", message)
    }

    /// Too much to do already.
    pub fn busy(code: &'static str, retry_s: u64, message: impl Into<String>) -> Problem {
        let problem = Problem::new(429, "rate_limit_error", code, message);
        Problem { retry_s: Some(retry_s), ..problem }
    }

    /// The server cannot, and it is not the caller's fault.
    pub fn server(status: u16, code: &'static str, message: impl Into<String>) -> Problem {
        Problem::new(status, "server_error", code, message)
    }

    fn new(
        status: u16,
        kind: &'static str,
        code: &'static str,
        message: impl Into<String>,
    ) -> Problem {
        Problem { status, kind, code, param: None, message: message.into(), retry_s: None }
    }

    /// The body.
    pub fn body(&self) -> Value {
        json!({
            "error": {
                "message": self.message,
                "type": self.kind,
                "param": self.param,
                "code": self.code,
            }
        })
    }
}
