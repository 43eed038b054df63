// Merges with progress until Ctrl-C, which leaves nothing behind: npx tsx examples/merge-with-progress.ts BASE ADAPTER OUT
import { isTenonError, merge } from "tenon";

const [base, adapter, output] = process.argv.slice(2);
if (base === undefined || adapter === undefined || output === undefined)
  throw new Error("name a base, an adapter and an output");
const stop = new AbortController();
process.once("SIGINT", () => stop.abort());
try {
  const { certificate } = await merge(base, {
    adapters: [adapter],
    output,
    accumulate: "fma", // sums as torch makes them, bit for bit
    signal: stop.signal,
    onProgress: ({ task, doneBytes, totalBytes }) =>
      console.error(`${task}: ${Math.round((100 * doneBytes) / Math.max(1, totalBytes))} %`),
  });
  for (const { name, scaling, used, unused } of certificate?.adapters ?? [])
    console.log(
      `${name}: ${used} tensors used, ${unused.length} not, ${Object.keys(scaling).length} modules`,
    );
} catch (error) {
  if (!isTenonError(error)) throw error;
  console.error(`${error.code}: ${error.message}`);
  process.exitCode = error.exitCode;
}
