// Checks in this browser that a block is final: from the committee of epoch 0, one block an epoch.
// Everything comes from the node; what is checked is in docs/format/finality.md.

import { open } from "/explorer/door.mjs";

const ask = async (method, params) => {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
  const headers = { "content-type": "application/json" };
  const reply = await (await fetch("/", { method: "POST", headers, body })).json();
  if (reply.error) throw new Error(reply.error.message);
  if (reply.result === null) throw new Error(`the node has nothing for ${method}(${params})`);
  return reply.result;
};

const hex = (number) => `0x${number.toString(16)}`;

const bytes = (hex) =>
  Uint8Array.from(hex.slice(2).match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

const committee = async (epoch) => {
  const { seats } = await ask("terroir_committee", [hex(epoch)]);
  return bytes("0x" + seats.map(({ key, voteKey }) => key.slice(2) + voteKey.slice(2)).join(""));
};

const sealed = async (number) => {
  const { headerRlp, sealRlp, certificate } = await ask("terroir_header", [hex(number)]);
  if (!certificate) throw new Error(`the node keeps no certificate of block ${number}`);
  return { header: bytes(headerRlp), seal: bytes(sealRlp), certificate: bytes(certificate) };
};

/**
 * Checks the block `number` of a chain with `epochBlocks` blocks an epoch, whose block 0 has the
 * hash `genesis`. Calls `tell` with each epoch that is reached. Returns the block's hash; throws why
 * not.
 */
export async function check({ number, epochBlocks, genesis }, tell) {
  const module = await WebAssembly.compileStreaming(fetch("/explorer/proof.wasm"));
  const light = (await open(module)).light(bytes(genesis), await committee(0));
  const last = Math.floor(number / epochBlocks);
  for (let epoch = 0; epoch < last; epoch += 1) {
    tell(epoch, last);
    light.final(await sealed((epoch + 1) * epochBlocks - 1));
    light.advance(await committee(epoch + 1));
  }
  return light.final(await sealed(number));
}
