import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, it } from "vitest";
import { memoryTree } from "../../../src/bytes/index.ts";
import { isTenonError, type TenonError } from "../../../src/core/index.ts";
import { formats } from "../../../src/formats/index.ts";
import { universal } from "../../../src/layouts/index.ts";
import { archive, f32, storage, tensor } from "../../formats/torch/archive.ts";
import type { Code } from "../../pickle/assemble.ts";
import { fixturePath } from "../fixtures.ts";
import { int, list, record, str, TorchDraft } from "../zero/toy.ts";

type Files = Map<string, Uint8Array | string>;

function fixtureFiles(name: string): Files {
  const root = fixturePath(`universal/${name}`);
  const all = readdirSync(root, { recursive: true, encoding: "utf8" }).map((path) => join(root, path));
  const files = all.filter((path) => statSync(path).isFile());
  return new Map(files.map((path) => [relative(root, path), readFileSync(path)]));
}

async function failure(files: Files): Promise<TenonError> {
  const opened = universal.open(memoryTree(files), { formats });
  const error = await opened.then(
    async (checkpoint) => checkpoint.close(),
    (reason: unknown) => reason,
  );
  if (!isTenonError(error)) throw new Error("it was read", { cause: error });
  return error;
}

const tag = "global_step3_universal";
const norm = `${tag}/zero/base_model.model.model.norm.weight`;

/** A file of one bare tensor. */
function bare(...values: number[]): Uint8Array {
  const object = tensor({
    storage: storage("FloatStorage", "0", values.length),
    size: [values.length],
    stride: [1],
  });
  return archive({ object, storages: { "0": f32(...values) } });
}

function dictOf(entries: Record<string, readonly number[]>): Uint8Array {
  const draft = new TorchDraft();
  draft.entries = entries;
  return draft.bytes();
}

/** A state of sixteen elements as DeepSpeed keeps it, with more said of it. */
function dictWithTensor(more: Readonly<Record<string, Code>>): Uint8Array {
  const draft = new TorchDraft();
  draft.entries = { cat_dim: int(0), param: draft.tensor(new Array<number>(16).fill(1)), ...more };
  return draft.bytes();
}

/** Gives the files of a folder another name. */
function move(files: Files, from: string, to: string): void {
  for (const [path, bytes] of [...files])
    if (path.startsWith(`${from}/`)) {
      files.delete(path);
      files.set(to + path.slice(from.length), bytes);
    }
}

const mutations: readonly (readonly [
  what: string,
  fixture: "z2-w2-bf16" | "z3-w2-bf16",
  change: (files: Files) => void,
  code: string,
  message: RegExp,
])[] = [
  [
    "latest_universal names no folder",
    "z2-w2-bf16",
    (files) => files.set("latest_universal", "global_step9_universal"),
    "TENON_UNIVERSAL_LATEST",
    /"global_step9_universal".*there are: global_step3_universal/,
  ],
  [
    "latest_universal leads out",
    "z2-w2-bf16",
    (files) => files.set("latest_universal", "../other"),
    "TENON_UNIVERSAL_LATEST",
    /"\.\.\/other"/,
  ],
  [
    "two folders, and nothing says which",
    "z2-w2-bf16",
    (files) => {
      files.delete("latest_universal");
      files.set("older_universal/zero/w.weight/fp32.pt", bare(1));
    },
    "TENON_UNIVERSAL_LATEST",
    /no latest_universal says which/,
  ],
  [
    "the converter's tmp folder is there",
    "z2-w2-bf16",
    (files) => files.set(`${tag}/tmp/w.weight/0/fp32.00`, "x"),
    "TENON_UNIVERSAL_UNFINISHED",
    /did not finish.*tmp/,
  ],
  [
    "a parameter's folder is nested",
    "z2-w2-bf16",
    (files) => move(files, norm, `${tag}/zero/base/norm`),
    "TENON_UNIVERSAL_NAME_UNSAFE",
    /zero\/base\/norm/,
  ],
  [
    "a listed parameter has no folder",
    "z3-w2-bf16",
    (files) => {
      for (const path of [...files.keys()]) if (path.startsWith(`${norm}/`)) files.delete(path);
    },
    "TENON_UNIVERSAL_PARAMETERS",
    /norm\.weight" is listed by the model file/,
  ],
  [
    "a folder is not listed",
    "z3-w2-bf16",
    (files) => files.set(`${tag}/zero/other.weight/fp32.pt`, bare(1)),
    "TENON_UNIVERSAL_PARAMETERS",
    /"other\.weight" has a folder/,
  ],
  [
    "the second moment is missing",
    "z2-w2-bf16",
    (files) => files.delete(`${norm}/exp_avg_sq.pt`),
    "TENON_UNIVERSAL_STATE_ABSENT",
    /no exp_avg_sq/,
  ],
  [
    "the master is missing",
    "z3-w2-bf16",
    (files) => files.delete(`${norm}/fp32.pt`),
    "TENON_UNIVERSAL_STATE_ABSENT",
    /no fp32/,
  ],
  [
    "a state is not known",
    "z2-w2-bf16",
    (files) => files.set(`${norm}/hessian.pt`, bare(1)),
    "TENON_UNIVERSAL_STATE_UNKNOWN",
    /"hessian"; known are fp32/,
  ],
  [
    "a flat moment is too short",
    "z3-w2-bf16",
    (files) => files.set(`${norm}/exp_avg.pt`, bare(1, 2, 3)),
    "TENON_UNIVERSAL_SHAPE_DIFFERS",
    /is \[3\], the model file lists \[16\]/,
  ],
  [
    "a state file has no tensor",
    "z2-w2-bf16",
    (files) => files.set(`${norm}/exp_avg.pt`, dictOf({ cat_dim: int(0) })),
    "TENON_UNIVERSAL_STATE_MALFORMED",
    /no param/,
  ],
  [
    "a state is a piece of experts",
    "z2-w2-bf16",
    (files) => files.set(`${norm}/exp_avg.pt`, dictWithTensor({ is_expert_param: int(1) })),
    "TENON_UNIVERSAL_STATE_KIND",
    /is_expert_param/,
  ],
  [
    "a state has rows of a padded vocabulary",
    "z2-w2-bf16",
    (files) => files.set(`${norm}/fp32.pt`, dictWithTensor({ vocab_tensor: int(1) })),
    "TENON_UNIVERSAL_STATE_KIND",
    /vocab_tensor/,
  ],
  [
    "the optimizer is that of stage 3 and does not say so",
    "z3-w2-bf16",
    (files) =>
      files.set(
        `${tag}/zero/optimizer_state.pt`,
        dictOf({ optimizer_state_dict: record({ param_groups: list() }), param_groups: list() }),
      ),
    "TENON_UNIVERSAL_OPTIMIZER",
    /zero_stage is missing/,
  ],
  [
    "a step is text",
    "z2-w2-bf16",
    (files) => files.set(`${norm}/step.pt`, dictOf({ param: str("three") })),
    "TENON_UNIVERSAL_STATE_MALFORMED",
    /a step is expected/,
  ],
  [
    "one group has two steps",
    "z2-w2-bf16",
    (files) => files.set(`${norm}/step.pt`, bare(4)),
    "TENON_UNIVERSAL_STEPS_DIFFER",
    /several steps: 3 for .*, 4 for/,
  ],
  [
    "the param groups are missing",
    "z2-w2-bf16",
    (files) => files.delete(`${tag}/zero/optimizer_state.pt`),
    "TENON_UNIVERSAL_OPTIMIZER",
    /is missing/,
  ],
  [
    "the stage is not known",
    "z2-w2-bf16",
    (files) =>
      files.set(`${tag}/zero/optimizer_state.pt`, dictOf({ zero_stage: int(7), param_groups: list() })),
    "TENON_UNIVERSAL_OPTIMIZER",
    /zero_stage is 7/,
  ],
  [
    "a param group is missing",
    "z2-w2-bf16",
    (files) =>
      files.set(
        `${tag}/zero/optimizer_state.pt`,
        dictOf({ zero_stage: int(2), param_groups: list(record({ params: list(int(0)) })) }),
      ),
    "TENON_UNIVERSAL_OPTIMIZER",
    /has 12 of 17 parameters/,
  ],
  [
    "a worker's model file is missing",
    "z3-w2-bf16",
    (files) => files.delete(`${tag}/zero_pp_rank_0_mp_rank_00_model_states.pt`),
    "TENON_UNIVERSAL_MODEL_FILES",
    /worker 0 is missing/,
  ],
  [
    "no model file is there",
    "z2-w2-bf16",
    (files) => files.delete(`${tag}/mp_rank_00_model_states.pt`),
    "TENON_UNIVERSAL_MODEL_FILES",
    /no \*_model_states\.pt/,
  ],
  [
    "tensor parallelism cut it",
    "z2-w2-bf16",
    (files) => files.set(`${tag}/mp_rank_01_model_states.pt`, "x"),
    "TENON_UNIVERSAL_TENSOR_PARALLEL",
    /mp_rank_01/,
  ],
];

describe("a universal checkpoint with one thing wrong", () => {
  for (const [what, fixture, change, code, message] of mutations)
    it(`is refused: ${what} (${fixture})`, async () => {
      const files = fixtureFiles(fixture);
      change(files);
      const error = await failure(files);
      expect(error.code).toBe(code);
      expect(error.message).toMatch(message);
    });

  it("is none of them: untouched, both are read", async () => {
    for (const name of ["z2-w2-bf16", "z3-w2-bf16"] as const) {
      await using checkpoint = await universal.open(memoryTree(fixtureFiles(name)), { formats });
      expect(checkpoint.optimizer?.states.size).toBe(17);
    }
  });

  it("is read where model files for every stage stand side by side", async () => {
    const files = fixtureFiles("z2-w2-bf16");
    const model = files.get(`${tag}/mp_rank_00_model_states.pt`) ?? "";
    files.set(`${tag}/zero_pp_rank_0_mp_rank_00_model_states.pt`, model);
    await using checkpoint = await universal.open(memoryTree(files), { formats });
    expect(checkpoint.optimizer?.states.size).toBe(17);
  });
});
