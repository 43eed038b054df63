import { describe, expect, it } from "vitest";
import { memoryTree } from "../../src/bytes/index.ts";
import type { Checkpoint, Tensor } from "../../src/core/index.ts";
import { expectSameTensors } from "../layouts/fixtures.ts";
import { configAt, convertInMemory, openFiles, refusalOf, splitInMemory } from "./converted.ts";
import { fixture, tenon } from "./tenon.ts";

const statesOf = ({ optimizer }: Checkpoint): Map<string, Tensor> =>
  new Map(
    [...(optimizer?.states ?? [])].flatMap(([name, state]) =>
      [...state].map(([key, tensor]) => [`${name}/${key}`, tensor] as const),
    ),
  );

const adapterConfig = configAt("hybrid/qv/save-pretrained");

describe("a folder of Accelerate, converted to accelerate,", () => {
  const source = fixture("hybrid/qv/accelerator-save-state");
  const options = { adapterConfig, base: fixture("hybrid/qv/base") };

  it("is read as the same state, bit for bit, and goes through tenon unchanged", async () => {
    const { files } = await convertInMemory(source, "accelerate", options);
    await using found = await openFiles(files);
    expect(found.layout).toBe("accelerate");
    const { files: parts } = await splitInMemory(source, options);
    const { files: back } = await convertInMemory(memoryTree(parts), "accelerate", options);
    expect([...back.keys()].sort()).toEqual([...files.keys()].sort());
    for (const [path, bytes] of files)
      expect(Buffer.compare(bytes, back.get(path) ?? bytes.slice(1)), path).toBe(0);
    await using split = await openFiles(parts);
    await expectSameTensors(statesOf(found), statesOf(split));
    expect(found.optimizer?.groups).toEqual(split.optimizer?.groups);
    expect(found.trainer).toEqual(split.trainer);
  });
});

describe("a checkpoint of the Trainer, converted to accelerate,", () => {
  it("asks for each document that Accelerate has no file for, and takes the schedule over", async () => {
    const source = fixture("hybrid/qv/trainer-native/checkpoint-3");
    const options = { base: fixture("hybrid/qv/base"), adapterConfig };
    // Its trained base is lost, so its moments do not go along.
    const own = ["optimizer"];
    const refused = await refusalOf(convertInMemory(source, "accelerate", { ...options, drop: own }));
    expect(refused).toMatchObject({ code: "TENON_LAYOUT_CANNOT_HOLD", exitCode: 1 });
    expect(refused.hint).toMatch(/--drop trainer_state\.json/);
    const drop = [...refused.hint.matchAll(/--drop (\S+)/g)].map(([, name = ""]) => name);
    expect(drop).not.toContain("scheduler.pt");
    const { files, report } = await convertInMemory(source, "accelerate", {
      ...options,
      drop: [...own, ...drop],
    });
    expect([...files.keys()]).toContain("scheduler.bin");
    expect(report.advice).toContainEqual(expect.stringMatching(/without random states/));
  });
});

describe("a save of DeepSpeed, converted to accelerate,", () => {
  it.each(["z1-w3-fp32", "z2-w2-tied", "z3-w2-tied"])(
    "counts the parameters of each group in DeepSpeed's order: %s",
    async (name) => {
      const path = `zero/${name}`;
      const options = { adapterConfig: configAt(`${path}/truth`) };
      await using source = await tenon.open(fixture(path), options);
      const { files } = await convertInMemory(fixture(path), "accelerate", {
        ...options,
        drop: ["masters", "trainer"],
      });
      await using found = await openFiles(files);
      expect(found.optimizer?.groups.map(({ parameters }) => parameters)).toEqual(
        source.optimizer?.groups.map(({ parameters }) => parameters),
      );
      const moments = new Map([...statesOf(source)].filter(([key]) => !key.endsWith("/fp32")));
      expect(moments.size).toBeGreaterThan(10);
      await expectSameTensors(statesOf(found), moments);
    },
  );
});

describe("flattened param groups of DCP, converted to accelerate,", () => {
  it("have the order that the same optimizer's nested ones have", async () => {
    const options = { adapterConfig, drop: ["trainer"] };
    const { files } = await convertInMemory(fixture("dcp/titan-w2"), "accelerate", options);
    await using found = await openFiles(files);
    await using nested = await tenon.open(fixture("dcp/fsdp2-w3"), { adapterConfig });
    const orderOf = ({ optimizer }: Checkpoint): unknown =>
      optimizer?.groups.map(({ parameters }) => parameters);
    expect(orderOf(found)).toEqual(orderOf(nested));
  });
});
