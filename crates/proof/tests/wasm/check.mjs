// Checks the golden receipts in wasm. Usage: node check.mjs door.wasm

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { open } from "./door.mjs";

const golden = new URL("../golden/", import.meta.url);
const file = process.argv[2] ?? process.env.DOOR_WASM;
const wasm = new WebAssembly.Module(readFileSync(file));
const door = await open(wasm);

const read = (name) => readFileSync(new URL(name, golden), "utf8");
const bytes = (name) => new Uint8Array(Buffer.from(read(name).replaceAll("\n", ""), "hex"));
const job = (name) => ({
  receipt: bytes(`${name}.rcpt.hex`),
  salt: bytes(`${name}.salt.hex`),
  request: bytes(`${name}.request.hex`),
  answer: bytes(`${name}.answer.hex`),
});

test("the module asks nothing of its host", () => {
  assert.deepEqual(WebAssembly.Module.imports(wasm), []);
});

// Points 0 to 8; the text ended by its length, which request and answer show: point 19.
const masks = { chat: 0x1ff, text: 0x801ff, cancelled: 0x1ff };
for (const name of Object.keys(masks)) {
  test(`the golden receipt ${name} gives its golden statement`, () => {
    const verdict = door.check(job(name));
    assert.equal(verdict.number, 0, verdict.text);
    assert.equal(verdict.mask, masks[name]);
    assert.ok(read(`${name}.txt`).endsWith(`\n\n${verdict.text}`));
  });

  test(`a flipped byte of ${name} is rejected`, () => {
    const receipt = job(name).receipt;
    for (let at = 0; at < receipt.length; at += 1) {
      const flipped = receipt.slice();
      flipped[at] ^= 1 << at % 8;
      const verdict = door.check({ receipt: flipped });
      assert.ok([2, 3].includes(verdict.number), `${at}: ${verdict.number}`);
      assert.equal(verdict.mask, 0);
      assert.notEqual(verdict.text, "");
    }
  });
}

test("a flipped byte of salt, request or answer is rejected by its number", () => {
  for (const [part, number] of [["salt", 31], ["request", 32], ["answer", 36]]) {
    const given = job("chat");
    for (let at = 0; at < given[part].length; at += 1) {
      given[part][at] ^= 0x40;
      assert.equal(door.check(given).number, number);
      given[part][at] ^= 0x40;
    }
  }
});

test("a receipt alone establishes form and signature", () => {
  const { receipt } = job("chat");
  const verdict = door.check({ receipt });
  assert.equal(verdict.mask, 0b11);
  assert.match(verdict.text, /not checked:/);
});

const lines = read("finality.txt").trim().split("\n").map((line) => line.split(": "));
const walk = Object.fromEntries(
  lines.map(([name, hex]) => [name, new Uint8Array(Buffer.from(hex, "hex"))]),
);
const block = (epoch) => ({
  header: walk[`header ${epoch}`],
  seal: walk[`seal ${epoch}`],
  certificate: walk[`certificate ${epoch}`],
});

test("a light client walks from the first committee to a final block", () => {
  const light = door.light(walk.genesis, walk["committee 0"]);
  const hash = (epoch) => "0x" + Buffer.from(walk[`hash ${epoch}`]).toString("hex");
  assert.equal(light.final(block(0)), hash(0));
  assert.throws(() => light.final(block(1)), /epoch 1, and the committee of epoch 0/);
  assert.throws(() => light.advance(walk["committee 0"]), /not the one that the chain named/);
  light.advance(walk["committee 1"]);
  assert.equal(light.final(block(1)), hash(1));
});

test("a flipped byte of header, seal or certificate is not final", () => {
  const light = door.light(walk.genesis, walk["committee 0"]);
  for (const part of ["header", "seal", "certificate"]) {
    for (let at = 0; at < block(0)[part].length; at += part === "header" ? 7 : 1) {
      const flipped = { ...block(0), [part]: block(0)[part].slice() };
      flipped[part][at] ^= 1 << at % 8;
      assert.throws(() => light.final(flipped), `${part} ${at}`);
    }
  }
});

test("a light client that is begun or moved on wrongly says so", () => {
  const short = walk["committee 0"].subarray(1);
  assert.throws(() => door.light(walk.genesis, short), /wrong length/);
  assert.throws(() => door.light(walk.genesis.subarray(1), walk["committee 0"]), /wrong length/);
  assert.throws(() => door.light(walk.genesis, new Uint8Array()), /0 seats/);
});

test("a door used wrongly says so", () => {
  const given = job("chat");
  given.salt = given.salt.subarray(1);
  assert.equal(door.check(given).number, 0xffffffff);
  given.salt = new Uint8Array(33);
  assert.throws(() => door.check(given), RangeError);
  assert.equal(door.check({ receipt: new Uint8Array(1025) }).number, 1);
});
