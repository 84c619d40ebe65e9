//! Digests that name one kind of thing each, so that they cannot be mixed up.

use crate::digest::{Digest, ParseError};
use std::fmt;
use std::str::FromStr;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub Digest);

        impl $name {
            /// The id of the thing whose canonical bytes these are.
            pub fn of(bytes: &[u8]) -> $name {
                $name(Digest::of(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = ParseError;

            fn from_str(text: &str) -> Result<$name, ParseError> {
                text.parse().map($name)
            }
        }
    };
}

id! {
    /// A model: the digest of its encoded manifest.
    ModelId
}
id! {
    /// A program: the digest of its encoding.
    ProgramId
}
id! {
    /// A receipt: the digest of its whole signed envelope.
    ReceiptId
}
id! {
    /// A blob: the digest of its bytes.
    BlobId
}

#[cfg(test)]
mod tests {
    use super::{BlobId, ModelId};

    #[test]
    fn an_id_reads_and_prints_as_its_digest() {
        let id = BlobId::of(b"abc");
        assert_eq!(id.to_string(), id.0.to_string());
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(format!("{:?}", ModelId(id.0)), format!("ModelId({id})"));
        assert!("xyz".parse::<BlobId>().is_err());
    }
}
