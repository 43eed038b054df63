// Loaded before the measured program: nothing waits for the disk any more, as a plain `cp` does not. The program is not
// told; what it writes is the same.
const fs = require("node:fs");
const { syncBuiltinESMExports } = require("node:module");

globalThis.tenonBenchSkippedSyncs = 0;
const skip = () => {
  globalThis.tenonBenchSkippedSyncs += 1;
};

const openFile = fs.promises.open;
fs.promises.open = async (...args) => {
  const handle = await openFile(...args);
  handle.sync = async () => skip();
  handle.datasync = async () => skip();
  return handle;
};
fs.fsyncSync = skip;
fs.fdatasyncSync = skip;
syncBuiltinESMExports();
