//! The points that a trust statement speaks about, and the reasons why one stays open.
//!
//! Invariant: codes and numbers are stable; `docs/format/receipt.md` lists them.

use crate::Given;
use crate::receipt::{Body, Finish};

/// One thing that may or may not have been established.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Point {
    /// 0: the bytes are one canonical receipt.
    Form,
    /// 1: the node key signed it.
    Signature,
    /// 2: the job id belongs to the salt.
    Job,
    /// 3: the request is the committed one.
    Request,
    /// 4: the stated sampler is the request's.
    Sampler,
    /// 5: the answer's length is within what the request allows.
    Length,
    /// 6: the answer is the committed one.
    Answer,
    /// 7: stated counts and finish are the answer's.
    Output,
    /// 8: the stream root covers the answer's tokens.
    Stream,
    /// 9: the model here is the one named.
    Model,
    /// 10: the stated prompt length is right.
    Prompt,
    /// 11: the model chooses these tokens.
    Tokens,
    /// 12: the tokens spell this text and end like this.
    Text,
    /// 13: the run has the committed trace.
    Trace,
    /// 19: the node did not cut the answer short.
    Whole,
    /// 21: the stage gives these rows.
    Rows,
    /// 20: the node that signed it is the one expected.
    Node,
    /// 14: the receipt's place in the chain of its node.
    Chain,
    /// 15: the node has something to lose.
    Bond,
    /// 16: the times are right.
    Times,
    /// 17: the stated software and kernels ran.
    Software,
    /// 18: the answer is any good.
    Truth,
}

/// Why a point stays open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The salt was not given.
    NoSalt,
    /// The request was not given.
    NoRequest,
    /// The answer was not given.
    NoAnswer,
    /// No replay was run.
    NoReplay,
    /// No audit was run.
    NoAudit,
    /// The answer has no tokens, so nothing ran.
    NoTokens,
    /// The answer was cancelled; by whom is the node's word.
    Cancelled,
    /// No node key was given.
    NoKey,
    /// The receipts beside it were not given.
    NoNeighbours,
    /// No chain was asked.
    NoChain,
    /// Only the node's own word stands for it.
    NodeWord,
    /// No receipt can show it.
    OutOfReach,
}

impl Point {
    /// Every point, in the order of statements.
    pub const ALL: [Point; 22] = [
        Point::Form,
        Point::Signature,
        Point::Job,
        Point::Request,
        Point::Sampler,
        Point::Length,
        Point::Answer,
        Point::Output,
        Point::Stream,
        Point::Model,
        Point::Prompt,
        Point::Tokens,
        Point::Text,
        Point::Trace,
        Point::Whole,
        Point::Rows,
        Point::Node,
        Point::Chain,
        Point::Bond,
        Point::Times,
        Point::Software,
        Point::Truth,
    ];

    /// The points that a statement about this kind of work speaks of, in their order.
    pub(crate) fn of(body: &Body) -> impl Iterator<Item = Point> {
        let stage = matches!(body, Body::Stage(_));
        Point::ALL.into_iter().filter(move |point| match point {
            Point::Form
            | Point::Signature
            | Point::Node
            | Point::Chain
            | Point::Bond
            | Point::Times => true,
            Point::Rows => stage,
            Point::Job
            | Point::Request
            | Point::Sampler
            | Point::Length
            | Point::Answer
            | Point::Output
            | Point::Stream
            | Point::Model
            | Point::Prompt
            | Point::Tokens
            | Point::Text
            | Point::Trace
            | Point::Whole
            | Point::Software
            | Point::Truth => !stage,
        })
    }

    /// The stable number.
    pub fn number(self) -> u32 {
        self.row().0
    }

    /// The stable word for programs.
    pub fn code(self) -> &'static str {
        self.row().1
    }

    /// The sentence that holds once the point is established; "whether" before it makes the
    /// question that is open until then.
    pub fn claim(self) -> &'static str {
        self.row().2
    }

    #[rustfmt::skip]
    fn row(self) -> (u32, &'static str, &'static str) {
        match self {
            Point::Form => (0, "form",
                "every byte is as the format demands"),
            Point::Signature => (1, "signature",
                "the holder of the node key signed exactly this and cannot later deny or change it"),
            Point::Job => (2, "job",
                "the salt is the one of this job"),
            Point::Request => (3, "request",
                "the request is, byte for byte, the one that the node committed to"),
            Point::Sampler => (4, "sampler",
                "the stated sampler settings and seed are those of the request"),
            Point::Length => (5, "length",
                "the stated answer length and finish are such as the request allows"),
            Point::Answer => (6, "answer",
                "the answer is, byte for byte, the one that the node committed to"),
            Point::Output => (7, "output",
                "the stated answer length and finish are those of the answer"),
            Point::Stream => (8, "stream",
                "the stream root covers exactly the tokens of the answer"),
            Point::Model => (9, "model",
                "the named model exists, weight for weight"),
            Point::Prompt => (10, "prompt",
                "the request has the stated number of prompt tokens"),
            Point::Tokens => (11, "tokens",
                "the named model, run here on the request, chooses these tokens from this seed"),
            Point::Text => (12, "text",
                "these tokens spell this text, and the stated reason fits their end"),
            Point::Trace => (13, "trace",
                "the run leaves the trace that the node committed to"),
            Point::Whole => (19, "whole",
                "nobody but whoever asked cut the answer short"),
            Point::Rows => (21, "rows",
                "the stage, run on the committed inputs, gives the committed outputs"),
            Point::Node => (20, "node",
                "the node key is the one expected"),
            Point::Chain => (14, "chain",
                "the receipts of the node before and after this one fit"),
            Point::Bond => (15, "bond",
                "a lie would cost the node something"),
            Point::Times => (16, "times",
                "the stated times are right"),
            Point::Software => (17, "software",
                "the stated software ran, on which the result does not depend"),
            Point::Truth => (18, "truth",
                "the answer is true, safe or useful"),
        }
    }

    /// Why the point is open after a check with what was given, where it is.
    pub(crate) fn why_open(self, given: &Given<'_>, body: &Body) -> Why {
        let output = match body {
            Body::Inference(inference) => Some(&inference.output),
            Body::Stage(_) => None,
        };
        match self {
            Point::Form | Point::Signature | Point::Job => Why::NoSalt,
            Point::Request | Point::Sampler | Point::Length => match given.salt {
                None => Why::NoSalt,
                Some(_) => Why::NoRequest,
            },
            Point::Answer | Point::Output | Point::Stream => match given.salt {
                None => Why::NoSalt,
                Some(_) => Why::NoAnswer,
            },
            Point::Tokens | Point::Trace if output.is_some_and(|o| o.answer_tokens == 0) => {
                Why::NoTokens
            }
            Point::Model | Point::Prompt | Point::Tokens | Point::Text | Point::Trace => {
                Why::NoReplay
            }
            Point::Whole => match output.map(|output| output.finish) {
                Some(Finish::Cancelled) => Why::Cancelled,
                Some(Finish::Stop) => Why::NoReplay,
                Some(Finish::Length) if given.salt.is_none() => Why::NoSalt,
                Some(Finish::Length) if given.request.is_none() => Why::NoRequest,
                Some(Finish::Length) | None => Why::NoAnswer,
            },
            Point::Rows => Why::NoAudit,
            Point::Node => Why::NoKey,
            Point::Chain => Why::NoNeighbours,
            Point::Bond => Why::NoChain,
            Point::Times | Point::Software => Why::NodeWord,
            Point::Truth => Why::OutOfReach,
        }
    }
}

impl Why {
    /// The stable word for programs.
    pub fn code(self) -> &'static str {
        match self {
            Why::NoSalt => "no-salt",
            Why::NoRequest => "no-request",
            Why::NoAnswer => "no-answer",
            Why::NoReplay => "no-replay",
            Why::NoAudit => "no-audit",
            Why::NoTokens => "no-tokens",
            Why::Cancelled => "cancelled",
            Why::NoKey => "no-key",
            Why::NoNeighbours => "no-neighbours",
            Why::NoChain => "no-chain",
            Why::NodeWord => "node-word",
            Why::OutOfReach => "out-of-reach",
        }
    }

    /// The reason in words.
    pub fn reason(self) -> &'static str {
        match self {
            Why::NoSalt => "the salt was not given",
            Why::NoRequest => "the request was not given",
            Why::NoAnswer => "the answer was not given",
            Why::NoReplay => "no replay was run",
            Why::NoAudit => "no audit was run; `terroir data audit` runs the stage again",
            Why::NoTokens => "the answer has no tokens, so nothing ran",
            Why::Cancelled => {
                "it was cancelled, and whether by whoever asked or by the node is only the node's word"
            }
            Why::NoKey => "no key was given to compare it with, and anybody can make one",
            Why::NoNeighbours => "not all of them were given",
            Why::NoChain => "no chain was asked whether its key has a bond",
            Why::NodeWord => "only the node's own word stands for it",
            Why::OutOfReach => "no receipt can show that",
        }
    }
}
