// Compiles the Solidity file that is named; prints the interface and the code of its contract.
const fs = require("fs");
const path = require("path");
const solc = require("solc");

const file = process.argv[2];
const name = path.basename(file);
const input = {
  language: "Solidity",
  sources: { [name]: { content: fs.readFileSync(file, "utf8") } },
  settings: {
    optimizer: { enabled: true, runs: 200 },
    evmVersion: "osaka",
    outputSelection: { "*": { "*": ["abi", "evm.bytecode.object"] } },
  },
};
const output = JSON.parse(solc.compile(JSON.stringify(input)));
for (const error of output.errors || []) console.error(error.formattedMessage);
const [made] = Object.values(output.contracts[name]);
console.log(JSON.stringify({ abi: made.abi, bytecode: "0x" + made.evm.bytecode.object }));
