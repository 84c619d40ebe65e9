//! Tokenizer and template of a GGUF file.

use super::{Words, checked_template, ends};
use crate::Error;
use crate::decoder::{Keys, missing};
use crate::gguf::{Array, Value};
use terroir_model::Vocabulary;
use terroir_model::tokenizer::{Pre, TokenKind};

const MODEL: &str = "tokenizer.ggml.model";
const PRE: &str = "tokenizer.ggml.pre";
const TOKENS: &str = "tokenizer.ggml.tokens";
const TYPES: &str = "tokenizer.ggml.token_type";
const SCORES: &str = "tokenizer.ggml.scores";
const TEMPLATE: &str = "tokenizer.chat_template";

/// Keys of tokens that end an answer; the first is the one that the file declares as such.
const ENDS: [&str; 3] =
    ["tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"];

/// Control tokens that end an answer by name, in files whose keys name only one of several.
const END_NAMES: [&str; 7] = [
    "<|im_end|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|end_of_text|>",
    "<|endoftext|>",
    "<end_of_turn>",
    "</s>",
];

/// Keys about tokens that have no part in asking and answering.
const SILENT: [&str; 13] = [
    "tokenizer.ggml.padding_token_id",
    "tokenizer.ggml.separator_token_id",
    "tokenizer.ggml.seperator_token_id",
    "tokenizer.ggml.cls_token_id",
    "tokenizer.ggml.mask_token_id",
    "tokenizer.ggml.prefix_token_id",
    "tokenizer.ggml.suffix_token_id",
    "tokenizer.ggml.middle_token_id",
    "tokenizer.ggml.fim_pre_token_id",
    "tokenizer.ggml.fim_suf_token_id",
    "tokenizer.ggml.fim_mid_token_id",
    "tokenizer.ggml.fim_pad_token_id",
    "tokenizer.ggml.fim_rep_token_id",
];

/// Reads the keys of `tokenizer.`.
pub(crate) fn from_gguf(keys: &Keys<'_>) -> Result<Words, Error> {
    let (vocabulary, adds_bos) = vocabulary(keys)?;
    let template = match keys.opt_text(TEMPLATE)? {
        None => None,
        Some(text) => Some(checked_template(text.to_owned(), |what| Error::Key {
            key: TEMPLATE.into(),
            what,
        })?),
    };
    let bos = token(keys, "tokenizer.ggml.bos_token_id", &vocabulary)?;
    let add_bos = keys.opt_bool("tokenizer.ggml.add_bos_token")?.unwrap_or(adds_bos);
    if add_bos && bos.is_none() {
        return Err(missing("tokenizer.ggml.bos_token_id"));
    }
    for key in ["tokenizer.ggml.add_eos_token", "tokenizer.ggml.add_sep_token"] {
        if keys.opt_bool(key)? == Some(true) {
            return Err(keys.wrong(key, "a token after every text is not understood"));
        }
    }
    let eos = all_ends(keys, &vocabulary)?;
    for key in SILENT {
        keys.get(key);
    }
    // Other templates of the same file: the one without a name is the one that is used.
    for name in keys.texts("tokenizer.chat_templates")? {
        keys.get(&format!("{TEMPLATE}.{name}"));
    }
    // A copy of the hub's tokenizer file: what it says stands in the other keys.
    keys.get("tokenizer.huggingface.json");
    keys.finish("tokenizer.")?;
    Ok(Words { vocabulary, template, bos, add_bos, eos })
}

/// The vocabulary, and whether its kind starts texts with a token of its own.
fn vocabulary(keys: &Keys<'_>) -> Result<(Vocabulary, bool), Error> {
    let tokens = keys.texts(TOKENS)?;
    let types = types(keys)?;
    if tokens.is_empty() {
        return Err(missing(TOKENS));
    }
    if !types.is_empty() && types.len() != tokens.len() {
        return Err(keys.wrong(TYPES, &format!("{} values are due", tokens.len())));
    }
    let unknown = keys.opt_u32("tokenizer.ggml.unknown_token_id")?;
    let prefix = "tokenizer.ggml.add_space_prefix";
    let space_prefix = keys.opt_bool(prefix)?;
    let squeeze = "tokenizer.ggml.remove_extra_whitespaces";
    if keys.opt_bool(squeeze)? == Some(true) {
        return Err(keys.wrong(squeeze, "not understood"));
    }
    match keys.opt_text(MODEL)? {
        Some("gpt2") => {
            if space_prefix == Some(true) {
                return Err(keys.wrong(prefix, "not understood with byte-level tokens"));
            }
            keys.get(SCORES);
            let name = keys.opt_text(PRE)?.ok_or_else(|| missing(PRE))?;
            let pre = Pre::from_gguf(name)
                .ok_or_else(|| keys.wrong(PRE, "this way of cutting words is not understood"))?;
            let merges = keys.texts("tokenizer.ggml.merges")?;
            let adds_bos = matches!(pre, Pre::Llama3 | Pre::Tekken);
            Ok((Vocabulary::byte_level(pre, tokens, &types, merges, unknown)?, adds_bos))
        }
        Some("llama") => {
            keys.opt_text(PRE)?;
            keys.texts("tokenizer.ggml.merges")?;
            let scores: Vec<f32> = match keys.get(SCORES) {
                Some(Value::Array(Array::Floats(all))) => all.iter().map(|x| *x as f32).collect(),
                _ => return Err(keys.wrong(SCORES, "a list of numbers is due")),
            };
            let space = space_prefix.unwrap_or(true);
            Ok((Vocabulary::scored(tokens, &types, &scores, space, unknown)?, true))
        }
        _ => Err(keys.wrong(MODEL, "\"gpt2\" or \"llama\" is due")),
    }
}

fn types(keys: &Keys<'_>) -> Result<Vec<u8>, Error> {
    let codes: Option<Vec<u8>> = match keys.get(TYPES) {
        None => Some(Vec::new()),
        Some(Value::Array(Array::Ints(all))) => {
            all.iter().map(|code| u8::try_from(*code).ok()).collect()
        }
        Some(Value::Array(Array::Uints(all))) => {
            all.iter().map(|code| u8::try_from(*code).ok()).collect()
        }
        Some(_) => None,
    };
    codes.ok_or_else(|| keys.wrong(TYPES, "a list of small numbers is due"))
}

/// A token's id under a key, if the key is there.
fn token(keys: &Keys<'_>, key: &str, vocabulary: &Vocabulary) -> Result<Option<u32>, Error> {
    let id = keys.opt_u32(key)?;
    let count = vocabulary.tokens.len();
    match id {
        Some(id) if id as usize >= count => {
            Err(keys.wrong(key, &format!("a token below {count} is due")))
        }
        id => Ok(id),
    }
}

/// The tokens that end an answer: by key, and control tokens by name.
fn all_ends(keys: &Keys<'_>, vocabulary: &Vocabulary) -> Result<Vec<u32>, Error> {
    let declared = token(keys, ENDS[0], vocabulary)?;
    let mut others = Vec::new();
    for key in &ENDS[1..] {
        others.extend(token(keys, key, vocabulary)?);
    }
    let all = vocabulary.tokens.iter().zip(&vocabulary.kinds).zip(0u32..);
    others.extend(all.filter_map(|((token, kind), id)| {
        let is_end = END_NAMES.iter().any(|name| name.as_bytes() == token);
        (is_end && *kind == TokenKind::Control).then_some(id)
    }));
    let ends = ends(declared, others);
    if ends.is_empty() {
        return Err(missing(ENDS[0]));
    }
    Ok(ends)
}

#[cfg(test)]
mod tests;
