//! A random decoder over bytes, with a tokenizer and a chat template: a whole model in memory.

use std::collections::BTreeMap;
use std::sync::Arc;
use terroir_base::Digest;
use terroir_base::id::{ModelId, ProgramId};
use terroir_model::tokenizer::{Pre, Scheme, TokenKind};
use terroir_model::{Manifest, Model, Profile, Vocabulary};
use terroir_tensor::Bytes;
use terroir_tensor::laws::{Shape, decoder};
use terroir_tensor::program::Op;

/// Longest prompt and answer together.
pub const CONTEXT: u32 = 200;

const TEMPLATE: &str = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}";

struct Parts {
    id: ModelId,
    blobs: BTreeMap<Digest, Vec<u8>>,
    /// The matrices inside the blocks: between the embedding and the logits.
    inner: Vec<Digest>,
}

/// The model; no token ends its answers.
pub fn model() -> Model {
    load(&parts(&[]))
}

/// The same, but this token ends its answers.
pub fn model_that_ends_with(token: u32) -> Model {
    load(&parts(&[token]))
}

/// The same by name, with one byte of one weight changed: of the matrix `index`, modulo their count.
pub fn model_with_a_changed_weight(index: usize) -> Model {
    let mut parts = parts(&[]);
    let digest = parts.inner[index % parts.inner.len()];
    let blob = parts.blobs.get_mut(&digest).unwrap();
    let at = blob.len() / 2;
    blob[at] ^= 0x80;
    load(&parts)
}

fn load(parts: &Parts) -> Model {
    let mut fetch = |digest: &Digest| {
        let blob = parts.blobs.get(digest).ok_or("no such blob")?;
        Ok(Arc::new(blob.clone()) as Bytes)
    };
    Model::load(parts.id, &mut fetch).unwrap()
}

fn parts(eos: &[u32]) -> Parts {
    let mut blobs = BTreeMap::new();
    let mut put = |bytes: Vec<u8>| {
        let digest = Digest::of(&bytes);
        blobs.insert(digest, bytes);
        digest
    };
    let shape = Shape { vocab: 288, positions: 256, exponent: 19, ..Shape::small() };
    let (program, constants) = decoder(5, shape);
    let mut sizes: Vec<_> = constants.all().map(|c| (put(c.to_vec()), c.len() as u64)).collect();
    sizes.sort();
    let weights = program.ops.iter().filter_map(|op| match op {
        Op::Linear { weight, .. } if weight.rows != shape.vocab => Some(weight.digest),
        _ => None,
    });
    let inner = weights.collect();
    let manifest = Manifest {
        name: "tiny".into(),
        architecture: "llama".into(),
        profile: Profile::Fast,
        program: ProgramId(put(program.encode())),
        tokenizer: put(vocabulary().encode()),
        template: Some(put(TEMPLATE.into())),
        context_max: CONTEXT,
        vocab: 288,
        bos: None,
        eos: eos.to_vec(),
        add_bos: false,
        licence: None,
        source: Digest::of(b"laws"),
        importer: "tests".into(),
        blobs: sizes,
    };
    let id = ModelId(put(manifest.encode()));
    Parts { id, blobs, inner }
}

/// 256 bytes and one control token.
fn vocabulary() -> Vocabulary {
    let tokens = (0..=255u8).map(|byte| vec![byte]).chain([b"<end>".to_vec()]).collect();
    let mut kinds = vec![TokenKind::Normal; 256];
    kinds.push(TokenKind::Control);
    let scheme = Scheme::ByteLevel { pre: Pre::Gpt2, merges: vec![] };
    Vocabulary { tokens, kinds, scheme, unknown: None }
}
