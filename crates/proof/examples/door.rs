//! The way in for JavaScript: `check` for receipts and `Light` for finality, behind functions that
//! pass nothing but 32-bit numbers.
//!
//! Bytes go in and out four at a time, little endian, so no memory is shared and no pointer is
//! read. Build: `cargo build --release -p terroir-proof --no-default-features --example door
//! --target wasm32-unknown-unknown`. Use: `tests/wasm/door.mjs`.
#![expect(
    unsafe_code,
    reason = "exporting a name is the only unsafe thing here: two crates could choose the same"
)]

use std::error::Error;
use std::sync::{Mutex, MutexGuard, PoisonError};
use terroir_proof::finality::{Light, NotFinal, SeatKeys};
use terroir_proof::{Given, Salt, check};

/// Most bytes of the four parts: receipt, salt, request, answer; of finality: header, hash of block 0,
/// seal or committee, certificate.
const PART_BYTES_MAX: [usize; 4] = [4 << 10, 32, 8 << 20, 64 << 20];
/// Bytes of a seat: its identity, then its key for votes.
const SEAT_BYTES: usize = 128;
/// What is said of a block that is not shown to be final.
const NOT_FINAL: u32 = 1;
/// The verdict on a door that was used wrongly: a part that has a length of its own has another.
const MISUSED: u32 = u32::MAX;

struct Door {
    parts: [Vec<u8>; 4],
    mask: u32,
    text: String,
    light: Option<Light>,
}

static DOOR: Mutex<Door> = Mutex::new(Door {
    parts: [const { Vec::new() }; 4],
    mask: 0,
    text: String::new(),
    light: None,
});

fn door() -> MutexGuard<'static, Door> {
    DOOR.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Forgets the parts and what came of them; not how far the light client came.
#[unsafe(no_mangle)]
pub extern "C" fn door_reset() {
    let mut door = door();
    (door.parts, door.mask, door.text) = Default::default();
}

/// Appends the first `count` (1 to 4) bytes of `word` to a part; 0 where they do not fit.
#[unsafe(no_mangle)]
pub extern "C" fn door_push(part: u32, word: u32, count: u32) -> u32 {
    let (part, count) = (part as usize, count as usize);
    let mut door = door();
    let (Some(bytes), Some(max)) = (door.parts.get_mut(part), PART_BYTES_MAX.get(part)) else {
        return 0;
    };
    match word.to_le_bytes().get(..count) {
        Some(new) if bytes.len() + count <= *max => bytes.extend_from_slice(new),
        _ => return 0,
    }
    1
}

/// Checks what was pushed; a part without bytes counts as not given.
///
/// Returns 0 where nothing failed, else the number of the verdict.
#[unsafe(no_mangle)]
pub extern "C" fn door_check() -> u32 {
    let mut door = door();
    let [receipt, salt, request, answer] = &door.parts;
    let salt = match salt.as_slice() {
        [] => None,
        bytes => match bytes.try_into() {
            Ok(salt) => Some(Salt(salt)),
            Err(_) => return MISUSED,
        },
    };
    let given =
        Given { node: None, salt: salt.as_ref(), request: some(request), answer: some(answer) };
    let (number, mask, text) = match check(receipt, given) {
        Ok(statement) => (0, statement.mask(), statement.to_string()),
        Err(rejected) => (rejected.number(), 0, chain(&rejected)),
    };
    (door.mask, door.text) = (mask, text);
    number
}

/// Begins a light client with the committee of epoch 0 of the chain whose block 0 has that hash.
///
/// Returns 0, or what a refusal has; the text says why.
#[unsafe(no_mangle)]
pub extern "C" fn door_begin() -> u32 {
    let mut door = door();
    let [_, genesis, committee, _] = &door.parts;
    let (Ok(genesis), Some(seats)) = (genesis.as_slice().try_into(), seats(committee)) else {
        return MISUSED;
    };
    let begun = Light::new(genesis, &seats);
    let begun = begun.map(|light| door.light = Some(light));
    door.say(begun.map(|()| String::new()))
}

/// Checks that the block with that header and seal is final by that certificate; the text is its hash.
///
/// Returns 0, or what a refusal has; the text says why.
#[unsafe(no_mangle)]
pub extern "C" fn door_final() -> u32 {
    let mut door = door();
    let Door { parts: [header, _, seal, certificate], light: Some(light), .. } = &mut *door else {
        return MISUSED;
    };
    let known = light.check(header, seal, certificate);
    let hash = |hash: [u8; 32]| hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    door.say(known.map(|known| format!("0x{}", hash(known.hash))))
}

/// Moves on to the next epoch, with its committee.
///
/// Returns 0, or what a refusal has; the text says why.
#[unsafe(no_mangle)]
pub extern "C" fn door_advance() -> u32 {
    let mut door = door();
    let Door { parts: [_, _, committee, _], light: Some(light), .. } = &mut *door else {
        return MISUSED;
    };
    let Some(seats) = seats(committee) else { return MISUSED };
    let moved = light.advance(&seats);
    door.say(moved.map(|()| String::new()))
}

impl Door {
    fn say(&mut self, came: Result<String, NotFinal>) -> u32 {
        let number = if came.is_ok() { 0 } else { NOT_FINAL };
        self.text = came.unwrap_or_else(|refused| refused.to_string());
        number
    }
}

fn seats(bytes: &[u8]) -> Option<Vec<SeatKeys>> {
    let seats = bytes.chunks(SEAT_BYTES).map(|seat| {
        let (key, vote) = seat.split_at_checked(32)?;
        Some((key.try_into().ok()?, vote.try_into().ok()?))
    });
    seats.collect()
}

fn some(part: &[u8]) -> Option<&[u8]> {
    (!part.is_empty()).then_some(part)
}

/// What the last check established: bit `n` for the point with number `n`.
#[unsafe(no_mangle)]
pub extern "C" fn door_mask() -> u32 {
    door().mask
}

/// Length in bytes of the statement or the reason that the last check left, UTF-8.
#[unsafe(no_mangle)]
pub extern "C" fn door_text_bytes() -> u32 {
    door().text.len() as u32
}

/// Bytes `4 index` to `4 index + 3` of that text, zeros behind its end.
#[unsafe(no_mangle)]
pub extern "C" fn door_text_word(index: u32) -> u32 {
    let door = door();
    let bytes = door.text.bytes().skip(4 * index as usize).take(4);
    bytes.enumerate().fold(0, |word, (at, byte)| word | u32::from(byte) << (8 * at))
}

fn chain(error: &dyn Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}
