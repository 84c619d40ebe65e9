//! Tokenizer and template of a model hub's folder: `tokenizer.json` and its neighbours.
//!
//! Of the many tokenizers that the format can describe, those of the Llama family are understood:
//! byte-level ones with known patterns, and scored ones with byte fallback. NFC, which Qwen's files
//! ask for, is not applied, as in GGUF: it matters only for text that is not NFC already.

use super::{Words, checked_template, ends};
use crate::Error;
use crate::json::{self, Object};
use crate::safetensors::Folder;
use crate::safetensors::folder::{GENERATION_CONFIG, TEMPLATE, TOKENIZER, TOKENIZER_CONFIG};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use terroir_model::Vocabulary;
use terroir_model::tokenizer::{Pre, TOKENS_MAX, TokenKind};

mod steps;

use steps::Cut;

/// `tokenizer.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "version")]
    _version: Option<String>,
    // Both are about batches, not about what a text means.
    #[serde(rename = "truncation")]
    _truncation: Option<Value>,
    #[serde(rename = "padding")]
    _padding: Option<Value>,
    added_tokens: Vec<Added>,
    normalizer: Option<Value>,
    pre_tokenizer: Option<Value>,
    post_processor: Option<Value>,
    // Follows from the other steps, for the kinds that are read.
    #[serde(rename = "decoder")]
    _decoder: Option<Value>,
    model: Model,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Added {
    id: u32,
    content: String,
    special: bool,
    #[serde(default)]
    lstrip: bool,
    #[serde(default)]
    rstrip: bool,
    #[serde(default)]
    single_word: bool,
    #[serde(default, rename = "normalized")]
    _normalized: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Model {
    #[serde(rename = "type")]
    kind: Option<String>,
    dropout: Option<f64>,
    unk_token: Option<String>,
    continuing_subword_prefix: Option<String>,
    end_of_word_suffix: Option<String>,
    #[serde(rename = "fuse_unk")]
    _fuse_unk: Option<bool>,
    #[serde(default)]
    byte_fallback: bool,
    #[serde(default)]
    ignore_merges: bool,
    vocab: Object<u32>,
    merges: Vec<Merge>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Merge {
    Text(String),
    Pair(String, String),
}

/// Reads the tokenizer of a folder.
pub(crate) fn from_hub(folder: &Folder) -> Result<Words, Error> {
    let path = folder.companion_path(TOKENIZER);
    let fail = |what: String| Error::Companion { path: path.clone(), what };
    let bytes = folder.companion(TOKENIZER).ok_or_else(|| fail("missing".into()))?;
    let file: File = json::parse(&path, bytes)?;
    let cut = steps::cut(&file).map_err(&fail)?;
    let list = Tokens::of(&file).map_err(&fail)?;
    let vocabulary = match cut {
        Cut::ByteLevel(pre) => byte_level(&file, &list, pre).map_err(&fail)?,
        Cut::Scored { space_prefix } => scored(&file, &list, space_prefix).map_err(&fail)?,
    }?;
    let settings = Settings::read(folder)?;
    let bos = settings.token("bos_token", &list)?;
    let eos = settings.token("eos_token", &list)?;
    let (starts, closes) = steps::frame(&file).map_err(&fail)?;
    let closes = settings.flag("add_eos_token")?.unwrap_or(closes);
    if closes {
        return Err(fail("a token after every text is not understood".into()));
    }
    let starts_with_bos = match starts {
        None => false,
        Some(name) if list.ids.get(&name).copied() == bos && bos.is_some() => true,
        Some(name) => {
            return Err(fail(format!("{name:?} before every text is not understood")));
        }
    };
    let add_bos = settings.flag("add_bos_token")?.unwrap_or(starts_with_bos) && bos.is_some();
    let template = template(folder, &settings)?;
    let eos = ends(eos, generation_ends(folder, list.names.len())?);
    if eos.is_empty() {
        return Err(settings.fail("eos_token is missing".into()));
    }
    Ok(Words { vocabulary, template, bos, add_bos, eos })
}

/// All tokens by id, with what they are for.
struct Tokens {
    names: Vec<String>,
    types: Vec<u8>,
    ids: BTreeMap<String, u32>,
}

impl Tokens {
    fn of(file: &File) -> Result<Tokens, String> {
        let mut ids = file.model.vocab.0.clone();
        for added in &file.added_tokens {
            if added.lstrip || added.rstrip || added.single_word {
                return Err(format!("token {:?} strips its neighbours", added.content));
            }
            if ids.insert(added.content.clone(), added.id).is_some_and(|id| id != added.id) {
                return Err(format!("token {:?} has two ids", added.content));
            }
        }
        let count = ids.values().max().map_or(0, |id| *id as usize + 1);
        if count > TOKENS_MAX {
            return Err(format!("{count} tokens, at most {TOKENS_MAX} are read"));
        }
        // An id without a name is one that no text becomes.
        let mut types = vec![TokenKind::Unused.code(); count];
        let mut names = vec![String::new(); count];
        for (name, id) in &ids {
            let at = *id as usize;
            if types[at] != TokenKind::Unused.code() {
                return Err(format!("id {id} is both {:?} and {name:?}", names[at]));
            }
            names[at] = name.clone();
            types[at] = TokenKind::Normal.code();
            if file.model.byte_fallback && is_byte_name(name) {
                types[at] = TokenKind::Byte.code();
            }
        }
        for added in &file.added_tokens {
            let kind = if added.special { TokenKind::Control } else { TokenKind::UserDefined };
            types[added.id as usize] = kind.code();
        }
        if let Some(unknown) = &file.model.unk_token {
            let id =
                ids.get(unknown).ok_or_else(|| format!("unk_token {unknown:?} is no token"))?;
            if types[*id as usize] == TokenKind::Normal.code() {
                types[*id as usize] = TokenKind::Unknown.code();
            }
        }
        Ok(Tokens { names, types, ids })
    }

    fn unknown(&self, file: &File) -> Option<u32> {
        file.model.unk_token.as_ref().and_then(|name| self.ids.get(name).copied())
    }
}

fn is_byte_name(name: &str) -> bool {
    let digits = name.strip_prefix("<0x").and_then(|rest| rest.strip_suffix('>'));
    digits.is_some_and(|digits| digits.len() == 2 && u8::from_str_radix(digits, 16).is_ok())
}

type Made = Result<Result<Vocabulary, Error>, String>;

fn byte_level(file: &File, list: &Tokens, pre: Pre) -> Made {
    if file.model.byte_fallback {
        return Err("byte_fallback with byte-level tokens is not understood".into());
    }
    let whole_words = matches!(pre, Pre::Llama3 | Pre::Tekken);
    if file.model.ignore_merges != whole_words {
        let got = file.model.ignore_merges;
        return Err(format!("ignore_merges is {got}, with this pattern {whole_words} is due"));
    }
    let merges = file.model.merges.iter().map(|merge| match merge {
        Merge::Text(text) => Ok(text.clone()),
        Merge::Pair(left, right) if left.contains(' ') || right.contains(' ') => {
            Err(format!("merge of {left:?} and {right:?}, which are not byte-level"))
        }
        Merge::Pair(left, right) => Ok(format!("{left} {right}")),
    });
    let merges = merges.collect::<Result<Vec<String>, String>>()?;
    let unknown = list.unknown(file);
    let made = Vocabulary::byte_level(pre, &list.names, &list.types, &merges, unknown);
    Ok(made.map_err(Error::from))
}

/// Merges by rank become scores: a token is as good as the first merge that makes it.
fn scored(file: &File, list: &Tokens, space_prefix: bool) -> Made {
    if !file.model.byte_fallback {
        return Err("byte_fallback is due with tokens that are not byte-level".into());
    }
    if file.model.ignore_merges {
        return Err("ignore_merges with tokens that are not byte-level is not understood".into());
    }
    let merges = &file.model.merges;
    let worst = -(merges.len() as f32);
    let mut scores = vec![worst; list.names.len()];
    for (rank, merge) in merges.iter().enumerate().rev() {
        let joined = match merge {
            Merge::Pair(left, right) => format!("{left}{right}"),
            Merge::Text(text) => match text.split_once(' ') {
                Some((left, right)) if !right.contains(' ') => format!("{left}{right}"),
                _ => return Err(format!("merge {text:?} is not two tokens")),
            },
        };
        let id = list.ids.get(&joined).ok_or_else(|| format!("merge {rank} makes no token"))?;
        scores[*id as usize] = -(rank as f32);
    }
    let unknown = list.unknown(file);
    let made = Vocabulary::scored(&list.names, &list.types, &scores, space_prefix, unknown);
    Ok(made.map_err(Error::from))
}

/// `tokenizer_config.json`, of which only a few keys say more than `tokenizer.json`.
struct Settings {
    path: PathBuf,
    values: BTreeMap<String, Value>,
}

impl Settings {
    fn read(folder: &Folder) -> Result<Settings, Error> {
        let path = folder.companion_path(TOKENIZER_CONFIG);
        let bytes = folder
            .companion(TOKENIZER_CONFIG)
            .ok_or_else(|| Error::Companion { path: path.clone(), what: "missing".into() })?;
        let Object(mut values) = json::parse::<Object<Value>>(&path, bytes)?;
        values.retain(|_, value| !value.is_null());
        Ok(Settings { path, values })
    }

    fn fail(&self, what: String) -> Error {
        Error::Companion { path: self.path.clone(), what }
    }

    fn flag(&self, key: &str) -> Result<Option<bool>, Error> {
        match self.values.get(key) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(self.fail(format!("key {key}: true or false is due"))),
        }
    }

    /// The id of a token that is given by its text, bare or inside an object.
    fn token(&self, key: &str, list: &Tokens) -> Result<Option<u32>, Error> {
        let Some(value) = self.values.get(key) else {
            return Ok(None);
        };
        let name = value.as_str().or_else(|| value.get("content")?.as_str());
        let name = name.ok_or_else(|| self.fail(format!("key {key}: a token is due")))?;
        match list.ids.get(name) {
            Some(id) => Ok(Some(*id)),
            None => Err(self.fail(format!("key {key}: {name:?} is no token"))),
        }
    }
}

fn template(folder: &Folder, settings: &Settings) -> Result<Option<String>, Error> {
    if let Some(bytes) = folder.companion(TEMPLATE) {
        let fail = |what: String| Error::Companion { path: folder.companion_path(TEMPLATE), what };
        let text = String::from_utf8(bytes.to_vec()).map_err(|error| fail(error.to_string()))?;
        return checked_template(text, fail).map(Some);
    }
    let fail = |what: String| settings.fail(format!("key chat_template: {what}"));
    let text = match settings.values.get("chat_template") {
        None => return Ok(None),
        Some(Value::String(text)) => Some(text.as_str()),
        // Several templates: the one called "default" is for plain chats.
        Some(Value::Array(all)) => all
            .iter()
            .find(|one| one.get("name").and_then(Value::as_str) == Some("default"))
            .and_then(|one| one.get("template")?.as_str()),
        Some(_) => None,
    };
    let text = text.ok_or_else(|| fail("a text, or a list with a default, is due".into()))?;
    checked_template(text.to_owned(), fail).map(Some)
}

/// The ends that `generation_config.json` names.
fn generation_ends(folder: &Folder, count: usize) -> Result<Vec<u32>, Error> {
    let Some(bytes) = folder.companion(GENERATION_CONFIG) else {
        return Ok(Vec::new());
    };
    let path = folder.companion_path(GENERATION_CONFIG);
    let Object(values) = json::parse::<Object<Value>>(&path, bytes)?;
    let ids = match values.get("eos_token_id") {
        None | Some(Value::Null) => &[][..],
        Some(Value::Array(all)) => all,
        Some(one) => std::slice::from_ref(one),
    };
    let id = |value: &Value| {
        let id = value.as_u64().and_then(|id| u32::try_from(id).ok());
        id.filter(|id| (*id as usize) < count).ok_or_else(|| Error::Companion {
            path: path.clone(),
            what: format!("key eos_token_id: a token below {count} is due, got {value}"),
        })
    };
    ids.iter().map(id).collect()
}

#[cfg(test)]
mod tests;
