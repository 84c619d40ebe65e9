use super::*;

fn sample() -> Manifest {
    Manifest {
        name: "SmolLM2 135M".into(),
        architecture: "llama".into(),
        profile: Profile::Fast,
        program: ProgramId::of(b"program"),
        tokenizer: Digest::of(b"tokenizer"),
        template: Some(Digest::of(b"template")),
        context_max: 8192,
        vocab: 49152,
        bos: Some(1),
        eos: vec![0, 2],
        add_bos: false,
        licence: Some("Apache-2.0".into()),
        source: Digest::of(b"source"),
        importer: "terroir-import 1".into(),
        blobs: {
            let mut blobs = vec![(Digest::of(b"one"), 7), (Digest::of(b"two"), 9)];
            blobs.sort();
            blobs
        },
    }
}

#[test]
fn a_manifest_reads_back_as_it_was_written() {
    let bare = Manifest { template: None, bos: None, licence: None, ..sample() };
    for manifest in [sample(), bare] {
        let bytes = manifest.encode();
        assert_eq!(Manifest::decode(&bytes).unwrap(), manifest);
        assert_eq!(manifest.id(), ModelId::of(&bytes));
    }
}

#[test]
fn the_encoding_is_frozen() {
    let want = "546dae48a21d";
    assert!(sample().id().to_string().starts_with(want), "got {}", sample().id());
}

#[test]
fn a_manifest_that_contradicts_itself_is_refused() {
    let check = |change: fn(&mut Manifest), want: &str| {
        let mut manifest = sample();
        change(&mut manifest);
        let error = Manifest::decode(&manifest.encode()).unwrap_err().to_string();
        assert!(error.contains(want), "{error}");
    };
    check(|m| m.name = "a\nb".into(), "name must be at most 256 bytes without control");
    check(|m| m.context_max = 0, "context_max must be at least 1");
    check(|m| m.eos = vec![49152], "vocab of 49152 does not hold token 49152");
    let eos = "eos must be at most 16 different tokens, ascending after the first";
    check(|m| m.eos = vec![2, 1, 0], eos);
    check(|m| m.eos = vec![2, 0, 2], eos);
    check(|m| m.eos = vec![2, 1, 1], eos);
    check(|m| m.eos = (0..17).collect(), "eos");
    let many = Manifest { eos: (0..17).collect(), ..sample() };
    assert_eq!(many.check().unwrap_err().to_string(), format!("manifest: {eos}"));
    check(|m| (m.bos, m.add_bos) = (None, true), "add_bos needs a bos token");
    check(|m| m.blobs.reverse(), "blobs must be at most 16384 blobs, ascending");
}

#[test]
fn no_prefix_of_an_encoding_is_a_manifest() {
    let bytes = sample().encode();
    assert!((0..bytes.len()).all(|end| Manifest::decode(&bytes[..end]).is_err()));
}
