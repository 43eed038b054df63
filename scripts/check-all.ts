// Runs every check of the house, two at a time, and shows the output of those that fail.
// `npm run check` runs all; `npm run check -- types layers` runs only those named.
import { spawn } from "node:child_process";
import { cpus } from "node:os";

interface Check {
  readonly name: string;
  /** The build must be done before it. */
  readonly needsBuild?: true;
  /** It builds again, and nothing may look at `dist` meanwhile. */
  readonly alone?: true;
  readonly proves: string;
}

const checks: readonly Check[] = [
  { name: "format", proves: "formatted, linted, imports sorted" },
  { name: "types", proves: "strict TypeScript, tests and scripts too" },
  { name: "pure", proves: "pure rooms compile with no Node types" },
  { name: "layers", proves: "rooms import only what the table allows, through doors" },
  { name: "files", proves: "files are short and named after what they hold" },
  { name: "errors", proves: "every error code is documented once, and none twice" },
  { name: "dead", proves: "no unused file, export or dependency" },
  {
    name: "exports",
    needsBuild: true,
    // attw packs, and packing builds.
    alone: true,
    proves: "package.json exports what is built, and types resolve",
  },
  { name: "size", needsBuild: true, proves: "size budgets" },
  { name: "house", proves: "documents agree with the code" },
];

interface Outcome {
  readonly name: string;
  readonly code: number;
  readonly output: string;
}

function run(name: string, script: string): Promise<Outcome> {
  const started = performance.now();
  return new Promise((resolve) => {
    const child = spawn("npm", ["run", "--silent", script], { stdio: ["ignore", "pipe", "pipe"] });
    const chunks: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.on("error", (error) => resolve({ name, code: 1, output: String(error) }));
    child.on("close", (code) => {
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      console.log(`${code === 0 ? "ok  " : "FAIL"} ${name.padEnd(8)} ${seconds.padStart(6)} s`);
      resolve({ name, code: code ?? 1, output: Buffer.concat(chunks).toString("utf8") });
    });
  });
}

async function runAll(names: readonly Check[], lanes: number): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const queue = [...names];
  const lane = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      outcomes.push(await run(next.name, `check:${next.name}`));
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return outcomes;
}

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !checks.some((check) => check.name === name));
if (unknown.length > 0) {
  console.error(`no check named ${unknown.join(", ")}; there are:`);
  for (const { name, proves } of checks) console.error(`  ${name.padEnd(8)} ${proves}`);
  process.exit(2);
}
const chosen = checks.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
const outcomes: Outcome[] = [];
if (chosen.some(({ needsBuild }) => needsBuild)) outcomes.push(await run("build", "build"));
const isBuilt = outcomes.every(({ code }) => code === 0);
const runnable = chosen.filter(({ needsBuild }) => isBuilt || !needsBuild);
const [alone, together] = [true, false].map((each) =>
  runnable.filter((check) => (check.alone ?? false) === each),
);
outcomes.push(...(await runAll(together ?? [], Math.min(2, cpus().length))));
outcomes.push(...(await runAll(alone ?? [], 1)));

const failed = outcomes.filter(({ code }) => code !== 0);
for (const { name, output } of failed) console.log(`\n── ${name} ${"─".repeat(60)}\n${output.trimEnd()}`);
const notRun = chosen.filter((check) => !runnable.includes(check)).map(({ name }) => name);
if (notRun.length > 0) console.log(`\nnot run, because the build failed: ${notRun.join(", ")}`);
console.log(
  failed.length === 0
    ? `\n${outcomes.length} checks passed`
    : `\n${failed.length} of ${outcomes.length} checks failed: ${failed.map(({ name }) => name).join(", ")}`,
);
process.exit(failed.length === 0 ? 0 : 1);
