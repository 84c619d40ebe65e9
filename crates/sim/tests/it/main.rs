//! Seeds, and proof that what they are held against can be broken.

mod broken;
mod seeds;
