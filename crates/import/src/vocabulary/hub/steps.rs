//! The steps around the merging: what the normaliser, the pre-tokenizer, the decoder and the
//! post-processor of a `tokenizer.json` amount to.
//!
//! Invariant: a step that is not known here is refused, so text is never cut another way.

use super::File;
use serde_json::Value;
use terroir_model::tokenizer::Pre;

/// How text is cut before merging.
#[derive(Debug, PartialEq)]
pub(super) enum Cut {
    /// Into words, and those into bytes.
    ByteLevel(Pre),
    /// Not at all; spaces are spelled U+2581.
    Scored {
        /// Whether text starts with one more space.
        space_prefix: bool,
    },
}

const QWEN2: &str = concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}",
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
);
const LLAMA3: &str = concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}",
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
);
const TEKKEN: &str = concat!(
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+",
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*",
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
);

/// What a file's steps amount to.
pub(super) fn cut(file: &File) -> Result<Cut, String> {
    let model = &file.model;
    if model.kind.as_deref().is_some_and(|kind| kind != "BPE") {
        return Err(format!("model type {:?}, \"BPE\" is due", model.kind));
    }
    let fixes = [&model.continuing_subword_prefix, &model.end_of_word_suffix];
    if model.dropout.is_some()
        || fixes.iter().any(|fix| fix.as_ref().is_some_and(|f| !f.is_empty()))
    {
        return Err("dropout, prefixes and suffixes of subwords are not understood".into());
    }
    let normal = flat(&file.normalizer);
    let before = flat(&file.pre_tokenizer);
    if before.iter().any(|step| kind(step) == "ByteLevel") {
        if normal.iter().any(|step| kind(step) != "NFC") {
            return Err(unknown("normalizer", &normal));
        }
        return byte_level(&before).map(Cut::ByteLevel);
    }
    scored(&normal, &before)
}

fn byte_level(before: &[&Value]) -> Result<Pre, String> {
    let refuse = || unknown("pre_tokenizer", before);
    let (last, first) = before.split_last().ok_or_else(refuse)?;
    let uses_regex = flag(last, "use_regex").unwrap_or(true);
    if kind(last) != "ByteLevel" || flag(last, "add_prefix_space") == Some(true) {
        return Err(refuse());
    }
    match (first, uses_regex) {
        ([], true) => Ok(Pre::Gpt2),
        ([digits], true)
            if kind(digits) == "Digits" && flag(digits, "individual_digits") == Some(true) =>
        {
            Ok(Pre::Smollm)
        }
        ([split], false) if is_plain_split(split) => match split["pattern"]["Regex"].as_str() {
            Some(QWEN2) => Ok(Pre::Qwen2),
            Some(LLAMA3) => Ok(Pre::Llama3),
            Some(TEKKEN) => Ok(Pre::Tekken),
            _ => Err(refuse()),
        },
        _ => Err(refuse()),
    }
}

fn is_plain_split(step: &Value) -> bool {
    kind(step) == "Split" && step["behavior"] == "Isolated" && flag(step, "invert") != Some(true)
}

fn scored(normal: &[&Value], before: &[&Value]) -> Result<Cut, String> {
    let spells_spaces = |step: &Value| {
        kind(step) == "Replace" && step["pattern"]["String"] == " " && step["content"] == "\u{2581}"
    };
    let prepends = |step: &Value| kind(step) == "Prepend" && step["prepend"] == "\u{2581}";
    // After the spaces are spelled otherwise, a cut at spaces cuts nothing.
    let cuts_nothing = |step: &Value| kind(step) == "Split" && step["pattern"]["String"] == " ";
    match (normal, before) {
        ([prefix, spaces], []) if prepends(prefix) && spells_spaces(spaces) => {
            Ok(Cut::Scored { space_prefix: true })
        }
        ([spaces], []) if spells_spaces(spaces) => Ok(Cut::Scored { space_prefix: false }),
        ([spaces], [split]) if spells_spaces(spaces) && cuts_nothing(split) => {
            Ok(Cut::Scored { space_prefix: false })
        }
        ([], [space])
            if kind(space) == "Metaspace"
                && space["replacement"] == "\u{2581}"
                && flag(space, "split") == Some(false) =>
        {
            match space["prepend_scheme"].as_str() {
                Some("first" | "always") => Ok(Cut::Scored { space_prefix: true }),
                Some("never") => Ok(Cut::Scored { space_prefix: false }),
                _ => Err(unknown("pre_tokenizer", before)),
            }
        }
        (_, []) => Err(unknown("normalizer", normal)),
        _ => Err(unknown("pre_tokenizer", before)),
    }
}

/// The token before every text, and whether one comes after it.
pub(super) fn frame(file: &File) -> Result<(Option<String>, bool), String> {
    let steps = flat(&file.post_processor);
    let mut frame = (None, false);
    for step in &steps {
        match kind(step) {
            "ByteLevel" => {}
            "TemplateProcessing" => {
                let single =
                    step["single"].as_array().ok_or_else(|| unknown("post_processor", &steps))?;
                let text = single.iter().position(|part| part.get("Sequence").is_some());
                let text = text.ok_or_else(|| unknown("post_processor", &steps))?;
                let name = |part: &Value| part["SpecialToken"]["id"].as_str().map(str::to_owned);
                frame = match &single[..text] {
                    [] => (None, text + 1 < single.len()),
                    [one] => (name(one), text + 1 < single.len()),
                    _ => return Err(unknown("post_processor", &steps)),
                };
            }
            _ => return Err(unknown("post_processor", &steps)),
        }
    }
    Ok(frame)
}

/// A step's steps, if it is a sequence, or itself.
fn flat(step: &Option<Value>) -> Vec<&Value> {
    let Some(step) = step else { return Vec::new() };
    if kind(step) != "Sequence" {
        return vec![step];
    }
    let inner = ["normalizers", "pretokenizers", "processors", "decoders"];
    let inner = inner.iter().find_map(|key| step[*key].as_array());
    inner.map_or(Vec::new(), |inner| inner.iter().collect())
}

fn kind(step: &Value) -> &str {
    step["type"].as_str().unwrap_or_default()
}

fn flag(step: &Value, key: &str) -> Option<bool> {
    step[key].as_bool()
}

fn unknown(what: &str, steps: &[&Value]) -> String {
    let steps: Vec<String> = steps.iter().map(|step| step.to_string()).collect();
    let text: String = steps.join(", ").chars().take(200).collect();
    format!("{what} is not understood: {text}")
}
