import { describe, expect, it } from "vitest";
import { memoryTree } from "../../src/bytes/index.ts";
import type { Checkpoint, Tensor } from "../../src/core/index.ts";
import { expectSameTensors } from "../layouts/fixtures.ts";
import {
  type Converted,
  configAt,
  convertInMemory,
  openFiles,
  refusalOf,
  splitInMemory,
} from "./converted.ts";
import { fixture, tenon } from "./tenon.ts";

const statesOf = ({ optimizer }: Checkpoint): Map<string, Tensor> =>
  new Map(
    [...(optimizer?.states ?? [])].flatMap(([name, state]) =>
      [...state].map(([key, tensor]) => [`${name}/${key}`, tensor] as const),
    ),
  );
const weightsOf = ({ base, adapters }: Checkpoint): Map<string, Tensor> =>
  new Map([
    ...(base?.tensors ?? []),
    ...[...adapters.values()].flatMap(({ name, entries }) =>
      entries.map(({ tensor }) => [`${name}/${tensor.name}`, tensor] as const),
    ),
  ]);

/** Weights, every state, groups with their settings, and documents are the same. */
async function expectSameState(found: Checkpoint, source: Checkpoint): Promise<void> {
  await expectSameTensors(weightsOf(found), weightsOf(source));
  await expectSameTensors(statesOf(found), statesOf(source));
  const groups = (of: Checkpoint): unknown =>
    of.optimizer?.groups.map(({ parameters, settings }) => ({ parameters, settings }));
  expect(groups(found)).toEqual(groups(source));
  expect(found.trainer).toEqual(source.trainer);
}

const there = async (source: string, options = {}): Promise<Converted> =>
  convertInMemory(fixture(source), "trainer", options);

describe("a Trainer checkpoint, converted to trainer,", () => {
  const name = "optimizer/trainer-lora";

  it("is read as the same state, bit for bit", async () => {
    const { files } = await there(name);
    await using found = await openFiles(files);
    await using source = await tenon.open(fixture(name));
    expect(found.layout).toBe("trainer");
    expect(found.optimizer?.naming?.order).toBe("the names in the optimizer's own groups (param_names)");
    await expectSameState(found, source);
  });

  it("is the same files through a tenon checkpoint", async () => {
    const { files } = await there(name);
    const { files: parts } = await splitInMemory(fixture(name));
    const { files: back } = await convertInMemory(memoryTree(parts), "trainer");
    expect([...back.keys()].sort()).toEqual([...files.keys()].sort());
    for (const [path, bytes] of files)
      expect(Buffer.compare(bytes, back.get(path) ?? bytes.slice(1)), path).toBe(0);
  });
});

describe("another trainer's save, converted to trainer,", () => {
  it.each(["saved-head", "one-base", "decayed-norms", "lora-plus"])(
    "has the parameters of each group in their order: %s",
    async (name) => {
      const { files } = await there(`optimizer/${name}`);
      await using found = await openFiles(files);
      await using source = await tenon.open(fixture(`optimizer/${name}`));
      await expectSameTensors(statesOf(found), statesOf(source));
      expect(found.optimizer?.groups).toEqual(source.optimizer?.groups);
    },
  );

  it("is DeepSpeed's: masters and documents are asked about, groups stay in their order", async () => {
    const name = "zero/z2-w2-bf16";
    const options = { adapterConfig: configAt(`${name}/truth`) };
    const found = await refusalOf(there(name, options));
    expect(found).toMatchObject({ code: "TENON_LAYOUT_CANNOT_HOLD", exitCode: 1 });
    expect(found.details["lost"]).toMatchObject([
      expect.stringMatching(/^fp32 masters of 17 parameters/),
      expect.stringMatching(/deepspeed\.json/),
    ]);
    const { files, report } = await there(name, { ...options, fromMaster: true, drop: ["trainer"] });
    expect(report.advice).toContainEqual(
      expect.stringMatching(/passes over optimizer\.pt unless scheduler\.pt/),
    );
    await using opened = await openFiles(files);
    await using source = await tenon.open(fixture(name), options);
    expect(opened.optimizer?.groups).toEqual(source.optimizer?.groups);
    const moments = new Map([...statesOf(source)].filter(([key]) => !key.endsWith("/fp32")));
    await expectSameTensors(statesOf(opened), moments);
  });

  it.each(["dcp", "universal", "tenon"])(
    "is refused where its order was lost, also through %s",
    async (to) => {
      const name = "zero/z2-w2-round-robin";
      const options = { adapterConfig: configAt(`${name}/truth`), drop: ["trainer"] };
      const through = to === "dcp" ? { ...options, drop: ["trainer", "masters"] } : options;
      await using source = await tenon.open(fixture(name), options);
      expect(source.optimizer?.orderUnknown).toMatch(/round_robin_gradients/);
      const { files } = await convertInMemory(fixture(name), to, through);
      const drop = { dcp: [], tenon: ["masters"], universal: ["masters", "trainer"] }[to] ?? [];
      const found = await refusalOf(convertInMemory(memoryTree(files), "trainer", { ...options, drop }));
      expect(found).toMatchObject({ code: "TENON_OPTIMIZER_ORDER_UNKNOWN", exitCode: 1 });
    },
  );

  it("leaves out single documents by name, and only those", async () => {
    const name = "optimizer/trainer-lora";
    const { report } = await there(name, { drop: ["scheduler.pt"] });
    expect(report.trainerDocuments).toEqual(["trainer_state.json"]);
    expect(await refusalOf(there(name, { drop: ["scaler.pt"] }))).toMatchObject({
      code: "TENON_DROP_UNKNOWN",
    });
  });
});
