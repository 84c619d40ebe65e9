//! `receipt check`: from files to a trust statement, or to the check that failed.
//!
//! Invariant: files are looked for only beside the receipt, and whatever was found and used is said.

use super::{Failed, read, reject, view};
use crate::Verdict;
use crate::args;
use crate::output;
use crate::settings::Settings;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use terroir_base::id::{BlobId, ModelId};
use terroir_model::{Answer, Model, Request};
use terroir_node::opening;
use terroir_proof::{Given, NotReplayed, Salt, Statement};

/// What a check came to: a statement or a clean no.
type Checked = std::result::Result<Statement, Failed>;

/// What the holder has besides the receipt.
struct Opened {
    request: Option<(Salt, Request)>,
    answer: Option<Answer>,
}

pub(super) fn run(settings: &Settings, typed: &args::Check) -> Result<Verdict> {
    match check(settings, typed)? {
        Err(failed) => reject(&failed, typed.json),
        Ok(statement) => {
            match typed.json {
                true => output::json(&view::statement(&statement))?,
                false => output::piece(&statement)?,
            }
            Ok(Verdict::Yes)
        }
    }
}

fn check(settings: &Settings, typed: &args::Check) -> Result<Checked> {
    let bytes = read(&typed.file)?;
    let opened = match open(typed)? {
        Ok(opened) => opened,
        Err(failed) => return Ok(Err(failed)),
    };
    let request = opened.request.as_ref().map(|(_, request)| request.encode());
    let answer = opened.answer.as_ref().map(Answer::encode);
    let given = Given {
        salt: opened.request.as_ref().map(|(salt, _)| salt),
        request: request.as_deref(),
        answer: answer.as_deref(),
    };
    match terroir_proof::check(&bytes, given) {
        Ok(statement) if typed.replay => replay(settings, typed, &bytes, given, &statement),
        checked => Ok(checked.map_err(Failed::from)),
    }
}

/// Reads the files that open the receipt; a file that cannot be one of ours is a clean no.
fn open(typed: &args::Check) -> Result<std::result::Result<Opened, Failed>> {
    let request_path = beside(&typed.file, typed.request.as_deref(), "request.json");
    let answer_path = beside(&typed.file, typed.answer.as_deref(), "answer.json");
    if let (None, Some(answer)) = (&request_path, &answer_path) {
        bail!(
            "{} can be checked only with the request file, which has the salt: give --request FILE",
            answer.display()
        );
    }
    if typed.replay && (request_path.is_none() || answer_path.is_none()) {
        bail!("a replay needs the request and the answer: give --request FILE and --answer FILE");
    }
    let mut opened = Opened { request: None, answer: None };
    if let Some(path) = request_path {
        match opening::read_request_file(&read(&path)?) {
            Ok(request) => opened.request = Some(request),
            Err(error) => return Ok(Err(unreadable("request-file", &path, error))),
        }
    }
    if let Some(path) = answer_path {
        match opening::read_answer_file(&read(&path)?) {
            Ok(answer) => opened.answer = Some(answer),
            Err(error) => return Ok(Err(unreadable("answer-file", &path, error))),
        }
    }
    Ok(Ok(opened))
}

/// The file that was named, or the one with the receipt's name and that ending, if it is there.
fn beside(receipt: &Path, named: Option<&Path>, ending: &str) -> Option<PathBuf> {
    if let Some(path) = named {
        return Some(path.to_owned());
    }
    let found = Some(receipt.with_extension(ending)).filter(|path| path.is_file())?;
    output::talk(format_args!("with {}", found.display()));
    Some(found)
}

fn unreadable(check: &'static str, path: &Path, error: terroir_node::Error) -> Failed {
    let reason = format!("{}: {:#}", path.display(), anyhow::Error::new(error));
    Failed { check, number: None, reason }
}

fn replay(
    settings: &Settings,
    typed: &args::Check,
    bytes: &[u8],
    given: Given<'_>,
    statement: &Statement,
) -> Result<Checked> {
    let model = match load(settings, statement.receipt.model.manifest)? {
        Ok(model) => model,
        Err(failed) => return Ok(Err(failed)),
    };
    let threads = settings.threads(typed.threads);
    match terroir_proof::check_replay(bytes, given, &model, threads, settings.isa) {
        Ok(statement) => Ok(Ok(statement)),
        Err(NotReplayed::Rejected(rejected)) => Ok(Err(rejected.into())),
        Err(error @ NotReplayed::Engine(_)) => Err(error.into()),
    }
}

/// Loads the model that the receipt names; one that is here with changed files is a clean no.
fn load(settings: &Settings, id: ModelId) -> Result<std::result::Result<Model, Failed>> {
    let home = settings.open_home()?;
    let mut changed = None;
    let loaded = Model::load(id, &mut |digest| {
        home.store().map(&BlobId(*digest)).map(|mapped| Arc::new(mapped) as _).map_err(|error| {
            let text = error.to_string();
            let damaged = match error {
                terroir_store::Error::Corrupt { .. } => true,
                // A corrupt file that was found before is out of the way now. Without its manifest
                // a model was never here.
                terroir_store::Error::Missing { .. } => *digest != id.0,
                _ => false,
            };
            if damaged {
                changed = Some(text.clone());
            }
            text
        })
    });
    match (loaded, changed) {
        (Ok(model), _) => Ok(Ok(model)),
        (Err(_), Some(reason)) => Ok(Err(Failed { check: "weights", number: None, reason })),
        (Err(error), None) => Err(error).with_context(|| {
            format!("the replay needs model {id}; `terroir model pull SOURCE` gets it")
        }),
    }
}
