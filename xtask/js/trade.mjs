// Trades on a chain as BNB Smart Chain's published benchmark does: by Uniswap's and OpenZeppelin's
// own contracts, unchanged, over JSON-RPC.
//
// The mix, its weights, 16 tokens and 24 pairs are those of
// https://docs.bnbchain.org/bnb-smart-chain/benchmark/design-reference (without what is optional there).
//
// Usage: NODE_PATH=... node trade.mjs KEY COUNT URL..., where KEY is the private key of an account
// that has money, and viem, @uniswap/v2-core, @uniswap/v2-periphery and @openzeppelin/contracts are in
// NODE_PATH. Prints one JSON object: the blocks, what was in them and how long they took.
import assert from "node:assert/strict";
import { createRequire } from "node:module";

const require = createRequire(process.env.NODE_PATH + "/");
const viem = require("viem");
const { privateKeyToAccount } = require("viem/accounts");
const factory = require("@uniswap/v2-core/build/UniswapV2Factory.json");
const router = require("@uniswap/v2-periphery/build/UniswapV2Router02.json");
const token = require("@openzeppelin/contracts/build/contracts/ERC20PresetFixedSupply.json");

const [key, count, ...urls] = process.argv.slice(2);
const COUNT = Number(count);
const [TOKENS, USERS, BATCH, WAVE] = [16, 256, 64, 512];
const FOREVER = 1n << 52n;
const MOST = (1n << 256n) - 1n;
const ETHER = 10n ** 18n;
// The native token as an ERC-20: every chain of Terroir has it from block 0.
const WRAPPED = "0x0000000000000000000000000000000000007e10";
const wrapped = viem.parseAbi(["function deposit() payable", "function withdraw(uint256)"]);

let calls = 0;
const ask = async (url, body) => {
  const headers = { "content-type": "application/json" };
  const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  return answer.json();
};
const rpc = async (method, params) => {
  const said = await ask(urls[0], { jsonrpc: "2.0", id: ++calls, method, params });
  assert.equal(said.error, undefined, JSON.stringify(said.error));
  return said.result;
};
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const block = async () => Number(await rpc("eth_blockNumber", []));
const chainId = Number(await rpc("eth_chainId", []));

const member = (key) => ({ account: privateKeyToAccount(key), nonce: 0 });
const owner = member(key);
owner.nonce = Number(await rpc("eth_getTransactionCount", [owner.account.address, "pending"]));
const users = [];
for (let at = 0; at < USERS; at++) users.push(member(viem.keccak256(viem.toHex(`trader ${at}`))));

// What `from` signs next.
const sign = (from, { to, data, value = 0n, gas }) =>
  from.account.signTransaction({
    type: "eip1559",
    chainId,
    nonce: from.nonce++,
    maxFeePerGas: 10n ** 11n,
    maxPriorityFeePerGas: 10n ** 6n,
    gas,
    to,
    data,
    value,
  });
const call = (abi, to, functionName, args, gas, value = 0n) => {
  return { to, data: viem.encodeFunctionData({ abi, functionName, args }), gas, value };
};

// Sends signed transactions to one node; those that find no room are sent again.
const send = async (url, signed) => {
  for (let at = 0; at < signed.length; at += BATCH) {
    let rest = signed.slice(at, at + BATCH);
    for (;;) {
      const one = (bytes, id) => {
        return { jsonrpc: "2.0", id, method: "eth_sendRawTransaction", params: [bytes] };
      };
      const said = await ask(url, rest.map(one));
      const refused = said.filter((one) => one.error && !/known/.test(one.error.message));
      if (refused.length === 0) break;
      assert.match(refused[0].error.message, /full|room|limit/, JSON.stringify(refused[0].error));
      rest = refused.map((one) => rest[one.id]);
      await pause(50);
    }
  }
};
// Waits until everything that `members` signed is final.
const settled = async (members) => {
  for (const { account, nonce } of members) {
    const final = async () => Number(await rpc("eth_getTransactionCount", [account.address, "latest"]));
    while ((await final()) < nonce) await pause(20);
  }
};
const inWaves = async (from, wanted) => {
  for (let at = 0; at < wanted.length; at += WAVE) {
    const signed = [];
    for (const one of wanted.slice(at, at + WAVE)) signed.push(await sign(from, one));
    await send(urls[0], signed);
    await settled([from]);
  }
};
const deploy = async (artifact, args) => {
  const address = viem.getContractAddress({ from: owner.account.address, nonce: BigInt(owner.nonce) });
  const data = viem.encodeDeployData({ abi: artifact.abi, bytecode: artifact.bytecode, args });
  await inWaves(owner, [{ data, gas: 8_000_000n }]);
  assert.notEqual(await rpc("eth_getCode", [address, "latest"]), "0x");
  return address;
};

// Contracts, pairs and what every trader owns.
const bytecode = (artifact) => ({ abi: artifact.abi, bytecode: "0x" + artifact.bytecode.replace(/^0x/, "") });
const us = owner.account.address;
const tokens = [];
for (let at = 0; at < TOKENS; at++) {
  const args = [`Token ${at}`, `T${at}`, 10n ** 12n * ETHER, us];
  tokens.push(await deploy(bytecode(token), args));
}
const pairs = await deploy(bytecode(factory), [us]);
const route = await deploy(bytecode(router), [pairs, WRAPPED]);
const PAIR_GAS = 3_500_000n;
const half = TOKENS / 2;
const approve = (of) => call(token.abi, of, "approve", [route, MOST], 60_000n);
const much = 10n ** 9n * ETHER;
const supply = (a, b, amount, gas) =>
  call(router.abi, route, "addLiquidity", [a, b, amount, amount, 0n, 0n, us, FOREVER], gas);
await inWaves(owner, tokens.map(approve));
await inWaves(owner, tokens.slice(0, half).map((one, at) => supply(one, tokens[at + half], much, PAIR_GAS)));
const native = (of) =>
  call(router.abi, route, "addLiquidityETH", [of, 10n * ETHER, 0n, 0n, us, FOREVER], PAIR_GAS, 10n * ETHER);
await inWaves(owner, tokens.map(native));
const pairOf = async (a, b) => {
  const { data } = call(factory.abi, pairs, "getPair", [a, b], 0n);
  return viem.getAddress("0x" + (await rpc("eth_call", [{ to: pairs, data }, "latest"])).slice(-40));
};
const shares = [];
for (let at = 0; at < half; at++) shares.push(await pairOf(tokens[at], tokens[at + half]));

const own = (at) => [tokens[at % half], tokens[(at % half) + half]];
const funds = users.flatMap(({ account: { address } }, at) => [
  { to: address, value: 20n * ETHER, gas: 21_000n },
  ...own(at).map((of) => call(token.abi, of, "transfer", [address, 10n ** 6n * ETHER], 60_000n)),
]);
await inWaves(owner, funds);
const begin = [];
for (const [at, user] of users.entries()) {
  const [a, b] = own(at);
  const whose = user.account.address;
  const deposit = call(wrapped, WRAPPED, "deposit", [], 60_000n, ETHER / 10n);
  const args = [a, b, 1000n * ETHER, 1000n * ETHER, 0n, 0n, whose, FOREVER];
  const add = call(router.abi, route, "addLiquidity", args, 400_000n);
  for (const one of [approve(a), approve(b), approve(shares[at % half]), deposit, add])
    begin.push(await sign(user, one));
}
await send(urls[0], begin);
await settled(users);

// One of twenty is five of the published weights of a hundred.
const mix = [
  ..."tkwsesesextkseseseda".split(""), // t, k, d, w, a, x, s, e: see `work`
];
const work = {
  // Native token transfer: 10.
  t: (user, [], at) => ({ to: users[(at * 31 + 7) % USERS].account.address, value: 1n, gas: 21_000n }),
  // Contract token transfer: 10.
  k: (user, [a], at) =>
    call(token.abi, a, "transfer", [users[(at * 37 + 11) % USERS].account.address, 1n], 60_000n),
  // Wrapped token, deposit and withdrawal: 5 each.
  d: () => call(wrapped, WRAPPED, "deposit", [], 60_000n, 1000n),
  w: () => call(wrapped, WRAPPED, "withdraw", [1000n], 60_000n),
  // Liquidity added and removed: 5 each.
  a: (user, [a, b]) =>
    call(router.abi, route, "addLiquidity", [a, b, ETHER, ETHER, 0n, 0n, user, FOREVER], 260_000n),
  x: (user, [a, b]) =>
    call(router.abi, route, "removeLiquidity", [a, b, ETHER / 2n, 0n, 0n, user, FOREVER], 260_000n),
  // swapExactTokensForTokens: 30.
  s: (user, [a, b], at) => {
    const path = at % 2 ? [a, b] : [b, a];
    return call(router.abi, route, "swapExactTokensForTokens", [ETHER, 0n, path, user, FOREVER], 180_000n);
  },
  // swapETHForExactTokens: 30.
  e: (user, [a]) => {
    const args = [10n ** 9n, [WRAPPED, a], user, FOREVER];
    return call(router.abi, route, "swapETHForExactTokens", args, 200_000n, 10n ** 10n);
  },
};
const signed = urls.map(() => []);
for (let round = 0; round < COUNT / USERS; round++) {
  for (const [at, user] of users.entries()) {
    const kind = mix[(at * 3 + round) % mix.length];
    const wanted = work[kind](user.account.address, own(at), at * 101 + round);
    signed[at % urls.length].push(await sign(user, wanted));
  }
}
// Signed beforehand, so that it costs the nodes nothing.
const from = (await block()) + 1;
const begun = Date.now();
await Promise.all(urls.map((url, at) => send(url, signed[at])));
await settled(users);
const seconds = (Date.now() - begun) / 1000;
const to = await block();

let [gas, transactions, failed, blocks] = [0, 0, 0, 0];
for (let number = from; number <= to; number++) {
  const receipts = await rpc("eth_getBlockReceipts", ["0x" + number.toString(16)]);
  blocks += receipts.length > 0;
  transactions += receipts.length;
  for (const one of receipts) {
    gas += Number(one.gasUsed);
    failed += Number(one.status) !== 1;
  }
}
assert.equal(failed, 0, `${failed} transactions failed`);
assert.equal(transactions, signed.flat().length);
console.log(JSON.stringify({ from, to, blocks, transactions, gas, seconds, per_s: transactions / seconds }));
