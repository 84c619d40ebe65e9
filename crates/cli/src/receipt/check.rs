//! `receipt check`: from files to trust statements, or to the checks that failed.
//!
//! Invariant: files are looked for only beside a receipt, and whatever was found and used is said.

use super::replay::Replays;
use super::{Failed, read, view};
use crate::Verdict;
use crate::args;
use crate::output;
use crate::settings::Settings;
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};
use terroir_model::{Answer, Request};
use terroir_node::opening;
use terroir_proof::{Chain, Given, Rejected, Salt, Statement, check_chain};

/// A file that was checked.
pub(super) struct Checked {
    pub(super) file: PathBuf,
    bytes: Vec<u8>,
    /// What it came to: a statement or a clean no.
    pub(super) came: Result<Statement, Failed>,
}

/// What several files came to as a chain.
pub(super) type Joined = Result<Chain, Failed>;

/// What the holder has besides the receipt.
struct Opened {
    request: Option<(Salt, Request)>,
    answer: Option<Answer>,
}

pub(super) fn run(settings: &Settings, typed: &args::Check) -> Result<Verdict> {
    if typed.files.len() > 1 && (typed.request.is_some() || typed.answer.is_some()) {
        bail!("--request and --answer are those of one receipt: give one FILE with them");
    }
    let mut replays = Replays::new(settings, settings.threads(typed.threads));
    let checked = typed.files.iter().map(|file| {
        let bytes = read(file)?;
        let came = check(typed, file, &bytes, &mut replays)?;
        Ok(Checked { file: file.clone(), bytes, came })
    });
    let mut checked: Vec<Checked> = checked.collect::<Result<_>>()?;
    if let [one] = checked.as_slice() {
        print_one(one, typed.json)?;
        return Ok(verdict(one.came.is_ok()));
    }
    let joined = join(&mut checked);
    match typed.json {
        true => output::json(&view::several(&checked, &joined))?,
        false => print_several(&checked, &joined)?,
    }
    Ok(verdict(joined.is_ok() && checked.iter().all(|checked| checked.came.is_ok())))
}

fn verdict(yes: bool) -> Verdict {
    if yes { Verdict::Yes } else { Verdict::No }
}

fn check(
    typed: &args::Check,
    file: &Path,
    bytes: &[u8],
    replays: &mut Replays<'_>,
) -> Result<Result<Statement, Failed>> {
    let opened = match open(typed, file)? {
        Ok(opened) => opened,
        Err(failed) => return Ok(Err(failed)),
    };
    let request = opened.request.as_ref().map(|(_, request)| request.encode());
    let answer = opened.answer.as_ref().map(Answer::encode);
    let given = Given {
        node: typed.node,
        salt: opened.request.as_ref().map(|(salt, _)| salt),
        request: request.as_deref(),
        answer: answer.as_deref(),
    };
    match terroir_proof::check(bytes, given) {
        Ok(statement) if typed.replay => replays.run(bytes, given, &statement),
        checked => Ok(checked.map_err(Failed::from)),
    }
}

/// Checks the receipts against each other, and puts into each statement what that shows.
fn join(checked: &mut [Checked]) -> Joined {
    let receipts: Vec<&[u8]> = checked.iter().map(|checked| &checked.bytes[..]).collect();
    let joined = check_chain(&receipts).map_err(|rejected| match rejected {
        Rejected::Link { index, ref source } => {
            let reason = format!("{} is no link: {source}", checked[index].file.display());
            Failed { check: rejected.check(), number: Some(rejected.number()), reason }
        }
        rejected => rejected.into(),
    });
    if let Ok(chain) = &joined {
        checked.iter_mut().flat_map(|checked| &mut checked.came).for_each(|it| it.join(chain));
    }
    joined
}

fn print_one(checked: &Checked, json: bool) -> Result<()> {
    match (&checked.came, json) {
        (Ok(statement), true) => output::json(&view::statement(statement)),
        (Ok(statement), false) => output::piece(statement),
        (Err(failed), true) => output::json(&view::failed(failed)),
        (Err(failed), false) => output::data(failed),
    }
}

fn print_several(checked: &[Checked], joined: &Joined) -> Result<()> {
    for checked in checked {
        output::data(format_args!("file    {}", checked.file.display()))?;
        print_one(checked, false)?;
        output::data("")?;
    }
    match joined {
        Ok(chain) => output::piece(format_args!("chain of {chain}")),
        Err(failed) => output::data(format_args!("chain {failed}")),
    }
}

/// Reads the files that open the receipt; a file that cannot be one of ours is a clean no.
fn open(typed: &args::Check, file: &Path) -> Result<Result<Opened, Failed>> {
    let request_path = beside(file, typed.request.as_deref(), "request.json");
    let answer_path = beside(file, typed.answer.as_deref(), "answer.json");
    if let (None, Some(answer)) = (&request_path, &answer_path) {
        bail!(
            "{} can be checked only with the request file, which has the salt: give --request FILE",
            answer.display()
        );
    }
    if typed.replay && (request_path.is_none() || answer_path.is_none()) {
        bail!(
            "a replay of {} needs its request and its answer: give --request FILE and --answer FILE",
            file.display()
        );
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
