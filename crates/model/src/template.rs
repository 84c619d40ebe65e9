//! Chat templates: messages to the text that the model was trained on.
//!
//! Templates come from strangers' files. Invariant: rendering is a pure function of template and
//! messages, and ends in time and memory that the constants below bound. `docs/spec/template.md`
//! says what a template may use.

mod guard;
mod words;

use crate::{Error, Message};
use guard::Budget;
use minijinja::machinery::{self, CodeGenerator, Instructions, Token};
use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, ErrorKind, Value, context};
use std::collections::BTreeMap;

/// Longest template, in bytes.
pub const SOURCE_BYTES_MAX: usize = 1 << 17;
/// Most words and signs inside one pair of `{% %}` or `{{ }}`.
const TAG_TOKENS_MAX: usize = 1_000;
/// Most `elif` branches together: each is nested in the one before.
const BRANCHES_MAX: usize = 200;
/// Most instructions of a rendering, and as many more for each message.
const FUEL: u64 = 2_000_000;
const FUEL_PER_MESSAGE: u64 = 2_000;
/// Most bytes that a rendering handles, and as many more for each byte of the messages.
const WORK_BYTES: u64 = 16 << 20;
const WORK_PER_BYTE: u64 = 64;
/// Deepest calls of macros, in the units of minijinja: 4 a call.
const RECURSION: usize = 100;

/// What a panic reads as.
const BROKEN: &str = "the template machine broke down";

/// A chat template that compiles.
#[derive(Clone, Debug)]
pub struct Template {
    source: String,
    bos: String,
    eos: String,
}

impl Template {
    /// From its source, and the names of the start and end token.
    ///
    /// Errors: `Error::Template` for a source that is too long, does not compile, or uses what chat
    /// templates may not use.
    pub fn new(source: &str, bos: &str, eos: &str) -> Result<Template, Error> {
        shielded(|| compile(source).map(drop))?;
        let [source, bos, eos] = [source, bos, eos].map(str::to_owned);
        Ok(Template { source, bos, eos })
    }

    /// The text of a chat; with `add_generation_prompt`, the answer's opening words follow.
    ///
    /// Errors: `Error::Template` where the template refuses the chat, fails, or exceeds its limits.
    pub fn render(
        &self,
        messages: &[Message],
        add_generation_prompt: bool,
    ) -> Result<String, Error> {
        shielded(|| self.rendered(messages, add_generation_prompt))
    }

    fn rendered(&self, messages: &[Message], add_generation_prompt: bool) -> Result<String, Error> {
        let input: usize = messages.iter().map(|m| m.role.len() + m.content.len()).sum();
        let budget = Budget::new(WORK_BYTES + WORK_PER_BYTE * input as u64);
        let mut environment = Environment::empty();
        environment.set_fuel(Some(FUEL + FUEL_PER_MESSAGE * messages.len() as u64));
        environment.set_recursion_limit(RECURSION);
        words::install(&mut environment, &budget);
        guard::install(&mut environment, &budget);
        let message = |m: &Message| {
            context! {
                role => m.role.as_str(), content => m.content.as_str(),
            }
        };
        let messages: Vec<Value> = messages.iter().map(message).collect();
        let context = context! {
            messages,
            add_generation_prompt,
            bos_token => self.bos.as_str(),
            eos_token => self.eos.as_str(),
        };
        let instructions = compile(&self.source)?;
        let (blocks, mut text) = (BTreeMap::new(), String::new());
        let mut output = machinery::make_string_output(&mut text);
        machinery::eval(
            &environment,
            &instructions,
            context,
            &blocks,
            &mut output,
            AutoEscape::None,
        )
        .map_err(failure)?;
        drop(output);
        Ok(text)
    }
}

/// Turns a panic of the template machine, which is not ours, into an error: it has some on odd input
/// (an empty text reversed, a number divisible by nothing), and there may be more than are known.
fn shielded<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
    caught.unwrap_or_else(|_| Err(Error::Template(BROKEN.into())))
}

/// The guarded instructions of a template.
fn compile(source: &str) -> Result<Instructions<'_>, Error> {
    if source.len() > SOURCE_BYTES_MAX {
        let got = source.len();
        return Err(Error::Template(format!("{got} bytes, at most {SOURCE_BYTES_MAX}")));
    }
    // As in HuggingFace's library: no empty lines from tags.
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    let syntax = syntax.expect("the usual delimiters");
    measure(source, &syntax)?;
    let tree = machinery::parse(source, "template", syntax).map_err(failure)?;
    let mut generator = CodeGenerator::new("template", source);
    generator.compile_stmt(&tree);
    guard::rewrite(&generator.finish().0).map_err(Error::Template)
}

/// Refuses what would cost the compiler too much: it recurses into expressions and branches, and
/// computes products of constants on the spot.
fn measure(source: &str, syntax: &SyntaxConfig) -> Result<(), Error> {
    let (mut tokens, mut branches) = (0, 0);
    for token in machinery::tokenize(source, false, syntax.clone()) {
        let (token, span) = token.map_err(failure)?;
        tokens += 1;
        match token {
            Token::BlockStart | Token::VariableStart => tokens = 0,
            Token::Ident("elif") => branches += 1,
            _ => {}
        }
        let what = if matches!(token, Token::Mul | Token::Pow) {
            "it multiplies".to_owned()
        } else if tokens > TAG_TOKENS_MAX {
            format!("more than {TAG_TOKENS_MAX} words in one tag")
        } else if branches > BRANCHES_MAX {
            format!("more than {BRANCHES_MAX} branches")
        } else {
            continue;
        };
        return Err(Error::Template(format!("{what} (line {})", span.start_line)));
    }
    Ok(())
}

fn failure(error: minijinja::Error) -> Error {
    let line = error.line().map(|line| format!(" (line {line})")).unwrap_or_default();
    let what = match (error.kind(), error.detail()) {
        (ErrorKind::OutOfFuel, _) => "it takes more steps than a template may".to_owned(),
        (kind, Some(detail)) => format!("{kind}: {detail}"),
        (kind, None) => kind.to_string(),
    };
    Error::Template(what + &line)
}

#[cfg(test)]
mod tests;
