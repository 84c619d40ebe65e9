// The door to `proof` from JavaScript: bytes in, verdict out. Works in Node and in a browser.

const PARTS = ["receipt", "salt", "request", "answer"];

/** Opens a compiled `WebAssembly.Module`; the module needs nothing from outside. */
export async function open(module) {
  const { exports } = await WebAssembly.instantiate(module, {});
  return {
    check: (given) => check(exports, given),
    light: (genesis, committee) => light(exports, genesis, committee),
  };
}

/**
 * A light client of the chain whose block 0 has the hash `genesis`; `committee` has the seats of
 * epoch 0, 128 bytes each. `final({ header, seal, certificate })` gives the hash of a block of its
 * epoch that is final, `advance(committee)` goes to the next epoch; both throw what was refused.
 */
function light(door, genesis, committee) {
  const ask = (name, parts) => {
    door.door_reset();
    parts.forEach((bytes, part) => push(door, part, bytes ?? new Uint8Array()));
    const number = door[name]();
    if (number) throw new Error(number === 1 ? text(door) : "a part has the wrong length");
    return text(door);
  };
  ask("door_begin", [null, genesis, committee]);
  return {
    final: ({ header, seal, certificate }) => ask("door_final", [header, null, seal, certificate]),
    advance: (committee) => void ask("door_advance", [null, null, committee]),
  };
}

/**
 * Checks `given.receipt` with whatever else is given, all `Uint8Array`s.
 * Returns `{ number, mask, text }`: 0 or the number of the verdict, the established points by bit,
 * and the statement or the reason in words.
 */
function check(door, given) {
  door.door_reset();
  PARTS.forEach((name, part) => push(door, part, given[name] ?? new Uint8Array()));
  const number = door.door_check() >>> 0;
  return { number, mask: door.door_mask() >>> 0, text: text(door) };
}

function push(door, part, bytes) {
  for (let at = 0; at < bytes.length; at += 4) {
    const few = bytes.subarray(at, at + 4);
    const word = few.reduce((word, byte, i) => word | (byte << (8 * i)), 0);
    if (!door.door_push(part, word, few.length)) {
      throw new RangeError(`${PARTS[part]} is longer than the door takes`);
    }
  }
}

function text(door) {
  const bytes = new Uint8Array(door.door_text_bytes());
  for (let at = 0; at < bytes.length; at += 1) {
    bytes[at] = door.door_text_word(at >> 2) >>> (8 * (at & 3));
  }
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
}
