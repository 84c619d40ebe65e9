//! The tensors of a model, wherever they stand: names, shapes and types, and their bytes on demand.
//!
//! For the translators; the readers of GGUF and safetensors make it. Invariant: every place was
//! checked against its file, so a read fails only when the disk does.

use crate::Error;
use crate::data::Data;
use crate::quant::Kind;
use std::collections::BTreeMap;

/// Where one tensor stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Index of its file.
    pub file: usize,
    /// Storage type.
    pub kind: Kind,
    /// Dimensions, outermost first.
    pub shape: Vec<u64>,
    /// Its first byte, from the start of the file.
    pub offset: u64,
    /// Its length.
    pub bytes: u64,
}

/// All tensors of a model.
pub struct Tensors {
    /// The files.
    pub files: Vec<Box<dyn Data>>,
    /// The tensors by name.
    pub places: BTreeMap<String, Place>,
}

impl Tensors {
    /// Reads `into.len()` bytes of a tensor, from `from` on.
    ///
    /// Errors: [`Error::Io`]. Panics: if the place is not one of these files.
    pub fn read(&self, place: &Place, from: u64, into: &mut [u8]) -> Result<(), Error> {
        self.files[place.file].read_at(place.offset + from, into)
    }

    /// All values of a small tensor, exact.
    ///
    /// Errors: [`Error::Tensor`] when it has more than `count_max` values, or one of them is not
    /// finite; [`Error::Io`].
    pub fn values(&self, name: &str, place: &Place, count_max: u64) -> Result<Vec<f64>, Error> {
        let fail = |what: String| Error::Tensor { name: name.into(), what };
        let count: u64 = place.shape.iter().product();
        if count > count_max {
            return Err(fail(format!("{count} values, at most {count_max} are read at once")));
        }
        let mut bytes = vec![0; place.bytes as usize];
        self.read(place, 0, &mut bytes)?;
        let mut values = vec![0.0; count as usize];
        place.kind.dequantise(&bytes, &mut values);
        match values.iter().position(|value| !value.is_finite()) {
            Some(at) => Err(fail(format!("value {at} is {}", values[at]))),
            None => Ok(values),
        }
    }
}
