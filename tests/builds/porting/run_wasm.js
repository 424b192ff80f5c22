// run_wasm.js FILE: runs the core test built as WebAssembly.
"use strict";
const fs = require("fs");

let memory;
function write(address) {
    const bytes = new Uint8Array(memory.buffer);
    process.stdout.write(Buffer.from(bytes.subarray(address, bytes.indexOf(0, address))));
}

const module_ = new WebAssembly.Module(fs.readFileSync(process.argv[2]));
const instance = new WebAssembly.Instance(module_, { port: { write } });
memory = instance.exports.memory;
process.exitCode = instance.exports.core_test() === 0 ? 0 : 1;
