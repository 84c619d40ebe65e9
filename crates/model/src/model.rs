//! A loaded model: the parts that its manifest names, checked against each other.
//!
//! For batches, replay and scoring. Invariant: every part has the digest that the manifest says.

use crate::{Error, Input, Manifest, Request, Template, Tokenizer};
use std::borrow::Cow;
use std::sync::Arc;
use terroir_base::Digest;
use terroir_base::id::{ModelId, ProgramId};
use terroir_tensor::{Bytes, Plan, Program};

/// A model in memory.
pub struct Model {
    /// Its id: the digest of its manifest.
    pub id: ModelId,
    /// What it is.
    pub manifest: Manifest,
    /// Its program, ready to run.
    pub plan: Arc<Plan>,
    /// Text to tokens and back.
    pub tokenizer: Tokenizer,
    /// Chats to text, where it knows how.
    pub template: Option<Template>,
}

/// A request that has passed every check, with the tokens of its prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// What was asked.
    pub request: Request,
    /// The tokens to continue.
    pub prompt: Vec<u32>,
}

impl Model {
    /// Loads the model `id`: `fetch` gives the manifest and everything that it names.
    ///
    /// Every blob but the program's constants, which whoever fetches has checked, is hashed here.
    /// Errors: `Error::Blob` for what is missing or not what its name says, `Error::Mismatch` for
    /// parts that do not fit.
    pub fn load(
        id: ModelId,
        fetch: &mut dyn FnMut(&Digest) -> Result<Bytes, String>,
    ) -> Result<Model, Error> {
        let manifest = Manifest::decode(checked("manifest", id.0, fetch)?.as_ref().as_ref())?;
        let program = checked("program", manifest.program.0, fetch)?;
        let program = Program::decode((*program).as_ref())?;
        let tokenizer = checked("tokenizer", manifest.tokenizer, fetch)?;
        let tokenizer = Tokenizer::from_bytes((*tokenizer).as_ref())?;
        let template = match manifest.template {
            None => None,
            Some(digest) => {
                let source = checked("template", digest, fetch)?;
                Some(template(&manifest, &tokenizer, digest, (*source).as_ref())?)
            }
        };
        let plan = Arc::new(Plan::load(program, fetch)?);
        let model = Model { id, manifest, plan, tokenizer, template };
        model.check()?;
        Ok(model)
    }

    fn check(&self) -> Result<(), Error> {
        let Manifest { vocab, context_max, program, .. } = self.manifest;
        let (vocab, context_max) = (vocab as usize, context_max as usize);
        let expect = |what: &str, got: usize, fits: bool, wanted: String| {
            let problem = || Error::Mismatch(format!("{what} {got}, the manifest says {wanted}"));
            if fits { Ok(()) } else { Err(problem()) }
        };
        let (embedded, logits) = (self.plan.vocab(), self.plan.logits());
        expect("tokens that the program knows:", embedded, embedded == vocab, vocab.to_string())?;
        expect("logits of the program:", logits, logits == vocab, vocab.to_string())?;
        let named = self.tokenizer.vocab();
        expect("tokens of the tokenizer:", named, named <= vocab, format!("at most {vocab}"))?;
        let positions = self.plan.positions_max();
        let wanted = format!("a context of {context_max}");
        expect("positions of the program:", positions, positions >= context_max, wanted)?;
        if ProgramId(self.plan.digest()) != program {
            return Err(Error::Mismatch("the program is not in its canonical encoding".into()));
        }
        Ok(())
    }

    /// The tokens that `input` becomes.
    ///
    /// A chat goes through the template, in which special tokens are parsed; plain text is taken
    /// as it stands. The start token comes first where the manifest says so, but never twice.
    /// Errors: `Error::NoTemplate`, `Error::Template`, `Error::EmptyPrompt`.
    pub fn prompt(&self, input: &Input) -> Result<Vec<u32>, Error> {
        self.tokens(&self.text(input)?, matches!(input, Input::Chat(_)))
    }

    /// Checks a request and makes its prompt.
    ///
    /// Errors: those of [`Request::check`] and [`Model::prompt`], and `Error::ContextOverflow`.
    pub fn prepare(&self, request: Request) -> Result<Prepared, Error> {
        request.check()?;
        let (max_tokens, context_max) = (request.max_tokens, self.manifest.context_max);
        let fits = |prompt_tokens: usize, exact| {
            if prompt_tokens as u64 + u64::from(max_tokens) <= u64::from(context_max) {
                return Ok(());
            }
            Err(Error::ContextOverflow { prompt_tokens, exact, max_tokens, context_max })
        };
        let text = self.text(&request.input)?;
        // A text much too long need not be cut into tokens to know that.
        fits(text.len() / self.tokenizer.longest(), false)?;
        let prompt = self.tokens(&text, matches!(request.input, Input::Chat(_)))?;
        fits(prompt.len(), true)?;
        Ok(Prepared { request, prompt })
    }

    fn text<'a>(&self, input: &'a Input) -> Result<Cow<'a, str>, Error> {
        match input {
            Input::Text(text) => Ok(text.into()),
            Input::Chat(messages) => {
                let template = self.template.as_ref().ok_or(Error::NoTemplate)?;
                Ok(template.render(messages, true)?.into())
            }
        }
    }

    fn tokens(&self, text: &str, parse_special: bool) -> Result<Vec<u32>, Error> {
        let tokens = self.tokenizer.encode(text, parse_special);
        let bos = self.manifest.bos.filter(|_| self.manifest.add_bos);
        let bos = bos.filter(|bos| tokens.first() != Some(bos));
        let prompt: Vec<u32> = bos.into_iter().chain(tokens).collect();
        if prompt.is_empty() { Err(Error::EmptyPrompt) } else { Ok(prompt) }
    }

    /// Whether `token` ends an answer.
    pub fn ends(&self, token: u32) -> bool {
        self.manifest.eos.contains(&token)
    }
}

/// Fetches a blob and makes sure that it is the one.
fn checked(
    what: &'static str,
    digest: Digest,
    fetch: &mut dyn FnMut(&Digest) -> Result<Bytes, String>,
) -> Result<Bytes, Error> {
    let bytes = fetch(&digest).map_err(|problem| Error::Blob { what, digest, problem })?;
    let got = Digest::of((*bytes).as_ref());
    if got != digest {
        let problem = format!("its bytes have the digest {got}");
        return Err(Error::Blob { what, digest, problem });
    }
    Ok(bytes)
}

fn template(
    manifest: &Manifest,
    tokenizer: &Tokenizer,
    digest: Digest,
    source: &[u8],
) -> Result<Template, Error> {
    let problem = |e| Error::Blob { what: "template", digest, problem: format!("not utf-8: {e}") };
    let source = std::str::from_utf8(source).map_err(problem)?;
    let name = |token: Option<u32>| {
        let name = token.and_then(|token| tokenizer.name(token)).unwrap_or_default();
        String::from_utf8_lossy(name).into_owned()
    };
    Template::new(source, &name(manifest.bos), &name(manifest.eos.first().copied()))
}

#[cfg(test)]
mod tests;
