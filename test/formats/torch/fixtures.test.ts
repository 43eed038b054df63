import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { openFile } from "../../../src/bytes/node/index.ts";
import { isTenonError, type Tensor } from "../../../src/core/index.ts";
import { openTorch, safetensors, tensorsIn, verifyChecksums } from "../../../src/formats/index.ts";
import { OpaqueObject, type PickleMap } from "../../../src/pickle/index.ts";
import { bytesOf } from "../../contract/format.contract.ts";

// Files written by torch itself, each with what torch reads back from it.
const root = "test/fixtures/torch";
const extents = async (tensor: Tensor): Promise<Uint8Array | undefined> => {
  if (tensor.extents === undefined) return undefined;
  const parts = tensor.extents.map(({ path, byteOffset, byteLength }) =>
    readFileSync(path).subarray(byteOffset, byteOffset + byteLength),
  );
  return new Uint8Array(Buffer.concat(parts));
};

interface Case {
  readonly what: string;
  readonly file: string;
  readonly ties?: readonly (readonly string[])[];
}

const names = readdirSync(root).filter((name) => name !== "refused");

describe("files of torch.save", () => {
  it.each(names)("are read as torch reads them: %s", async (name) => {
    const { file, ties = [] } = JSON.parse(readFileSync(`${root}/${name}/case.json`, "utf8")) as Case;
    await using source = await openFile(`${root}/${name}/${file}`);
    await using wanted = await openFile(`${root}/${name}/expected.safetensors`);
    const reports: string[] = [];
    const opened = await openTorch(source, { report: ({ names }) => reports.push(...names) });
    const walk = { file, report: ({ names }: { names: readonly string[] }) => reports.push(...names) };
    const found = new Map(tensorsIn(opened.object, walk).map(([path, tensor]) => [path.join("."), tensor]));
    const expected = await safetensors.open(wanted);
    expect([...found.keys()].sort()).toEqual(expected.tensors.map((tensor) => tensor.name).sort());
    for (const reference of expected.tensors) {
      const tensor = found.get(reference.name) as Tensor;
      expect([tensor.name, tensor.dtype, tensor.shape], reference.name).toEqual([
        reference.name,
        reference.dtype,
        reference.shape,
      ]);
      const bytes = await bytesOf(reference);
      expect(await bytesOf(tensor), reference.name).toEqual(bytes);
      expect((await extents(tensor)) ?? bytes, reference.name).toEqual(bytes);
    }
    for (const tensor of opened.tensors) expect(found.get(tensor.name)?.storage).toBe(tensor.storage);
    for (const tied of ties) expect(new Set(tied.map((each) => found.get(each)?.storage)).size).toBe(1);
    // complex128 is torch's and not safetensors': the dtype zoos hold one.
    expect(new Set(reports)).toEqual(new Set(/dtypes|endian/.test(name) ? ["complex128"] : []));
    const { checkedMembers, problems } = await verifyChecksums(source);
    expect(problems).toEqual([]);
    expect(checkedMembers > 0).toBe(!/legacy|no-crc/.test(name));
  });

  it.each(["sparse", "meta", "quantized", "module"])(
    "that hold no plain weights are refused: %s",
    async (name) => {
      await using source = await openFile(`${root}/refused/${name}.pt`);
      const error = await openTorch(source).catch((caught: unknown) => caught);
      expect(error).toSatisfy(isTenonError);
      const code = name === "module" ? "TENON_TORCH_OPAQUE_TENSOR" : "TENON_TORCH_TENSOR_UNSUPPORTED";
      expect(error).toMatchObject({ code });
    },
  );

  it("keep objects of unknown classes beside the weights", async () => {
    await using source = await openFile(`${root}/unknown-global/model.pt`);
    const { object, globals, tensors } = await openTorch(source);
    expect(tensors.map(({ name }) => name)).toEqual(["model.w"]);
    expect(globals).toContain("argparse Namespace");
    expect((object as PickleMap).get("when")).not.toBeInstanceOf(OpaqueObject);
  });

  it("keep everyday values beside the weights", async () => {
    await using source = await openFile(`${root}/lightning/epoch=3.ckpt`);
    const object = (await openTorch(source)).object as PickleMap;
    expect(object.get("global_step")).toBe(2 ** 40);
    const settings = object.get("hyper_parameters") as PickleMap;
    expect(settings.get("name")).toBe("café");
    expect(settings.get("flags")).toEqual([true, false]);
    expect(settings.get("none")).toBeNull();
    expect(settings.get("dtype")).toMatchObject({ global: "torch bfloat16" });
    expect(settings.get("device")).toMatchObject({ global: "torch device" });
  });

  it("have ties that lie in one place, and only those", async () => {
    await using source = await openFile(`${root}/views/model.pt`);
    const { tensors } = await openTorch(source);
    const storages = tensors.map(({ storage }) => storage).filter((storage) => storage !== undefined);
    expect(storages.length - new Set(storages).size).toBe(1);
  });
});
