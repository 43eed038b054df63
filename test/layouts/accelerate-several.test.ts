import { describe, expect, it } from "vitest";
import { memoryTree } from "../../src/bytes/index.ts";
import { type Converted, convertInMemory, filesAt, openFiles, refusalOf } from "../verbs/converted.ts";

const hybrid = (): Map<string, Uint8Array> => filesAt("accelerate/two-optimizers");
const models = (): Map<string, Uint8Array> => filesAt("accelerate/two-models");

const converted = (
  files: ReadonlyMap<string, Uint8Array>,
  to: string,
  ...drop: string[]
): Promise<Converted> => convertInMemory(memoryTree(files), to, { drop });

describe("a save of several optimizers", () => {
  it("is read with the first, and says which there are", async () => {
    await using opened = await openFiles(hybrid());
    const names = ["optimizer.bin", "optimizer_1.bin"];
    expect(opened.observations).toContainEqual({ code: "TENON_OPTIMIZER_SEVERAL", names });
    expect(opened.optimizer?.states.size).toBe(4);
    expect([...(opened.trainer?.documents.keys() ?? [])].sort()).toEqual([
      "scheduler.bin",
      "scheduler_1.bin",
    ]);
  });

  it.each(["tenon", "trainer", "accelerate", "dcp", "universal"])(
    "is refused on the way to %s until the optimizers are dropped",
    async (target) => {
      for (const files of [hybrid(), models()]) {
        const refused = await refusalOf(converted(files, target));
        expect([refused.code, refused.exitCode]).toEqual(["TENON_OPTIMIZER_SEVERAL", 1]);
        expect(refused.details["names"]).toEqual(["optimizer.bin", "optimizer_1.bin"]);
        expect(refused.hint).toContain("--drop optimizer");
      }
    },
  );

  it("keeps both schedules without them", async () => {
    const { files } = await converted(hybrid(), "accelerate", "optimizer", "custom_checkpoint_0.pkl");
    expect([...files.keys()].filter((path) => /optimizer|scheduler|custom/.test(path)).sort()).toEqual([
      "scheduler.bin",
      "scheduler_1.bin",
    ]);
  });

  it("of two models goes on with the first model's, once the others are elsewhere", async () => {
    const own = models();
    for (const path of ["model_1.safetensors", "optimizer_1.bin", "scheduler_1.bin"]) own.delete(path);
    const { files } = await converted(own, "tenon");
    await using opened = await openFiles(files);
    expect(opened.observations.filter(({ code }) => code === "TENON_OPTIMIZER_SEVERAL")).toEqual([]);
    expect(opened.optimizer?.states.get("model.norm.weight")?.size).toBe(3);
  });

  it("names FSDP's folders of them", async () => {
    const folder = [...filesAt("dcp/fsdp2-w3/optimizer_0")];
    const whole = new Map([
      ...filesAt("dcp/fsdp2-w3"),
      ...[...filesAt("dcp/fsdp2-w3/pytorch_model_fsdp_0")].map(
        ([name, bytes]) => [`pytorch_model_fsdp_0/${name}`, bytes] as const,
      ),
      ...[0, 1].flatMap((at) => folder.map(([name, bytes]) => [`optimizer_${at}/${name}`, bytes] as const)),
    ]);
    await using opened = await openFiles(whole);
    const names = ["optimizer_0", "optimizer_1"];
    expect(opened.observations).toContainEqual({ code: "TENON_OPTIMIZER_SEVERAL", names });
  });
});

describe("objects of a class of one's own", () => {
  it("are named, and refused until they are dropped", async () => {
    const files = hybrid().set("sampler.bin", hybrid().get("custom_checkpoint_0.pkl") ?? new Uint8Array());
    files.delete("optimizer_1.bin");
    await using opened = await openFiles(files);
    const names = ["custom_checkpoint_0.pkl", "sampler.bin"];
    expect(opened.observations).toContainEqual({ code: "TENON_TRAINING_DOCUMENT_LEFT", names });
    const refused = await refusalOf(converted(files, "tenon", "optimizer"));
    expect([refused.code, refused.hint]).toEqual([
      "TENON_TRAINING_DOCUMENT_LEFT",
      "Leave them out: --drop custom_checkpoint_0.pkl --drop sampler.bin",
    ]);
    const { files: written } = await converted(files, "tenon", "optimizer", ...names);
    await using again = await openFiles(written);
    expect([...(again.trainer?.documents.keys() ?? [])]).toContain("scheduler.bin");
  });

  it("are not asked for where the trainer's state is not held or is dropped", async () => {
    await converted(hybrid(), "tenon", "optimizer", "trainer");
    await converted(hybrid(), "peft-hybrid", "optimizer", "trainer");
  });
});

describe("the state of a stateful loader", () => {
  it("goes along as a document", async () => {
    const counter = hybrid().get("custom_checkpoint_0.pkl") ?? new Uint8Array();
    const files = models().set("dl_state_dict.bin", counter);
    for (const path of ["model_1.safetensors", "optimizer_1.bin"]) files.delete(path);
    const { files: written } = await converted(files, "accelerate");
    await using again = await openFiles(written);
    expect(again.trainer?.documents.get("dl_state_dict.bin")).toEqual({ seen: 7 });
  });
});
