// Reads ranges of files one after another, as `dd` would, and with a second argument writes them to one file and waits for
// the disk: node copy-ranges.cjs DIRECTORY [OUTPUT]
const { closeSync, fsyncSync, openSync, readFileSync, readSync, writeSync } = require("node:fs");
const { join } = require("node:path");

const [directory, output] = process.argv.slice(2);
const buffer = Buffer.alloc(8 * 1024 * 1024);
const files = new Map();
const to = output === undefined ? undefined : openSync(output, "w");
for (const { path, byteOffset, byteLength } of JSON.parse(
  readFileSync(join(directory, "ranges.json"), "utf8"),
)) {
  if (!files.has(path)) files.set(path, openSync(join(directory, path), "r"));
  for (let done = 0; done < byteLength; ) {
    const wanted = Math.min(buffer.length, byteLength - done);
    const count = readSync(files.get(path), buffer, 0, wanted, byteOffset + done);
    if (count === 0) throw new Error(`${path} ends at ${byteOffset + done}`);
    if (to !== undefined) for (let put = 0; put < count; ) put += writeSync(to, buffer, put, count - put);
    done += count;
  }
}
if (to !== undefined) {
  fsyncSync(to);
  closeSync(to);
}
