//! Small sound files, changed at every byte and cut at every length: an error or a model, never a
//! panic, an endless loop or much memory.

use crate::make::Gguf;
use crate::models::golden;
use crate::safetensors::{SOUND, file};
use std::fs::{self, OpenOptions};
use std::path::Path;
use std::process::{Command, Stdio};
use terroir_import::tensors::Place;
use terroir_import::{Profile, Silent, gguf, import, pin_name, safetensors};
use terroir_store::Store;

/// Address space in which whole imports must do: a file of 50 KiB may ask for no gigabytes.
const MEMORY_KIB: u32 = 256 << 10;
/// Distance of the bytes that are changed or last among the weights, where no byte is special.
const WEIGHTS_STEP: usize = 499;

/// Calls `each` with every file that differs from `sound` in one byte.
fn every_byte(sound: &[u8], mut each: impl FnMut(&Vec<u8>)) {
    let mut bytes = sound.to_vec();
    for at in 0..bytes.len() {
        for other in 1..=255 {
            bytes[at] = sound[at] ^ other;
            each(&bytes);
        }
        bytes[at] = sound[at];
    }
}

#[track_caller]
fn inside<'a>(places: impl IntoIterator<Item = &'a Place>, bytes: &[u8]) {
    for place in places {
        assert!(place.offset + place.bytes <= bytes.len() as u64, "{place:?}");
    }
}

#[test]
fn a_gguf_header_with_any_byte_changed_names_only_what_is_in_the_file() {
    every_byte(&Gguf::sound().bytes(), |bytes| {
        if let Ok(header) = gguf::read(bytes) {
            inside(header.tensors.values(), bytes);
        }
    });
}

#[test]
fn a_safetensors_header_with_any_byte_changed_names_only_what_is_in_the_file() {
    every_byte(&file(SOUND, 32), |bytes| {
        if let Ok(places) = safetensors::read(bytes, 0) {
            inside(places.values(), bytes);
        }
    });
}

#[test]
fn whole_imports_of_changed_and_cut_files_take_little_memory() {
    let limited = format!(r#"ulimit -v {MEMORY_KIB} && exec "$0" --exact --ignored "$1""#);
    let this = std::env::current_exe().unwrap();
    let sweeps = ["sweep::gguf_sweep", "sweep::folder_sweep"].map(|sweep| {
        let mut command = Command::new("sh");
        command.args(["-c", &limited]).arg(&this).arg(sweep);
        // Otherwise each thread reserves 64 MiB that it does not use.
        command.env("MALLOC_ARENA_MAX", "1").stdout(Stdio::piped()).stderr(Stdio::piped());
        // Files in memory, where the system has them: nothing here is worth waiting for a disk.
        if Path::new("/dev/shm").is_dir() {
            command.env("TMPDIR", "/dev/shm");
        }
        command.spawn().unwrap()
    });
    for sweep in sweeps {
        let output = sweep.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let problem = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.contains("1 passed"), "{said}\n{problem}");
    }
}

#[test]
#[ignore = "runs with limited memory, from the test above"]
fn gguf_sweep() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.gguf");
    fs::copy(golden("qwen2.gguf"), &path).unwrap();
    let sound = fs::read(&path).unwrap();
    let header = gguf::read(&sound).unwrap();
    let weights = header.tensors.values().map(|place| place.offset as usize).min().unwrap();
    let bytes = (0..weights).chain((weights..sound.len()).step_by(WEIGHTS_STEP));
    sweep(&path, &path, bytes.clone());
    cut(&path, &path, bytes);
}

#[test]
#[ignore = "runs with limited memory, from the test above"]
fn folder_sweep() {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(golden("llama")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
    }
    for name in ["config.json", "tokenizer_config.json", "tokenizer.json", "generation_config.json"]
    {
        let path = folder.path().join(name);
        let length = fs::metadata(&path).unwrap().len() as usize;
        sweep(folder.path(), &path, 0..length);
    }
    let path = folder.path().join("model.safetensors");
    let sound = fs::read(&path).unwrap();
    let header = safetensors::read(&sound, 0).unwrap();
    let weights = header.values().map(|place| place.offset as usize).min().unwrap();
    let bytes = (0..weights).chain((weights..sound.len()).step_by(WEIGHTS_STEP));
    sweep(folder.path(), &path, bytes.clone());
    cut(folder.path(), &path, bytes);
}

/// Imports `model` with one byte after the other of its file `path` changed.
fn sweep(model: &Path, path: &Path, bytes: impl Iterator<Item = usize>) {
    let sound = fs::read(path).unwrap();
    let mut changed = sound.clone();
    let room = tempfile::tempdir().unwrap();
    let store = Store::open(room.path()).unwrap();
    for at in bytes {
        // Low bits make other small numbers and letters, high ones huge numbers and no text.
        changed[at] ^= 1 << (at % 8);
        fs::write(path, &changed).unwrap();
        if let Ok(imported) = import(model, Profile::Fast, &store, &mut Silent) {
            store.unpin(&pin_name(imported.id)).unwrap();
        }
        changed[at] = sound[at];
    }
    assert!(store.pins().unwrap().is_empty(), "what is refused is not pinned");
    fs::write(path, sound).unwrap();
}

/// Imports `model` with its file `path` cut to each of `lengths`, longest first.
fn cut(model: &Path, path: &Path, lengths: impl DoubleEndedIterator<Item = usize>) {
    let room = tempfile::tempdir().unwrap();
    let store = Store::open(room.path()).unwrap();
    let file = OpenOptions::new().write(true).open(path).unwrap();
    for length in lengths.rev() {
        file.set_len(length as u64).unwrap();
        assert!(import(model, Profile::Fast, &store, &mut Silent).is_err(), "{length} bytes");
    }
}
