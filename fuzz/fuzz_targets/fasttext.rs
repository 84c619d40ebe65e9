//! fastText models: any file, and a text under what is accepted.

#![no_main]

use libfuzzer_sys::fuzz_target;
use terroir_base::Digest;
use terroir_corpus::stage::Local;
use terroir_corpus::stage::language::{Language, Params};
use terroir_corpus::text::Doc;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(stage) = Language::read(bytes, Digest::of(bytes), &Params::default()) {
        let mut doc = Doc::default();
        doc.reset("Field and furrow, Feld und Furche; \u{20ac} 3.50!\n");
        let mut scores = [0; 3];
        stage.measure(&mut doc, &mut scores);
        assert!((0..=1_000_000).contains(&scores[1]));
    }
});
