import { describe, expect, it } from "vitest";
import type { EditOptions } from "../../src/verbs/index.ts";
import { refusalOf } from "./converted.ts";
import { editInMemory } from "./edited.ts";
import { json } from "./golden.ts";
import { fixture } from "./tenon.ts";

const zero2 = "zero/z2-w2-bf16";
const trainer = "hybrid/qv/trainer-peft/checkpoint-3";
const norm = "model.norm.weight";

interface Case {
  readonly what: string;
  readonly source?: string;
  readonly options: Partial<EditOptions>;
  readonly code: string;
  readonly exitCode?: number;
  readonly says?: RegExp;
}

const config = (path: string, change: object): never =>
  ({ ...json(`merge/${path}/adapter/adapter_config.json`), ...change }) as never;

const cases: readonly Case[] = [
  { what: "nothing is asked for", options: {}, code: "TENON_EDIT_NO_CHANGE" },
  {
    what: "freeze matches nothing",
    options: { freeze: ["model.*.nope"] },
    code: "TENON_EDIT_PATTERN_UNMATCHED",
  },
  {
    what: "freeze matches what is frozen already",
    options: { freeze: ["lm_head.weight"] },
    code: "TENON_EDIT_PATTERN_UNMATCHED",
    says: /matches nothing that is trained/,
  },
  {
    what: "unfreeze matches what is trained already",
    options: { unfreeze: [norm] },
    code: "TENON_EDIT_PATTERN_UNMATCHED",
    says: /matches only what is trained already/,
  },
  {
    what: "unfreeze matches nothing",
    options: { unfreeze: ["x"] },
    code: "TENON_EDIT_PATTERN_UNMATCHED",
    says: /matches no parameter/,
  },
  {
    what: "move matches nothing",
    options: { moves: [{ pattern: "x", paramGroup: 0 }] },
    code: "TENON_EDIT_PATTERN_UNMATCHED",
  },
  {
    what: "frozen and unfrozen",
    options: { freeze: [norm], unfreeze: ["*norm*"] },
    code: "TENON_EDIT_CONTRADICTION",
  },
  {
    what: "one rank twice",
    options: {
      loraRanks: [
        { adapter: "default", loraRank: 4 },
        { adapter: "default", loraRank: 6 },
      ],
      alpha: 4,
    },
    code: "TENON_EDIT_CONTRADICTION",
    says: /rank of adapter default.*twice/,
  },
  {
    what: "no optimizer",
    source: "base/llama-bf16",
    options: { freeze: ["*"] },
    code: "TENON_EDIT_NO_OPTIMIZER",
    exitCode: 1,
  },
  {
    what: "an optimizer that is dropped",
    options: { freeze: ["*"], drop: ["optimizer"] },
    code: "TENON_EDIT_NO_OPTIMIZER",
    exitCode: 1,
  },
  {
    what: "no such group",
    options: { moves: [{ pattern: "*", paramGroup: 2 }] },
    code: "TENON_EDIT_GROUP_UNKNOWN",
    says: /there are 0 to 1/,
  },
  {
    what: "no such group for what is unfrozen",
    options: { unfreeze: ["lm_head.weight"], paramGroup: 5 },
    code: "TENON_EDIT_GROUP_UNKNOWN",
  },
  {
    what: "two groups without decay",
    source: "zero/z2-w2-sgd",
    options: { unfreeze: ["lm_head.weight"] },
    code: "TENON_EDIT_GROUP_AMBIGUOUS",
    exitCode: 1,
  },
  {
    what: "two groups with decay",
    options: { newGroups: [{ lr: 1 }], unfreeze: ["lm_head.weight"], drop: ["trainer"] },
    code: "TENON_EDIT_GROUP_AMBIGUOUS",
    exitCode: 1,
    says: /param groups 0, 2 fit/,
  },
  {
    what: "a setting that is not there",
    options: { settings: [{ paramGroup: 0, key: "momentum", value: 1 }] },
    code: "TENON_EDIT_SETTING",
  },
  {
    what: "a setting of another kind",
    options: { settings: [{ paramGroup: 0, key: "betas", value: [1] }] },
    code: "TENON_EDIT_SETTING",
  },
  {
    what: "a learning rate without end",
    options: { settings: [{ paramGroup: 0, key: "lr", value: Number.POSITIVE_INFINITY }] },
    code: "TENON_EDIT_SETTING",
    says: /cannot be Infinity: it must be finite and not below 0/,
  },
  {
    what: "a learning rate below 0",
    options: { newGroups: [{ lr: -1 }], drop: ["trainer"] },
    code: "TENON_EDIT_SETTING",
    says: /cannot be -1/,
  },
  {
    what: "a beta of 1",
    options: { settings: [{ paramGroup: 0, key: "betas", value: [0.9, 1] }] },
    code: "TENON_EDIT_SETTING",
    says: /from 0 to below 1/,
  },
  {
    what: "one setting twice",
    options: {
      settings: [
        { paramGroup: 0, key: "lr", value: 1 },
        { paramGroup: 0, key: "lr", value: 2 },
      ],
    },
    code: "TENON_EDIT_CONTRADICTION",
    says: /lr of param group 0" is set twice/,
  },
  {
    what: "a new group with an unknown setting",
    options: { newGroups: [{ rate: 1 }], drop: ["trainer"] },
    code: "TENON_EDIT_SETTING",
  },
  {
    what: "a new group beside a schedule",
    source: trainer,
    options: { newGroups: [{ lr: 1 }], base: fixture("hybrid/qv/base") },
    code: "TENON_EDIT_SCHEDULE_GROUPS",
    exitCode: 1,
  },
  {
    what: "no adapter to remove",
    options: { removeAdapters: ["other"] },
    code: "TENON_ADAPTER_NOT_FOUND",
    says: /there are default/,
  },
  {
    what: "no adapter to copy",
    options: { addAdapters: [{ name: "new", like: "other" }] },
    code: "TENON_ADAPTER_NOT_FOUND",
  },
  {
    what: "no adapter for a rank",
    options: { loraRanks: [{ adapter: "other", loraRank: 3 }] },
    code: "TENON_ADAPTER_NOT_FOUND",
  },
  {
    what: "a name with a dot",
    options: { addAdapters: [{ name: "a.b", like: "default" }] },
    code: "TENON_EDIT_ADAPTER_NAME",
  },
  {
    what: "a name that is taken",
    options: { addAdapters: [{ name: "default", like: "default" }] },
    code: "TENON_EDIT_ADAPTER_NAME",
  },
  {
    what: "no alpha",
    options: { loraRanks: [{ adapter: "default", loraRank: 3 }] },
    code: "TENON_EDIT_RANK_SCALING",
    exitCode: 1,
  },
  {
    what: "rank 0",
    options: { alpha: 4, loraRanks: [{ adapter: "default", loraRank: 0 }] },
    code: "TENON_EDIT_ADAPTER_KIND",
    exitCode: 4,
  },
  {
    what: "ranks of target_parameters",
    source: "merge/experts/adapter",
    options: { loraRanks: [{ adapter: "default", loraRank: 9 }] },
    code: "TENON_EDIT_ADAPTER_KIND",
    exitCode: 4,
  },
  {
    what: "a new adapter like one with DoRA",
    source: "merge/dora-linear/adapter",
    options: { addAdapters: [{ name: "new", like: "default" }] },
    code: "TENON_EDIT_ADAPTER_KIND",
    exitCode: 4,
  },
  {
    what: "a config with DoRA",
    source: "base/llama-bf16",
    options: { addAdapters: [{ name: "new", like: config("linear-bf16", { use_dora: true }) }] },
    code: "TENON_EDIT_ADAPTER_KIND",
    exitCode: 4,
  },
  {
    what: "a config that targets an embedding",
    source: "base/llama-bf16",
    options: {
      addAdapters: [{ name: "new", like: config("linear-bf16", { target_modules: ["embed_tokens"] }) }],
    },
    code: "TENON_EDIT_ADAPTER_KIND",
    exitCode: 4,
    says: /which is no linear layer/,
  },
  {
    what: "a config whose modules are not there",
    source: "base/llama-bf16",
    options: { addAdapters: [{ name: "new", like: config("linear-bf16", { target_modules: ["nope"] }) }] },
    code: "TENON_EDIT_TARGETS",
    exitCode: 1,
  },
  {
    what: "a config and no base",
    source: "merge/linear-bf16/adapter",
    options: { addAdapters: [{ name: "new", like: config("linear-bf16", {}) }] },
    code: "TENON_EDIT_TARGETS",
    exitCode: 1,
    says: /there is no base/,
  },
  {
    what: "no such layout",
    options: { freeze: ["*"], to: "zip" },
    code: "TENON_LAYOUT_NOT_KNOWN",
    says: /^edit: /,
  },
];

describe("an edit is refused", () => {
  it.each(cases)("$what: $code", async ({ source = zero2, options, code, exitCode = 2, says }) => {
    const found = await refusalOf(editInMemory(fixture(source), options));
    expect(found).toMatchObject({ code, exitCode });
    if (says) expect(String((found as unknown as Error).message)).toMatch(says);
  });
});
