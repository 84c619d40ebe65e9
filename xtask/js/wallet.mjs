// Drives a node's JSON-RPC with viem, unchanged: transfers, a contract, logs, subscriptions, proofs.
//
// Usage: NODE_PATH=... node wallet.mjs URL ARTIFACT KEY, where KEY is the private key of an account
// that has money, and viem is in NODE_PATH.
import assert from "node:assert/strict";
import fs from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(process.env.NODE_PATH + "/");
const viem = require("viem");
const { privateKeyToAccount } = require("viem/accounts");

const [url, artifact, key] = process.argv.slice(2);
const { abi, bytecode } = JSON.parse(fs.readFileSync(artifact, "utf8"));
const account = privateKeyToAccount(key);
const transport = viem.http(url, { batch: true });
const bare = viem.createPublicClient({ transport });
const id = await bare.getChainId();
const chain = viem.defineChain({
  id,
  name: "terroir",
  nativeCurrency: { name: "token", symbol: "TKN", decimals: 18 },
  rpcUrls: { default: { http: [url] } },
  contracts: { multicall3: { address: "0xcA11bde05977b3631167028862bE2a173976CA11" } },
});
const pollingInterval = 50;
const client = viem.createPublicClient({ chain, transport, pollingInterval });
const wallet = viem.createWalletClient({ account, chain, transport });
const ws = viem.createPublicClient({ chain, transport: viem.webSocket(url.replace("http", "ws")) });
const mined = async (hash) => {
  const receipt = await client.waitForTransactionReceipt({ hash });
  assert.equal(receipt.status, "success");
  return receipt;
};

const tests = [];
const test = (name, run) => tests.push([name, run]);
const once = (watch) =>
  new Promise((resolve, reject) => {
    const stop = watch((seen) => (stop?.(), resolve(seen)), reject);
  });

const other = "0x00000000000000000000000000000000000a1b2c";

test("transfers of types 0, 1 and 2", async () => {
  for (const type of ["legacy", "eip2930", "eip1559"]) {
    const before = await client.getBalance({ address: other });
    const hash = await wallet.sendTransaction({ to: other, value: 7n, type });
    const receipt = await mined(hash);
    assert.equal(receipt.type, type);
    assert.equal(receipt.gasUsed, 21000n);
    assert.equal(await client.getBalance({ address: other }), before + 7n);
    const old = await client.getBalance({ address: other, blockNumber: receipt.blockNumber - 1n });
    assert.equal(old, before);
    const sent = await client.getTransaction({ hash });
    assert.equal(sent.from.toLowerCase(), account.address.toLowerCase());
    const block = await client.getBlock({ blockHash: receipt.blockHash, includeTransactions: true });
    assert.equal(block.transactions[receipt.transactionIndex].hash, hash);
    assert.equal((await client.getBlock({ blockTag: "finalized" })).number >= block.number, true);
  }
});

let address;
const contract = () => viem.getContract({ address, abi, client: { public: client, wallet } });

test("a contract is deployed, and reads what it was made with", async () => {
  const hash = await wallet.deployContract({ abi, bytecode, args: [40n], value: 3n });
  address = (await mined(hash)).contractAddress;
  assert.equal(await contract().read.total(), 40n);
  assert.equal(viem.isAddressEqual(await contract().read.owner(), account.address), true);
  assert.equal(await client.getBalance({ address }), 3n);
  assert.ok((await client.getCode({ address })).length > 100);
});

test("writes, simulated first, leave logs that are found", async () => {
  const { request, result } = await contract().simulate.note([2n, "two"]);
  assert.equal(result, 42n);
  const receipt = await mined(await wallet.writeContract(request));
  const events = await contract().getEvents.Noted({ who: account.address });
  assert.equal(events.at(-1).args.text, "two");
  assert.equal(events.at(-1).transactionHash, receipt.transactionHash);
  const others = await contract().getEvents.Noted({ who: other });
  assert.equal(others.length, 0);
  assert.equal((await client.getLogs({ blockHash: receipt.blockHash })).length, 1);
});

test("reverts come with their reasons", async () => {
  const why = async (call) => {
    try {
      await call;
    } catch (error) {
      return error.walk((one) => one instanceof viem.ContractFunctionRevertedError);
    }
    assert.fail("it does not fail");
  };
  assert.equal((await why(contract().simulate.note([1n, ""]))).reason, "text is empty");
  const much = await why(contract().simulate.note([2000n, "much"]));
  assert.equal(much.data.errorName, "TooMuch");
  assert.deepEqual(much.data.args, [2000n, 1000n]);
  assert.match((await why(contract().read.divide([1n, 0n]))).message, /zero/i);
  await assert.rejects(
    wallet.sendTransaction({ to: other, value: 10n ** 40n }),
    /insufficient|exceeds the balance/i,
  );
});

test("an estimate is enough, and not much more", async () => {
  const gas = await contract().estimateGas.burn([50n]);
  const receipt = await mined(await contract().write.burn([50n], { gas }));
  assert.ok(receipt.gasUsed <= gas && gas < (receipt.gasUsed * 103n) / 100n);
  assert.equal(await client.estimateGas({ account, to: other, value: 1n }), 21000n);
});

test("filters give what is new", async () => {
  const filter = await client.createContractEventFilter({ abi, address, eventName: "Noted" });
  const blocks = await client.createBlockFilter();
  const waiting = await client.createPendingTransactionFilter();
  const hash = await contract().write.note([1n, "filtered"]);
  await mined(hash);
  const [log] = await client.getFilterChanges({ filter });
  assert.equal(log.args.text, "filtered");
  assert.deepEqual(await client.getFilterChanges({ filter }), []);
  assert.ok((await client.getFilterChanges({ filter: blocks })).length >= 1);
  assert.ok((await client.getFilterChanges({ filter: waiting })).includes(hash));
  assert.equal(await client.uninstallFilter({ filter }), true);
});

test("subscriptions tell heads, logs and transactions", async () => {
  const head = once((onBlock, onError) => ws.watchBlocks({ onBlock, onError }));
  const seen = once((onLogs, onError) =>
    ws.watchContractEvent({ address, abi, eventName: "Noted", onLogs, onError }),
  );
  const waiting = once((onTransactions, onError) =>
    ws.watchPendingTransactions({ onTransactions, onError }),
  );
  // The subscriptions are there once a later request over the same socket is answered.
  await ws.getBlockNumber();
  const hash = await contract().write.note([1n, "heard"]);
  const [block, logs, hashes] = await Promise.all([head, seen, waiting]);
  assert.equal(logs[0].args.text, "heard");
  assert.ok(block.number >= 1n);
  assert.ok(hashes.includes(hash));
  await mined(hash);
});

test("a multicall reads three things at once", async () => {
  const read = { address, abi };
  const results = await client.multicall({
    contracts: [
      { ...read, functionName: "total" },
      { ...read, functionName: "notes", args: [account.address] },
      { ...read, functionName: "owner" },
    ],
  });
  assert.deepEqual(results.map((one) => one.status), ["success", "success", "success"]);
});

/// Follows `path` through the nodes of a proof, each named by its hash in the one before.
const follow = (root, key, nodes) => {
  let [want, path] = [root, viem.keccak256(key).slice(2)];
  for (const node of nodes) {
    assert.equal(viem.keccak256(node), want);
    const items = viem.fromRlp(node, "hex");
    if (items.length === 17) {
      want = items[Number.parseInt(path[0], 16)];
      path = path.slice(1);
      continue;
    }
    const nibbles = items[0].slice(2);
    const odd = (Number.parseInt(nibbles[0], 16) & 1) === 1;
    const part = nibbles.slice(odd ? 1 : 2);
    assert.ok(path.startsWith(part));
    path = path.slice(part.length);
    want = items[1];
  }
  assert.equal(path, "");
  return want;
};

test("proofs hold under the state root of their block", async () => {
  const block = await client.getBlock();
  const slot = viem.keccak256(
    viem.encodeAbiParameters([{ type: "address" }, { type: "uint256" }], [account.address, 0n]),
  );
  const proof = await client.getProof({
    address,
    storageKeys: [slot],
    blockNumber: block.number,
  });
  const leaf = viem.fromRlp(follow(block.stateRoot, address, proof.accountProof), "hex");
  assert.equal(leaf[2], proof.storageHash);
  assert.equal(leaf[3], proof.codeHash);
  const [stored] = proof.storageProof;
  const value = viem.fromRlp(follow(proof.storageHash, slot, stored.proof), "hex");
  assert.equal(BigInt(value), stored.value);
  assert.equal(stored.value, await contract().read.notes([account.address]));
});

test("fees, access lists and traces", async () => {
  const fees = await client.getFeeHistory({ blockCount: 4, rewardPercentiles: [10, 50] });
  assert.equal(fees.baseFeePerGas.length, fees.gasUsedRatio.length + 1);
  assert.ok((await client.estimateFeesPerGas()).maxFeePerGas > 0n);
  const data = viem.encodeFunctionData({ abi, functionName: "total" });
  const { accessList } = await client.createAccessList({ account, to: address, data });
  assert.equal(accessList[0].address.toLowerCase(), address.toLowerCase());
  const hash = await contract().write.note([1n, "traced"]);
  await mined(hash);
  const trace = await client.request({
    method: "debug_traceTransaction",
    params: [hash, { tracer: "callTracer", tracerConfig: { withLog: true } }],
  });
  assert.equal(trace.type, "CALL");
  assert.equal(trace.logs.length, 1);
  assert.equal((await client.request({ method: "txpool_status" })).queued, "0x0");
});

for (const [name, run] of tests) {
  await run();
  console.log(`viem: ${name}`);
}
process.exit(0);
