// Compiles every Solidity file below a folder; prints the errors, and the code of each contract.
const fs = require("fs");
const path = require("path");
const solc = require("solc");

const root = process.argv[2];
const files = fs
  .readdirSync(root, { recursive: true })
  .filter((name) => name.endsWith(".sol"))
  .sort();
const sources = Object.fromEntries(
  files.map((name) => [name, { content: fs.readFileSync(path.join(root, name), "utf8") }]),
);
const settings = {
  optimizer: { enabled: true, runs: 10000 },
  evmVersion: "osaka",
  metadata: { appendCBOR: false, bytecodeHash: "none" },
  outputSelection: { "*": { "*": ["evm.deployedBytecode.object"] } },
};
const output = JSON.parse(
  solc.compile(JSON.stringify({ language: "Solidity", sources, settings })),
);
const code = {};
for (const contracts of Object.values(output.contracts || {})) {
  for (const [name, made] of Object.entries(contracts)) {
    code[name] = made.evm.deployedBytecode.object;
  }
}
const errors = (output.errors || []).map((error) => error.formattedMessage);
console.log(JSON.stringify({ errors, code }));
