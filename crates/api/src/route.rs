//! Every route of the server. Invariant: a route that is not in [`Route::ALL`] does not exist.

use std::fmt;

/// An HTTP method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Asks for work.
    Post,
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Method::Get => "GET",
            Method::Post => "POST",
        })
    }
}

/// A path with its method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// The models that answer here.
    Models,
    /// One of them.
    Model,
    /// A chat.
    Chat,
    /// Plain text to continue.
    Completions,
    /// The file of a receipt.
    Receipt,
    /// Whether the server takes requests.
    Health,
    /// Counters for Prometheus.
    Metrics,
    /// The description of all routes.
    OpenApi,
}

impl Route {
    /// All of them, in the order of the document.
    pub const ALL: [Route; 8] = [
        Route::Models,
        Route::Model,
        Route::Chat,
        Route::Completions,
        Route::Receipt,
        Route::Health,
        Route::Metrics,
        Route::OpenApi,
    ];

    /// The path; a part in braces is a parameter.
    pub fn path(self) -> &'static str {
        match self {
            Route::Models => "/v1/models",
            Route::Model => "/v1/models/{model}",
            Route::Chat => "/v1/chat/completions",
            Route::Completions => "/v1/completions",
            Route::Receipt => "/v1/receipts/{id}",
            Route::Health => "/healthz",
            Route::Metrics => "/metrics",
            Route::OpenApi => "/openapi.json",
        }
    }

    /// The one method of the path.
    pub fn method(self) -> Method {
        match self {
            Route::Chat | Route::Completions => Method::Post,
            Route::Models
            | Route::Model
            | Route::Receipt
            | Route::Health
            | Route::Metrics
            | Route::OpenApi => Method::Get,
        }
    }

    /// Whether an API key is asked for, where the server has any.
    pub fn needs_key(self) -> bool {
        match self {
            Route::Models | Route::Model | Route::Chat | Route::Completions | Route::Receipt => {
                true
            }
            Route::Health | Route::Metrics | Route::OpenApi => false,
        }
    }
}
