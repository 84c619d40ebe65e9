//! A small random model, complete in memory, for tests here and in the crates above (feature `laws`).
//!
//! Invariant: everything follows from one seed, and it loads like any other model.

use crate::tokenizer::{Pre, Scheme, TokenKind, Vocabulary};
use crate::{Error, Manifest, Model, Profile};
use std::collections::BTreeMap;
use std::sync::Arc;
use terroir_base::Digest;
use terroir_base::id::{ModelId, ProgramId};
use terroir_tensor::Bytes;
use terroir_tensor::laws::{Shape, decoder};

/// Tokens of the vocabulary: three control tokens, every byte, and some pairs of bytes.
pub const VOCAB: u32 = 288;
/// Longest prompt plus answer.
pub const CONTEXT_MAX: u32 = 512;
/// The token that ends an answer.
pub const END: u32 = 2;

const CONTROL: [&str; 3] = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];
const PAIRS: &str = "thheinerreanonatenndtiesortediisouarasllvelyngbechea ";
const TEMPLATE: &str = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + \
    message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}\
    {% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

/// The blobs of a model.
pub struct Toy {
    /// Its id.
    pub id: ModelId,
    blobs: BTreeMap<Digest, Arc<Vec<u8>>>,
}

impl Toy {
    /// The model that `seed` names.
    pub fn new(seed: u64) -> Toy {
        let shape = Shape { vocab: VOCAB, positions: CONTEXT_MAX, ..Shape::small() };
        let (program, constants) = decoder(seed, shape);
        let constants = constants.all().map(|bytes| Arc::new(bytes.to_vec()));
        let mut blobs: BTreeMap<_, _> = constants.map(|blob| (Digest::of(&blob), blob)).collect();
        let sizes = blobs.iter().map(|(digest, blob)| (*digest, blob.len() as u64)).collect();
        let mut put = |bytes: Vec<u8>| {
            let digest = Digest::of(&bytes);
            blobs.insert(digest, Arc::new(bytes));
            digest
        };
        let manifest = Manifest {
            name: format!("toy {seed}"),
            architecture: "llama".into(),
            profile: Profile::Fast,
            program: ProgramId(put(program.encode())),
            tokenizer: put(vocabulary().encode()),
            template: Some(put(TEMPLATE.as_bytes().to_vec())),
            context_max: CONTEXT_MAX,
            vocab: VOCAB,
            bos: Some(1),
            eos: vec![0, END],
            add_bos: false,
            licence: Some("CC0-1.0".into()),
            source: Digest::of(&seed.to_le_bytes()),
            importer: "laws".into(),
            blobs: sizes,
        };
        let id = ModelId(put(manifest.encode()));
        Toy { id, blobs }
    }

    /// Every blob, the manifest included.
    pub fn blobs(&self) -> impl Iterator<Item = &[u8]> {
        self.blobs.values().map(|blob| blob.as_slice())
    }

    /// Finds a blob, as [`Model::load`] wants it.
    pub fn fetch(&self, digest: &Digest) -> Result<Bytes, String> {
        let found = self.blobs.get(digest).cloned();
        found.map(|blob| blob as Bytes).ok_or_else(|| "no such blob".into())
    }

    /// The model, loaded.
    pub fn load(&self) -> Result<Model, Error> {
        Model::load(self.id, &mut |digest| self.fetch(digest))
    }
}

fn vocabulary() -> Vocabulary {
    let bytes = (0..=255u8).map(|byte| vec![byte]);
    let mut tokens: Vec<Vec<u8>> = CONTROL.iter().map(|name| name.as_bytes().to_vec()).collect();
    tokens.extend(bytes);
    let of = |byte: u8| u32::from(byte) + CONTROL.len() as u32;
    let mut merges = Vec::new();
    for pair in PAIRS.as_bytes().windows(2).filter(|pair| pair[0] != b' ') {
        if tokens.len() < VOCAB as usize && !tokens.iter().any(|token| token == pair) {
            tokens.push(pair.to_vec());
            merges.push((of(pair[0]), of(pair[1])));
        }
    }
    let kinds = (0..tokens.len()).map(|id| match id {
        0..3 => TokenKind::Control,
        _ => TokenKind::Normal,
    });
    let scheme = Scheme::ByteLevel { pre: Pre::Gpt2, merges };
    Vocabulary { kinds: kinds.collect(), tokens, scheme, unknown: None }
}
