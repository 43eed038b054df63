import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { findingsPage, findingsPath } from "../../scripts/findings-reference.ts";
import { filesBelow } from "../../scripts/tree.ts";
import { adapterObservations } from "../../src/adapters/index.ts";
import { findingGroups, findingKinds } from "../../src/doctor/index.ts";
import { layoutObservations } from "../../src/layouts/index.ts";

/** Damage that formats and layouts step over when somebody listens; the codes of their errors. */
const steppedOver = [
  "TENON_DCP_FILE_MISSING",
  "TENON_DCP_FILE_SHORT",
  "TENON_DCP_METADATA_MISSING",
  "TENON_FSDP_SLICE",
  "TENON_INDEX_TENSOR_ABSENT",
  "TENON_MANIFEST_FILE_MISSING",
  "TENON_MANIFEST_SIZE_DIFFERS",
  "TENON_SAFETENSORS_TRAILING_BYTES",
  "TENON_SAFETENSORS_TRUNCATED",
  "TENON_SHARD_DUPLICATE_TENSOR",
  "TENON_SHARD_MISSING",
];
/** What only the doctor sees. */
const own = [
  "TENON_ADAPTER_EMBEDDING_RESIZED",
  "TENON_ADAPTER_RANK_DOUBLED",
  "TENON_BASE_LORA_TRAINED",
  "TENON_BASE_LORA_UNMERGED",
  "TENON_BASE_OTHER_NAME",
  "TENON_BASE_PARTIAL",
  "TENON_BASE_TRAINED",
  "TENON_BASE_WRONG",
  "TENON_CHECKPOINT_EMPTY",
  "TENON_DTYPE_MIXED",
  "TENON_MERGED_ALREADY",
  "TENON_MERGED_TWICE",
  "TENON_OPTIMIZER_STEP_DIFFERS",
  "TENON_RANDOM_STATES_LACKING",
  "TENON_TENSOR_INF",
  "TENON_TENSOR_NAN",
  "TENON_TIE_BROKEN",
];

it("the table of findings has every observation of adapters and layouts, and no other code", () => {
  const observed = [...Object.keys(adapterObservations), ...Object.keys(layoutObservations)];
  expect(Object.keys(findingKinds).sort()).toEqual([...observed, ...steppedOver, ...own].sort());
});

it("every code stands in one group of the reference", () => {
  expect(findingGroups.flatMap(({ kinds }) => Object.keys(kinds)).sort()).toEqual(
    Object.keys(findingKinds).sort(),
  );
});

it("the reference is the one that the table gives", () => {
  expect(readFileSync(findingsPath, "utf8")).toBe(findingsPage());
});

it("every cause is one sentence, and every remedy a command or a sentence", () => {
  for (const [code, { cause, remedy }] of Object.entries(findingKinds)) {
    expect(cause, code).toMatch(/\.$/);
    expect(cause.split(". "), code).toHaveLength(1);
    expect(remedy, code).toMatch(/^(?:tenon [a-z]|[A-Z])/);
  }
});

it("every finding is provoked by a test", () => {
  const tests = filesBelow("test", ".ts").filter((path) => !path.startsWith("test/house/"));
  const text = tests.map((path) => readFileSync(path, "utf8")).join("\n");
  // Tables of findings leave out what all codes begin with.
  const isProvoked = (code: string): boolean =>
    text.includes(code) || text.includes(` ${code.slice("TENON_".length)}"`);
  expect(Object.keys(findingKinds).filter((code) => !isProvoked(code))).toEqual([]);
});
