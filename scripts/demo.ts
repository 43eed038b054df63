// The demo: a hybrid fine-tune is lost, found, split, merged, certified, verified and compared with PEFT. Needs a build;
// no Python, no network. Exits 1 when anything goes otherwise than told.
import { existsSync } from "node:fs";
import { tell } from "./demo/tell.ts";

if (!existsSync("dist/cli.js")) {
  console.error("error: dist/cli.js is not there: run npm run build");
  process.exit(1);
}
const started = performance.now();
const problems = tell((text) => process.stdout.write(text));
for (const problem of problems) console.error(`error: ${problem}`);
if (problems.length === 0)
  console.log(`\nAll of it is checked, and took ${((performance.now() - started) / 1000).toFixed(1)} s.`);
process.exit(problems.length === 0 ? 0 : 1);
