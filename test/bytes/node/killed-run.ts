// Writes an output over and over until it is killed: a program for the tests of staged-sink.test.ts.
import { directorySink, singleFileSink } from "../../../src/bytes/node/index.ts";

const [, , target = "", kind] = process.argv;
const fileCount = kind === "file" ? 1 : 20;

process.stdout.write("started\n");
for (;;) {
  const open = kind === "file" ? singleFileSink : directorySink;
  const sink = await open(target, { force: true });
  for (let index = 0; index < fileCount; index++) {
    const file = await sink.create(`part-${index}`, 10_000);
    await file.write(0, new Uint8Array(10_000).fill(7));
    await file.close();
  }
  await sink.commit();
}
