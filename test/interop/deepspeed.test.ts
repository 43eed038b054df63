import { execFile } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { scratch, tenon } from "./command.ts";
import { interpreter } from "./python.ts";

// DeepSpeed trains a hybrid with tied embeddings and saves it after 3 steps; what tenon makes of the save is resumed in another
// world and another stage, from the model that tenon writes beside it. Against the run that was not interrupted.

interface Run {
  readonly world: number;
  readonly stage: 1 | 2 | 3;
  readonly groups: "one" | "two" | "twins";
  readonly dtype: "bfloat16" | "float32";
}

interface Answer {
  readonly losses: readonly number[];
  readonly rates: readonly number[];
  readonly globalSteps: number;
}

const folder = scratch();
const at = (...names: string[]): string => join(folder.path, ...names);
afterAll(() => folder.remove());

const nameOf = ({ world, stage, groups, dtype }: Run): string => `z${stage}-w${world}-${groups}-${dtype}`;
const run = (
  stage: Run["stage"],
  world: number,
  groups: Run["groups"],
  dtype: Run["dtype"] = "float32",
): Run => ({
  world,
  stage,
  groups,
  dtype,
});

/** From a run of three steps, saved, to three more as another one. */
const changes: readonly { readonly from: Run; readonly to: Run }[] = [
  { from: run(1, 2, "two", "bfloat16"), to: run(2, 4, "two", "bfloat16") },
  { from: run(2, 2, "two", "bfloat16"), to: run(1, 1, "two", "bfloat16") },
  { from: run(3, 2, "one", "bfloat16"), to: run(3, 4, "one", "bfloat16") },
  { from: run(1, 2, "two"), to: run(2, 3, "two") },
  { from: run(1, 3, "two"), to: run(2, 2, "two") },
  { from: run(2, 3, "two"), to: run(1, 2, "two") },
  { from: run(2, 2, "one"), to: run(3, 4, "one") },
  { from: run(2, 3, "one"), to: run(3, 2, "one") },
  { from: run(3, 2, "one"), to: run(2, 3, "one") },
  { from: run(3, 3, "one"), to: run(3, 2, "one") },
  { from: run(3, 2, "two"), to: run(2, 4, "two") },
  { from: run(3, 3, "two"), to: run(1, 1, "two") },
];
/** The same by DeepSpeed's own converter, which keeps to a family of stages. */
const upstream: typeof changes = [
  { from: run(2, 3, "two"), to: run(1, 2, "two") },
  { from: run(3, 3, "one"), to: run(3, 2, "one") },
  { from: run(3, 2, "twins"), to: run(3, 4, "twins") },
];
const labelOf = ({ from, to }: (typeof changes)[number]): string => `${nameOf(from)} to ${nameOf(to)}`;
const resumed = [...changes, { from: run(3, 2, "twins"), to: run(3, 4, "twins") }];

const weightsOf = (name: string): string => at("weights", `${name}.safetensors`);
const answerOf = (name: string): Answer =>
  JSON.parse(readFileSync(`${weightsOf(name)}.json`, "utf8")) as Answer;
const resumedName = (change: (typeof changes)[number], by = "tenon"): string =>
  `${labelOf(change).replaceAll(" ", "-")}-${by}`;

let calls = 0;
/** Worlds of one call share what torch takes to start. */
async function train(runs: readonly (Run & object)[], before: readonly object[] = []): Promise<void> {
  const worlds = [...new Set(runs.map(({ world }) => world))];
  const plan = worlds.map((world) => ({ world, runs: runs.filter((each) => each.world === world) }));
  const path = at(`plan-${++calls}.json`);
  writeFileSync(path, JSON.stringify([...before, ...plan]));
  const program = join(import.meta.dirname, "deepspeed_runs.py");
  await promisify(execFile)(interpreter, ["-W", "ignore", program, path], { maxBuffer: 16 * 2 ** 20 });
}

/** Six steps, of every world and stage that a change begins or ends in. */
async function uninterrupted(): Promise<readonly Run[]> {
  const wanted = new Map(resumed.flatMap(({ from, to }) => [from, to]).map((each) => [nameOf(each), each]));
  const save = { at: 3, in: at("saves", accelerated.name) };
  const before = [
    { accelerate: { ...accelerated, save, order: at("order.txt"), weights: weightsOf(accelerated.name) } },
  ];
  for (const each of continued) wanted.set(nameOf(each), each);
  const runs = [...wanted].map(([name, each]) => ({
    ...each,
    name,
    steps: 6,
    save: { at: 3, in: at("saves", name) },
    weights: weightsOf(name),
  }));
  await train(runs, before);
  return [...new Set(resumed.map(({ from }) => nameOf(from)))].map((name) => wanted.get(name) as Run);
}

beforeAll(async () => {
  for (const name of ["weights", "saves", "universal", "accelerate", "again"]) mkdirSync(at(name));
  for (const from of await uninterrupted()) {
    const name = nameOf(from);
    await tenon("convert", at("saves", name), "--to", "universal", "-o", at("universal", name));
  }
  const start = at("universal", accelerated.name);
  await tenon(
    "convert",
    at("saves", accelerated.name),
    "--param-order",
    at("order.txt"),
    "--to",
    "universal",
    "-o",
    start,
  );
  const others = continued.map((each) => {
    const name = continuedName(each);
    return { ...each, name, steps: 3, resume: start, start, weights: weightsOf(name) };
  });
  for (const { name } of intoAccelerate) {
    const flags = ["--from-master", "--drop", "deepspeed.json", "--drop", "client_state.json"];
    await tenon("convert", at("saves", name), "--to", "accelerate", ...flags, "-o", at("accelerate", name));
  }
  const single = intoAccelerate.map(({ name }) => ({
    accelerate: {
      ...accelerated,
      name,
      first: 3,
      steps: 3,
      resume: at("accelerate", name),
      weights: weightsOf(`${name}-to-accelerate`),
    },
  }));
  const ours = resumed.map((change) => {
    const resume = at("universal", nameOf(change.from));
    const name = resumedName(change);
    const save = { at: 3, in: at("saves", name) };
    return {
      ...change.to,
      name,
      steps: 3,
      note: "kept",
      resume,
      start: resume,
      save,
      weights: weightsOf(name),
    };
  });
  const theirs = upstream.map((change) => {
    const name = resumedName(change, "deepspeed");
    return {
      ...change.to,
      name,
      steps: 3,
      note: "kept",
      resume: at("saves", nameOf(change.from)),
      weights: weightsOf(name),
    };
  });
  const converted = upstream.map(({ from }) => ({ universal: at("saves", nameOf(from)) }));
  await train([...ours, ...theirs, ...others], [...converted, ...single]);
}, 420_000);

const largest = (one: readonly number[], other: readonly number[]): number =>
  Math.max(...one.map((value, index) => Math.abs(value - (other[index] as number))));

/** One unit in the last place of a loss between 2 and 4. */
const lossUlp = 2 ** -22;

/** A run of one process by accelerate, saved by `save_state`. */
const accelerated = { name: "accelerate", groups: "two", dtype: "float32", steps: 6 };
/** What goes on from there: in any stage, and in a world of more. */
const continued = [run(2, 1, "two"), run(1, 2, "two"), run(2, 4, "two")];
/** Saves of DeepSpeed that accelerate goes on from by itself, of stages 1, 2 and 3. */
const intoAccelerate = [run(1, 2, "two"), run(2, 3, "two"), run(3, 3, "two")].map((each) => ({
  name: nameOf(each),
}));
const continuedName = (each: Run): string => `${accelerated.name}-to-${nameOf(each)}`;

describe.each(changes.map((change) => [labelOf(change), change] as const))("%s", (_, change) => {
  const [from, to, name] = [nameOf(change.from), nameOf(change.to), resumedName(change)];

  it("goes on where the run was, as exactly as the engine itself agrees on the two", () => {
    const [whole, other, found] = [answerOf(from), answerOf(to), answerOf(name)];
    expect(found.globalSteps).toBe(6);
    expect(found.rates).toEqual(whole.rates.slice(3));
    // The weights are those that were saved, before anything is computed.
    expect(found.losses[0]).toBe(whole.losses[3]);
    // What the engine's uninterrupted runs of the one kind and the other are apart; nothing, over 1, 2 and 4 ranks of one family.
    const apart = largest(whole.losses, other.losses);
    const isExact = change.from.dtype === "bfloat16";
    if (isExact) expect(apart).toBe(0);
    const bound = isExact ? 0 : 4 * Math.max(apart, lossUlp);
    expect(largest(found.losses, whole.losses.slice(3))).toBeLessThanOrEqual(bound);
    if (isExact) expect(readFileSync(weightsOf(name)).equals(readFileSync(weightsOf(from)))).toBe(true);
  });

  it("is saved again by the engine as the same state", async () => {
    const again = at("again", name);
    await tenon("convert", at("saves", name), "--to", "universal", "-o", again);
    const states = (root: string): Map<string, Buffer> => {
      const zero = join(root, "global_step3_universal/zero");
      const paths = readdirSync(zero, { recursive: true, encoding: "utf8" });
      const files = paths.filter((path) => /\/.+\.pt$/.test(path));
      return new Map(files.map((path) => [path, readFileSync(join(zero, path))]));
    };
    const [before, after] = [states(at("universal", from)), states(again)];
    expect([...after.keys()].sort()).toEqual([...before.keys()].sort());
    expect(before.size).toBe(18 * 4);
    for (const [path, bytes] of before) expect(after.get(path)?.equals(bytes), path).toBe(true);
  });
});

it.each(continued.map((each) => [nameOf(each), each] as const))(
  "a run of accelerate goes on as %s, as exactly as the two agree from the start",
  (_, each) => {
    const [whole, other, found] = [
      answerOf(accelerated.name),
      answerOf(nameOf(each)),
      answerOf(continuedName(each)),
    ];
    expect(found.rates).toEqual(whole.rates.slice(3));
    expect(found.losses[0]).toBe(whole.losses[3]);
    const bound = 4 * Math.max(largest(whole.losses, other.losses), lossUlp);
    expect(bound).toBeLessThan(1e-5);
    expect(largest(found.losses, whole.losses.slice(3))).toBeLessThanOrEqual(bound);
  },
);

it.each(intoAccelerate.map((each) => [each.name, each.name] as const))(
  "%s goes on in accelerate, in one process without DeepSpeed, as exactly as the two agree from the start",
  (_, name) => {
    const [whole, other, found] = [
      answerOf(name),
      answerOf(accelerated.name),
      answerOf(`${name}-to-accelerate`),
    ];
    expect(found.rates).toEqual(whole.rates.slice(3));
    expect(found.losses[0]).toBe(whole.losses[3]);
    const bound = 4 * Math.max(largest(whole.losses, other.losses), lossUlp);
    expect(bound).toBeLessThan(1e-5);
    expect(largest(found.losses, whole.losses.slice(3))).toBeLessThanOrEqual(bound);
  },
);

it.each(upstream.map((change) => [labelOf(change), change] as const))(
  "%s goes on bit for bit as from DeepSpeed's own converter",
  (_, change) => {
    const [ours, theirs] = [resumedName(change), resumedName(change, "deepspeed")];
    expect(answerOf(ours).losses).toEqual(answerOf(theirs).losses);
    expect(readFileSync(weightsOf(ours)).equals(readFileSync(weightsOf(theirs)))).toBe(true);
  },
);

// Not tenon's: the report warns of it. When this fails, DeepSpeed has mended its loader and the warning can go.
it("stage 3 counts the step once for each of several groups, from either converter", () => {
  const change = { from: run(3, 2, "twins"), to: run(3, 4, "twins") };
  const whole = answerOf(nameOf(change.from));
  const found = answerOf(resumedName(change, "deepspeed"));
  expect(found.losses[0]).toBe(whole.losses[3]);
  expect(largest(found.losses, whole.losses.slice(3))).toBeGreaterThan(1e-5);
});

it("warns where stage 3 would lose the settings of a group", async () => {
  const name = nameOf(run(2, 3, "two"));
  const report = await tenon(
    "convert",
    at("saves", name),
    "--to",
    "universal",
    "-o",
    at("again", "dry"),
    "--dry-run",
  );
  expect((report["advice"] as string[]).join("\n")).toContain("weight_decay 0.3, 0");
});
