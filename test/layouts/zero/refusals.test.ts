import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { memoryTree } from "../../../src/bytes/index.ts";
import { isTenonError, type TenonError } from "../../../src/core/index.ts";
import { formats } from "../../../src/formats/index.ts";
import { zero } from "../../../src/layouts/index.ts";
import { fixturePath } from "../fixtures.ts";
import { type Entries, fragment, int, list, none, parameter, record, str, type Toy, toySave } from "./toy.ts";

type Files = Map<string, Uint8Array | string>;

/** A fixture without its truth, as files in memory. */
function fixtureFiles(name: string): Files {
  const root = fixturePath(`zero/${name}`);
  const [tag = ""] = readdirSync(root).filter((entry) => entry.startsWith("global_step"));
  const files: Files = new Map([["latest", readFileSync(`${root}/latest`, "utf8")]]);
  for (const file of readdirSync(`${root}/${tag}`))
    files.set(`${tag}/${file}`, readFileSync(`${root}/${tag}/${file}`));
  return files;
}

async function failure(files: Files): Promise<TenonError> {
  const opened = zero.open(memoryTree(files), { formats });
  const error = await opened.then(
    async (checkpoint) => checkpoint.close(),
    (reason: unknown) => reason,
  );
  if (!isTenonError(error)) throw new Error("it was read", { cause: error });
  return error;
}

const step = "global_step3/";
const optimizerOf = (worker: number): string =>
  `${step}bf16_zero_pp_rank_${worker}_mp_rank_00_optim_states.pt`;

/** What is done to the files of a real save, and the refusal that it must get. */
const mutations: readonly (readonly [
  what: string,
  fixture: string,
  change: (files: Files) => void,
  code: string,
  message: RegExp,
])[] = [
  [
    "latest names no folder",
    "z2-w2-bf16",
    (files) => files.set("latest", "global_step9"),
    "TENON_ZERO_LATEST_DANGLING",
    /"global_step9".*tags: global_step3/,
  ],
  [
    "latest is empty",
    "z2-w2-bf16",
    (files) => files.set("latest", "\n"),
    "TENON_ZERO_LATEST_DANGLING",
    /names ""/,
  ],
  [
    "latest leads out",
    "z2-w2-bf16",
    (files) => files.set("latest", "../global_step3"),
    "TENON_ZERO_LATEST_DANGLING",
    /\.\.\/global_step3/,
  ],
  [
    "the last worker is missing",
    "z2-w2-bf16",
    (files) => files.delete(optimizerOf(1)),
    "TENON_ZERO_RANKS",
    /2 workers shared the optimizer, 1 files/,
  ],
  [
    "the first worker is missing",
    "z2-w3-bf16",
    (files) => files.delete(optimizerOf(0)),
    "TENON_ZERO_RANKS",
    /1, 2: 0 is missing/,
  ],
  [
    "one between is missing",
    "z2-w3-bf16",
    (files) => files.delete(optimizerOf(1)),
    "TENON_ZERO_RANKS",
    /0, 2: 1 is missing/,
  ],
  [
    "all of the optimizer is missing",
    "z3-w2-bf16",
    (files) => [0, 1].map((worker) => files.delete(optimizerOf(worker))),
    "TENON_ZERO_RANKS",
    /optimizer files of every worker are missing/,
  ],
  [
    "a model file of stage 3 is missing",
    "z3-w2-bf16",
    (files) => files.delete(`${step}zero_pp_rank_1_mp_rank_00_model_states.pt`),
    "TENON_ZERO_RANKS|TENON_ZERO_PARTITION_LENGTH",
    /model files|fragment/,
  ],
  [
    "there is no model file",
    "z2-w2-bf16",
    (files) => files.delete(`${step}mp_rank_00_model_states.pt`),
    "TENON_ZERO_RANKS",
    /no \*_model_states\.pt/,
  ],
  [
    "a worker of a larger run was left behind",
    "z2-w2-bf16",
    (files) => files.set(optimizerOf(2), files.get(optimizerOf(0)) ?? ""),
    "TENON_ZERO_RANKS",
    /3 files are here, those from worker 2 on are of an older save/,
  ],
  [
    "twice as many workers saved as share",
    "z2-w2-bf16",
    (files) =>
      [2, 3].map((worker) => files.set(optimizerOf(worker), files.get(optimizerOf(worker - 2)) ?? "")),
    "TENON_ZERO_HIERARCHICAL",
    /MiCS/,
  ],
  [
    "names with and without bf16",
    "z2-w2-bf16",
    (files) => files.set(optimizerOf(1).replace("bf16_", ""), files.get(optimizerOf(1)) ?? ""),
    "TENON_ZERO_RANKS",
    /of two saves/,
  ],
  [
    "a worker twice",
    "z2-w2-bf16",
    (files) => files.set(optimizerOf(1).replace("00_optim", "00optim"), files.get(optimizerOf(1)) ?? ""),
    "TENON_ZERO_RANKS",
    /1 is there twice/,
  ],
  [
    "both kinds of model files",
    "z3-w2-bf16",
    (files) => files.set(`${step}mp_rank_00_model_states.pt`, "x"),
    "TENON_ZERO_RANKS",
    /beside one of all/,
  ],
  [
    "tensor parallelism",
    "z2-w2-bf16",
    (files) => files.set(`${step}mp_rank_01_model_states.pt`, "x"),
    "TENON_ZERO_TENSOR_PARALLEL",
    /mp_rank_01/,
  ],
  [
    "experts",
    "z2-w2-bf16",
    (files) => files.set(`${step}layer_0_expert_3_mp_rank_00_model_states.pt`, "x"),
    "TENON_ZERO_EXPERTS",
    /layer_0_expert_3/,
  ],
  [
    "experts' optimizer",
    "z2-w2-bf16",
    (files) => files.set(`${step}expp_rank_0_mp_rank_00_optim_states.pt`, "x"),
    "TENON_ZERO_EXPERTS",
    /expp_rank_0/,
  ],
  [
    "pipeline stages",
    "z2-w2-bf16",
    (files) => files.set(`${step}layer_01-model_00-model_states.pt`, "x"),
    "TENON_ZERO_PIPELINE",
    /layer_01/,
  ],
  [
    "swapped to NVMe",
    "z3-w2-bf16",
    (files) => files.set(`${step}offloaded_tensors/rank00/0.swp`, "x"),
    "TENON_ZERO_SWAPPED",
    /NVMe/,
  ],
  [
    "a worker of another run",
    "z2-w2-bf16",
    (files) => files.set(optimizerOf(1), fixtureFiles("z2-w2-amsgrad").get(optimizerOf(1)) ?? ""),
    "TENON_ZERO_MIXED_SAVES",
    /optimizer state is/,
  ],
  [
    "a worker of another size",
    "z2-w2-bf16",
    (files) => files.set(optimizerOf(1), fixtureFiles("z2-w3-bf16").get(optimizerOf(1)) ?? ""),
    "TENON_ZERO_MIXED_SAVES",
    /partition_count is/,
  ],
  [
    "a model file that is a safetensors file",
    "z2-w2-bf16",
    (files) =>
      files.set(
        `${step}mp_rank_00_model_states.pt`,
        readFileSync(fixturePath("zero/z2-w2-bf16/truth/fp32.safetensors")),
      ),
    "TENON_LAYOUT_NO_OBJECT",
    /bare tensors/,
  ],
];

describe("a real save to which something was done is refused", () => {
  for (const [what, fixture, change, code, message] of mutations)
    it(`${what}: ${code}`, async () => {
      const files = fixtureFiles(fixture);
      change(files);
      const error = await failure(files);
      expect(error.code).toMatch(new RegExp(`^(?:${code})$`));
      expect(error.message).toMatch(message);
      // What is passed over is not silently another save.
      expect(error.exitCode).toBeGreaterThan(2);
    });
});

const groups = [
  [parameter("a.weight", [4, 3], 0), parameter("b.weight", [5], 100)],
  [parameter("norm.weight", [3], 200)],
];
const frozen = [parameter("c.weight", [2, 2], 300)];

const size = (...sizes: number[]): ReturnType<typeof list> => list(...sizes.map(int));

function set(entries: Entries, key: string, value: readonly number[]): void {
  entries[key] = value;
}

/** A change of one entry of a made save, and the refusal. */
const edits: readonly (readonly [what: string, toy: Partial<Toy>, code: string, message: RegExp])[] = [
  [
    "a stage that is none",
    { changeOptimizer: (_, __, inner) => set(inner, "zero_stage", int(4)) },
    "TENON_ZERO_STAGE_UNKNOWN",
    /zero_stage is 4/,
  ],
  [
    "a stage that is a bool",
    { changeOptimizer: (_, __, inner) => set(inner, "zero_stage", [0x88]) },
    "TENON_ZERO_STAGE_UNKNOWN",
    /true/,
  ],
  [
    "no workers",
    { stage: 3, changeOptimizer: (_, __, inner) => set(inner, "partition_count", int(0)) },
    "TENON_ZERO_MALFORMED",
    /partition_count is 0/,
  ],
  [
    "a bool of workers",
    { stage: 3, changeOptimizer: (_, __, inner) => set(inner, "partition_count", [0x88]) },
    "TENON_ZERO_MALFORMED",
    /partition_count is true/,
  ],
  [
    "more workers than there can be",
    { stage: 3, changeOptimizer: (_, __, inner) => set(inner, "partition_count", int(2 ** 40)) },
    "TENON_ZERO_MALFORMED",
    /1099511627776/,
  ],
  [
    "groups of different numbers of workers",
    { changeOptimizer: (_, __, inner) => set(inner, "partition_count", list(int(2), int(1))) },
    "TENON_ZERO_EXPERTS",
    /2 and 1 workers/,
  ],
  [
    "steps of two saves",
    { changeOptimizer: (_, worker, inner) => set(inner, "base_optimizer_state", stateOf(inner, worker)) },
    "TENON_ZERO_MIXED_SAVES",
    /step is 1 in .*rank_0.*2 in .*rank_1/,
  ],
  [
    "counters of two saves",
    { stage: 3, changeModel: (draft, worker) => set(draft.entries, "global_steps", int(worker)) },
    "TENON_ZERO_MIXED_SAVES",
    /global_steps is 0 in .*1 in/,
  ],
  [
    "versions of two saves",
    { stage: 3, changeModel: (draft, worker) => set(draft.entries, "ds_version", str(`0.${worker}`)) },
    "TENON_ZERO_MIXED_SAVES",
    /ds_version/,
  ],
  [
    "shapes of two saves",
    {
      stage: 3,
      changeModel: (draft, worker) =>
        set(draft.entries, "frozen_param_shapes", record({ "c.weight": size(2, 2 - worker) })),
    },
    "TENON_ZERO_MIXED_SAVES",
    /param_shapes/,
  ],
  [
    "a flat group that is too short",
    {
      changeOptimizer: (draft, worker, inner) =>
        worker === 1 &&
        set(inner, "single_partition_of_fp32_groups", list(draft.tensor([1, 2]), draft.tensor([1]))),
    },
    "TENON_ZERO_PARTITION_LENGTH",
    /fp32 of flat buffer 0 is F32 \[2\].*rank_1/,
  ],
  [
    "a moment that is too short",
    {
      changeOptimizer: (draft, _, inner) =>
        set(
          inner,
          "base_optimizer_state",
          record({
            state: [0x7d, ...int(0), ...record({ exp_avg: draft.tensor([1]) }), 0x73],
            param_groups: list(),
          }),
        ),
    },
    "TENON_ZERO_PARTITION_LENGTH",
    /exp_avg/,
  ],
  [
    "a sub-group that is too short",
    {
      stage: 3,
      changeOptimizer: (draft, _, inner) =>
        set(inner, "fp32_flat_groups", list(draft.tensor([1]), draft.tensor([1, 2]))),
    },
    "TENON_ZERO_PARTITION_LENGTH",
    /flat buffer 0/,
  ],
  [
    "sub-groups that are too short together",
    {
      stage: 3,
      changeOptimizer: (draft, _, inner) => set(inner, "fp32_flat_groups", list(draft.tensor([1]))),
    },
    "TENON_ZERO_PARTITION_LENGTH|TENON_ZERO_MALFORMED",
    /1 elements, the shapes need|param_groups/,
  ],
  [
    "masters that are not fp32 in a row",
    {
      changeOptimizer: (draft, _, inner) =>
        set(inner, "single_partition_of_fp32_groups", list(draft.tensor([1, 2], [1, 2]), draft.tensor([1]))),
    },
    "TENON_ZERO_MALFORMED",
    /F32 \[1, 2\]/,
  ],
  [
    "more groups than shapes",
    {
      changeModel: (draft) => set(draft.entries, "param_shapes", list(record({ "a.weight": size(4, 3) }))),
    },
    "TENON_ZERO_MALFORMED",
    /the number of flat buffers is 2/,
  ],
  [
    "no shapes",
    { changeModel: (draft) => set(draft.entries, "param_shapes", none) },
    "TENON_ZERO_MALFORMED",
    /param_shapes is nothing/,
  ],
  [
    "a shape that is none",
    {
      changeModel: (draft) => set(draft.entries, "param_shapes", list(record({ a: size(-1) }), record({}))),
    },
    "TENON_ZERO_MALFORMED",
    /a size of "a" is -1/,
  ],
  [
    "a name in two groups",
    {
      changeModel: (draft) =>
        set(
          draft.entries,
          "param_shapes",
          list(record({ "a.weight": size(17) }), record({ "a.weight": size(3) })),
        ),
    },
    "TENON_ZERO_NAME_TWICE",
    /"a.weight" is listed in two param groups/,
  ],
  [
    "a name trained and frozen",
    { changeModel: (draft) => set(draft.entries, "frozen_param_shapes", record({ "b.weight": size(5) })) },
    "TENON_ZERO_NAME_TWICE",
    /as trained and as frozen/,
  ],
  [
    "a shape unlike the tensor's",
    { changeModel: (draft) => set(draft.entries, "frozen_param_shapes", record({ "c.weight": size(4) })) },
    "TENON_ZERO_SHAPE_DIFFERS",
    /\[2, 2\] in module.*\[4\]/,
  ],
  [
    "a frozen parameter without fragments",
    { stage: 3, changeModel: (draft) => set(draft.entries, "frozen_param_fragments", none) },
    "TENON_ZERO_PLACEHOLDER",
    /"c.weight"/,
  ],
  [
    "a placeholder that nobody lists",
    {
      stage: 3,
      changeModel: (draft) =>
        void Object.assign(draft.entries, { frozen_param_shapes: none, frozen_param_fragments: none }),
    },
    "TENON_ZERO_PLACEHOLDER",
    /"c.weight"/,
  ],
  [
    "a fragment that is too short",
    {
      stage: 3,
      changeModel: (draft, worker) =>
        worker === 1 &&
        set(draft.entries, "frozen_param_fragments", record({ "c.weight": draft.tensor([1]) })),
    },
    "TENON_ZERO_PARTITION_LENGTH",
    /fragment of "c.weight" is F32 \[1\]/,
  ],
  [
    "an owner that is not there",
    { shared: { "head.weight": "gone.weight" } },
    "TENON_ZERO_SHARED_NAMES",
    /"head.weight" is "gone.weight"/,
  ],
  ["names shared in a circle", { shared: { x: "y", y: "x" } }, "TENON_ZERO_SHARED_NAMES", /x → y → x/],
  [
    "a client state in DeepSpeed's place",
    { changeModel: (draft) => set(draft.entries, "param_shapes", str("mine")) },
    "TENON_ZERO_MALFORMED",
    /param_shapes is "mine"|param_shapes is a str/,
  ],
];

/** Steps that differ between workers, moments left out. */
function stateOf(_: Entries, worker: number): ReturnType<typeof record> {
  const state = record({ step: int(worker + 1) });
  return record({
    state: [0x7d, ...int(0), ...state, 0x73, ...int(1), ...state, 0x73],
    param_groups: list(),
  });
}

describe("a made save with one thing wrong is refused", () => {
  for (const [what, toy, code, message] of edits)
    it(`${what}: ${code}`, async () => {
      const error = await failure(toySave({ stage: 2, workers: 2, groups, frozen, ...toy }));
      expect(error.code).toMatch(new RegExp(`^(?:${code})$`));
      expect(error.message).toMatch(message);
    });
});

describe("slice mappings", () => {
  // Group 0 has 17 elements, so 10 and 7 a worker; group 1 has 3, so 2 and 1.
  const right: readonly (readonly Entries[])[] = [
    [{ "a.weight": fragment(0, 10) }, { "norm.weight": fragment(0, 2) }],
    [{ "a.weight": fragment(0, 2), "b.weight": fragment(2, 5) }, { "norm.weight": fragment(0, 1) }],
  ];
  const open = async (
    mappings: typeof right,
  ): Promise<readonly { readonly code: string; readonly names: readonly string[] }[]> => {
    const changeOptimizer: NonNullable<Toy["changeOptimizer"]> = (_, worker, inner) => {
      inner["param_slice_mappings"] = list(...(mappings[worker] ?? []).map((each) => record(each)));
    };
    const files = toySave({ stage: 2, workers: 2, groups, frozen, changeOptimizer });
    await using checkpoint = await zero.open(memoryTree(files), { formats });
    return checkpoint.observations.filter(({ code }) => code === "TENON_ZERO_MAPPINGS_DISAGREE");
  };

  it("that agree with the shapes are no news", async () => {
    expect(await open(right)).toEqual([]);
  });

  it("that place a parameter elsewhere, out of bounds or not at all are observed, and not followed", async () => {
    for (const wrong of [
      { "a.weight": fragment(1, 9) },
      { "a.weight": fragment(0, 999) },
      {},
      { "a.weight": fragment(0, 10), "b.weight": fragment(0, 10) },
    ]) {
      const [found] = await open([[wrong as Entries, { "norm.weight": fragment(0, 2) }], right[1] ?? []]);
      expect(found?.names.length).toBeGreaterThan(0);
    }
  });

  it("of round_robin_gradients are wrong in DeepSpeed's own file", async () => {
    await using checkpoint = await zero.open(memoryTree(fixtureFiles("z2-w2-round-robin")), { formats });
    const [found] = checkpoint.observations.filter(({ code }) => code === "TENON_ZERO_MAPPINGS_DISAGREE");
    expect(found?.names.length).toBeGreaterThan(0);
  });
});
