//! Writes small GGUF files, right or wrong on purpose.

use terroir_import::quant::Kind;

/// A GGUF file in the making.
pub struct Gguf {
    pub magic: [u8; 4],
    pub version: u32,
    pub keys: Vec<(String, Vec<u8>)>,
    pub tensors: Vec<Tensor>,
    pub data: Vec<u8>,
    /// Replaces the true number of keys or tensors.
    pub key_count: Option<u64>,
    pub tensor_count: Option<u64>,
}

#[derive(Clone)]
pub struct Tensor {
    pub name: Vec<u8>,
    /// Innermost dimension first, as in the file.
    pub shape: Vec<u64>,
    pub kind: u32,
    pub offset: u64,
}

pub fn text(text: &[u8]) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes(), text].concat()
}

/// Type number and bytes of a value.
pub fn value(kind: u32, bytes: &[u8]) -> Vec<u8> {
    [&kind.to_le_bytes(), bytes].concat()
}

/// An array value: element type, count, bytes.
pub fn array(kind: u32, count: u64, bytes: &[u8]) -> Vec<u8> {
    [&9u32.to_le_bytes()[..], &kind.to_le_bytes(), &count.to_le_bytes(), bytes].concat()
}

impl Gguf {
    /// Two keys and two tensors, all as it should be.
    pub fn sound() -> Gguf {
        let tensor = |name: &str, shape: &[u64], kind: Kind, offset| Tensor {
            name: name.into(),
            shape: shape.into(),
            kind: kind.ggml(),
            offset,
        };
        Gguf {
            magic: *b"GGUF",
            version: 3,
            keys: vec![
                ("general.architecture".into(), value(8, &text(b"llama"))),
                ("llama.block_count".into(), value(4, &2u32.to_le_bytes())),
                ("a.list".into(), array(8, 2, &[text(b"x"), text(b"yz")].concat())),
            ],
            tensors: vec![tensor("a", &[32, 2], Kind::Q8_0, 0), tensor("b", &[5], Kind::F32, 96)],
            data: vec![0; 96 + 20],
            key_count: None,
            tensor_count: None,
        }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend(self.magic);
        out.extend(self.version.to_le_bytes());
        out.extend(self.tensor_count.unwrap_or(self.tensors.len() as u64).to_le_bytes());
        out.extend(self.key_count.unwrap_or(self.keys.len() as u64).to_le_bytes());
        for (key, value) in &self.keys {
            out.extend(text(key.as_bytes()));
            out.extend(value);
        }
        for tensor in &self.tensors {
            out.extend(text(&tensor.name));
            out.extend((tensor.shape.len() as u32).to_le_bytes());
            tensor.shape.iter().for_each(|size| out.extend(size.to_le_bytes()));
            out.extend(tensor.kind.to_le_bytes());
            out.extend(tensor.offset.to_le_bytes());
        }
        out.resize(out.len().next_multiple_of(32), 0);
        out.extend(&self.data);
        out
    }
}
