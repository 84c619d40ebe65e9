//! Key files against the golden one.

use crate::golden::{check, lines};
use terroir_base::hex;
use terroir_base::sign::SecretKey;

#[test]
fn key_text_is_frozen() {
    let seeds = [[0; 32], [7; 32], [255; 32]];
    let line = |seed: [u8; 32]| {
        let key = SecretKey::from_seed(seed);
        format!("{} {} {}", hex::encode(&seed), key.public(), key.to_text().trim_end())
    };
    check("key.txt", "seed, public key, the line in the file", &seeds.map(line));
}

#[test]
fn golden_keys_are_read() {
    for [_, public, text] in lines("key.txt") {
        let key = SecretKey::from_text(&format!("{text}\n")).unwrap();
        assert_eq!(key.public().to_string(), public);
    }
}
