import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { memoryTree } from "../../src/bytes/index.ts";
import { inspectionText } from "../../src/cli/inspection/text.ts";
import { isTenonError, type TenonError } from "../../src/core/index.ts";
import { convert } from "../../src/verbs/convert.ts";
import { diagnose } from "../../src/verbs/diagnose.ts";
import type { Inspection } from "../../src/verbs/index.ts";
import { inspect } from "../../src/verbs/inspect.ts";
import { int, TorchDraft } from "../layouts/zero/toy.ts";
import { fixture, inlineHost } from "./tenon.ts";

type Files = Map<string, Uint8Array | string>;

/** Files of a fixture below a folder, but those that only tests read. */
function below(folder: string, name: string, more: Record<string, Uint8Array | string> = {}): Files {
  const root = fixture(name);
  const all = readdirSync(root, { recursive: true, encoding: "utf8" }).map((path) => join(root, path));
  const files = all.filter((path) => statSync(path).isFile()).map((path) => relative(root, path));
  const kept = files.filter((path) => !/^(?:truth\/|case\.json|names\.json)/.test(path));
  const found: Files = new Map(kept.map((path) => [`${folder}/${path}`, readFileSync(join(root, path))]));
  for (const [path, bytes] of Object.entries(more)) found.set(`${folder}/${path}`, bytes);
  return found;
}

const trainer = (folder: string): Files => below(folder, "optimizer/trainer-lora");
const joined = (...all: readonly Files[]): Files => new Map(all.flatMap((files) => [...files]));

function without(files: Files, ...paths: readonly string[]): Files {
  for (const path of paths) if (!files.delete(path)) throw new Error(`no ${path} in ${[...files.keys()]}`);
  return files;
}

const read = (files: Files, options: { layout?: string } = {}): Promise<Inspection> =>
  inspect(inlineHost, memoryTree(files), options);

async function failure(files: Files): Promise<TenonError> {
  const error = await read(files).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isTenonError(error)) throw new Error("it was read", { cause: error });
  return error;
}

function reasons({ observations }: Inspection): unknown {
  return observations.find(({ code }) => code === "TENON_STEPS_PASSED_OVER")?.facts[0]?.["reasons"];
}

describe("a directory of the Trainer with many steps", () => {
  it("is read from its newest step, by number", async () => {
    const report = await read(
      joined(trainer("checkpoint-500"), trainer("checkpoint-1000"), trainer("checkpoint-90")),
    );
    expect(report.layout).toBe("trainer");
    expect(report.location).toMatch(/\/checkpoint-1000$/);
    expect(report.evidence[0]).toBe("checkpoint-1000 is the newest complete step here");
    expect(reasons(report)).toEqual([
      "checkpoint-500: checkpoint-1000 is newer",
      "checkpoint-90: checkpoint-1000 is newer",
    ]);
    expect(report.adapters).toHaveLength(1);
    expect(report.optimizer).not.toBeNull();
  });

  it("is read from a step before it when the newest did not finish, and says what is missing", async () => {
    const files = joined(
      trainer("checkpoint-5"),
      trainer("checkpoint-10"),
      trainer("checkpoint-15"),
      trainer("checkpoint-20"),
    );
    files.set("tmp-checkpoint-25/adapter_model.safetensors", "");
    without(files, "checkpoint-20/trainer_state.json", "checkpoint-15/adapter_model.safetensors");
    const report = await read(files);
    expect(report.location).toMatch(/\/checkpoint-10$/);
    expect(reasons(report)).toEqual([
      "checkpoint-15: there are no weights in it",
      "tmp-checkpoint-25: the Trainer renames this folder when all is written, so its save did not finish",
      "checkpoint-20: trainer_state.json is missing, which the Trainer writes last",
      "checkpoint-5: checkpoint-10 is newer",
    ]);
    expect(inspectionText(report).toText()).toContain(
      "checkpoint-10 is read, not checkpoint-15: there are no weights in it",
    );
  });

  it("passes over a step that lacks a shard, also for the doctor, who listens for damage", async () => {
    const whole = (folder: string): Files =>
      below(folder, "optimizer/one-base", { "trainer_state.json": "{}" });
    const files = joined(whole("checkpoint-1"), whole("checkpoint-2"));
    const index = { weight_map: { "lm_head.weight": "model-00009-of-00009.safetensors" } };
    files.delete("checkpoint-2/model.safetensors");
    files.set("checkpoint-2/model.safetensors.index.json", JSON.stringify(index));
    const lacking = [expect.stringContaining("model-00009-of-00009.safetensors")];
    expect(reasons(await read(files))).toEqual(lacking);
    const diagnosis = await diagnose(inlineHost, memoryTree(files));
    expect(diagnosis.source).toMatch(/checkpoint-1$/);
    const codes = diagnosis.findings.map(({ code }) => code);
    expect(codes).toContain("TENON_STEPS_PASSED_OVER");
    expect(codes).not.toContain("TENON_SHARD_MISSING");
  });

  it("of one step has nothing to pass over", async () => {
    const report = await read(trainer("checkpoint-3"));
    expect(report.evidence[0]).toBe("checkpoint-3 is the only step here");
    expect(reasons(report)).toBeUndefined();
  });

  it("is not taken for a checkpoint because the trainer's state lies at its top", async () => {
    const report = await read(trainer("checkpoint-3").set("trainer_state.json", "{}"));
    expect(report.location).toMatch(/checkpoint-3$/);
  });

  it("that holds the finished model is read itself, and says which steps are not", async () => {
    const files = joined(trainer("checkpoint-3"), trainer("."));
    const top: Files = new Map([...files].map(([path, bytes]) => [path.replace(/^\.\//, ""), bytes]));
    const report = await read(top);
    expect(report.location).not.toMatch(/checkpoint/);
    expect(reasons(report)).toEqual(["checkpoint-3: the files beside it come first"]);
  });

  it("is refused when no step is complete, with what each lacks", async () => {
    const files = joined(trainer("checkpoint-3"), trainer("checkpoint-6"));
    without(files, "checkpoint-3/trainer_state.json", "checkpoint-6/trainer_state.json");
    const { code, message } = await failure(files);
    expect(code).toBe("TENON_STEPS_INCOMPLETE");
    expect(message).toMatch(
      /none of 2 is complete: checkpoint-6: trainer_state\.json is missing.*; checkpoint-3: /,
    );
  });

  it("is refused when folders are counted in two ways", async () => {
    const files = joined(trainer("epoch_1"), trainer("step_400"));
    const { code, message } = await failure(files);
    expect(code).toBe("TENON_STEPS_AMBIGUOUS");
    expect(message).toContain("epoch_<number> and step_<number>");
  });

  it("is read as the layout that was named, which its steps have", async () => {
    const report = await read(trainer("checkpoint-3"), { layout: "peft" });
    expect(report.layout).toBe("peft");
  });
});

describe("damage in the newest finished step", () => {
  const zero = (folder: string): Files =>
    below(folder, "zero/z3-w2-exclude-frozen", { "trainer_state.json": "{}" });
  const rank = "global_step3/zero_pp_rank_1_mp_rank_00_model_states.pt";

  it("is none when its folder of DeepSpeed is whole", async () => {
    const report = await read(joined(zero("checkpoint-3"), zero("checkpoint-6")));
    expect(report.layout).toBe("zero");
    expect(report.location).toMatch(/checkpoint-6$/);
  });

  it.each<[what: string, change: (files: Files) => unknown, code: string, message: RegExp]>([
    [
      "a worker's files are missing",
      (files) => without(files, `checkpoint-6/${rank}`),
      "TENON_ZERO_RANKS",
      /^checkpoint-6: zero: /,
    ],
    [
      "latest names no folder",
      (files) => files.set("checkpoint-6/latest", "global_step9"),
      "TENON_ZERO_LATEST_DANGLING",
      /^checkpoint-6: zero: latest names "global_step9"/,
    ],
  ])(
    "is an error with its own name, not a reason to take an older step: %s",
    async (_, change, code, message) => {
      const files = joined(zero("checkpoint-3"), zero("checkpoint-6"));
      change(files);
      const error = await failure(files);
      expect({ code: error.code, step: error.details["step"] }).toEqual({ code, step: "checkpoint-6" });
      expect(error.message).toMatch(message);
      expect(error.hint).toContain("Or point at checkpoint-3, the step before it.");
    },
  );

  it("includes a DeepSpeed save whose latest was never written, which is unfinished", async () => {
    const files = joined(zero("checkpoint-3"), zero("checkpoint-6"));
    without(files, "checkpoint-6/latest", "checkpoint-6/trainer_state.json");
    expect(reasons(await read(files))).toEqual([
      expect.stringMatching(/^checkpoint-6: latest is missing, which DeepSpeed/),
    ]);
  });
});

describe("Accelerate's folders", () => {
  const states = new TorchDraft();
  states.entries = { step: int(3) };
  const state = (folder: string): Files =>
    below(folder, "dcp/fsdp2-w3", { "random_states_0.pkl": states.bytes() });

  it("are found in the project's directory and in checkpoints/", async () => {
    const run = joined(state("checkpoints/checkpoint_9"), state("checkpoints/checkpoint_10"));
    const inside: Files = new Map([...run].map(([path, bytes]) => [path.replace("checkpoints/", ""), bytes]));
    for (const files of [run, inside]) {
      without(files, ...[...files.keys()].filter((path) => path.endsWith("_10/random_states_0.pkl")));
      const report = await read(files);
      expect(report.location).toMatch(/checkpoint_9$/);
      expect(reasons(report)).toEqual([
        expect.stringMatching(/checkpoint_10: random_states_0\.pkl is missing, which accelerate writes last/),
      ]);
    }
  });
});

describe("a run on the disk", () => {
  const made: string[] = [];
  afterEach(() => {
    for (const directory of made.splice(0)) rmSync(directory, { recursive: true });
  });

  async function onDisk(files: Files): Promise<string> {
    const directory = mkdtempSync(join(tmpdir(), "tenon-steps-"));
    made.push(directory);
    for (const [path, bytes] of files) {
      await mkdir(dirname(join(directory, path)), { recursive: true });
      writeFileSync(join(directory, path), bytes);
    }
    return directory;
  }

  it("is converted from its newest complete step, as if that had been pointed at", async () => {
    const files = joined(trainer("checkpoint-5"), trainer("checkpoint-10"), trainer("checkpoint-15"));
    without(files, "checkpoint-15/trainer_state.json");
    const run = await onDisk(files);
    const options = { to: "peft", drop: ["optimizer", "trainer"] };
    const report = await convert(inlineHost, run, { ...options, output: join(run, "of-run") });
    const step = join(run, "checkpoint-10");
    const pointed = await convert(inlineHost, step, { ...options, output: join(run, "of-step") });
    expect(report.source.location).toBe(step);
    expect(report.left).toEqual(pointed.left);
    expect(readdirSync(join(run, "of-run"))).toEqual(readdirSync(join(run, "of-step")));
    expect(report.observations.map(({ code }) => code)).toContain("TENON_STEPS_PASSED_OVER");
  });

  it("gives a folder of DeepSpeed the adapter's config that lies around it", async () => {
    const config = readFileSync(fixture("zero/z3-w2-exclude-frozen/truth/adapter_config.json"), "utf8");
    const files = below("checkpoint-3", "zero/z3-w2-exclude-frozen", { "adapter_config.json": config });
    const run = await onDisk(files);
    for (const place of ["checkpoint-3", "checkpoint-3/global_step3"]) {
      const { adapters } = await inspect(inlineHost, join(run, place));
      expect(adapters.map(({ name, configFrom }) => [name, configFrom?.replace("../", "")])).toEqual([
        ["default", "adapter_config.json"],
      ]);
    }
  });
});
