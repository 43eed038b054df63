import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalName } from "../../src/adapters/index.ts";
import { memoryTree } from "../../src/bytes/index.ts";
import {
  byteLengthOf,
  type Checkpoint,
  type Draft,
  type DraftAdapter,
  type DraftOptimizer,
  isTenonError,
  type JsonRecord,
  type NameMeaning,
  type OutputFile,
  type Recipe,
  type Tensor,
} from "../../src/core/index.ts";
import { type Format, formats as ownFormats } from "../../src/formats/index.ts";
import type { Layout, OpenOptions, WrittenFile } from "../../src/layouts/index.ts";
import { assemble } from "./format.contract.ts";

/** A layout that writes, and what it can hold. */
export interface LayoutSubject {
  readonly layout: Layout;
  /** `whole` and `part`: a draft always has such a base. `none`: it never has one. `any`: one of the three. */
  readonly base: "whole" | "part" | "none" | "any";
  readonly adapters: "none" | "some" | "any";
  /** A draft always has state of every parameter: the layout is one of optimizers. */
  readonly optimizer?: true;
  readonly formats?: readonly Format[];
}

/** Bytes of a tensor that differ from those of every other one with high probability. */
export function patternOf(id: string, byteLength: number): Uint8Array {
  const seed = createHash("sha256").update(id).digest();
  return Uint8Array.from({ length: byteLength }, (_, at) => ((seed[at % 32] as number) + at * 7) % 256);
}

/** A recipe that keeps a tensor as it is. */
export function kept(id: string, shape: readonly number[], dtype: Recipe["dtype"] = "F32"): Recipe {
  const source = { id, name: id, dtype, shape, byteLength: byteLengthOf(dtype, shape) };
  return { source, dtype, shape, steps: [] };
}

/** Writes what a layout arranged into memory, as an executor would, its last documents included. */
export async function writeDraft(
  layout: Layout,
  draft: Draft,
  formats: readonly Format[] = ownFormats,
): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  const put = (file: OutputFile): void => {
    expect(files.has(file.path), `${file.path} is written twice`).toBe(false);
    files.set(file.path, contentOf(file, formats));
  };
  for (const file of (await layout.arrange?.(draft, {})) ?? []) put(file);
  const written: WrittenFile[] = [...files].map(([path, bytes]) => ({
    path,
    byteLength: bytes.length,
    sha256: createHash("sha256").update(bytes).digest("hex"),
  }));
  for (const file of layout.finish?.(draft, written) ?? []) put(file);
  return files;
}

function contentOf(file: OutputFile, formats: readonly Format[]): Uint8Array {
  if (file.kind === "text") return new TextEncoder().encode(file.text);
  if (file.kind === "bytes") return file.bytes;
  if (file.kind === "copy") return new TextEncoder().encode(`copy of ${file.source}`);
  const format = formats.find(({ name }) => name === file.format);
  if (format?.layOut === undefined) throw new Error(`no format ${file.format} that writes`);
  const recipes = new Map(file.entries.map(({ name, recipe }) => [name, recipe]));
  const entries = [...recipes].map(([name, { dtype, shape }]) => ({ name, dtype, shape }));
  expect(entries.length, `${file.path} has a name twice`).toBe(file.entries.length);
  const source = (name: string): string => recipes.get(name)?.source.id ?? "";
  const extras = {
    ...(file.aliases && { aliases: file.aliases }),
    ...(file.objects && { objects: file.objects }),
  };
  const layout = format.layOut(entries, file.metadata, extras);
  return assemble(layout, (name, length) => patternOf(source(name), length));
}

/** What every layout that writes promises. Run it for a layout of your own. */
export function layoutContract(subject: LayoutSubject): void {
  const { layout, formats = ownFormats } = subject;
  const open = (
    files: ReadonlyMap<string, Uint8Array>,
    options: Partial<OpenOptions> = {},
  ): Promise<Checkpoint> => layout.open(memoryTree(files), { formats, ...options });

  describe(`${layout.name}, as a layout`, () => {
    it("has a writer exactly when it says so", () => {
      expect(layout.arrange !== undefined).toBe(layout.canWrite);
      if (layout.finish !== undefined) expect(layout.canWrite).toBe(true);
    });

    it("says no, with a reason, to a directory of other things", async () => {
      const { match, evidence } = await layout.sniff(memoryTree(new Map([["notes.txt", "hello"]])), {
        formats,
      });
      expect(match).toBe("no");
      expect(evidence.length).toBeGreaterThan(0);
    });

    it.runIf(layout.canWrite && layout.canRead)("recognises what it wrote", async () => {
      const property = fc.asyncProperty(anyDraft(subject), async (draft) => {
        const { match, evidence } = await layout.sniff(memoryTree(await writeDraft(layout, draft, formats)), {
          formats,
        });
        expect({ match, evidence }).toMatchObject({ match: "yes" });
        expect(evidence.length).toBeGreaterThan(0);
      });
      await fc.assert(property, { numRuns: 25 });
    });

    it.runIf(layout.canWrite && layout.canRead)("opens what it wrote as the same components", async () => {
      const property = fc.asyncProperty(anyDraft(subject), async (draft) => {
        await using checkpoint = await open(await writeDraft(layout, draft, formats));
        expect(checkpoint.layout).toBe(layout.name);
        await expectSame(checkpoint, draft);
      });
      await fc.assert(property, { numRuns: 100 });
    });

    it.runIf(layout.canWrite && layout.canRead)(
      "reads no tensor while opening, and lists every file",
      async () => {
        const [draft] = fc.sample(anyDraft(subject), { numRuns: 1, seed: 7 }) as [Draft];
        const files = await writeDraft(layout, draft, formats);
        await using checkpoint = await open(files);
        // Names with a dot in front are not listed; see the contract of sources.
        const listed = [...files.keys()].filter((path) => !path.startsWith("."));
        expect(checkpoint.files.map(({ path }) => path)).toEqual(listed.sort());
        expect(checkpoint.evidence.length).toBeGreaterThan(0);
      },
    );

    it.runIf(layout.canWrite && layout.canRead)("answers files cut short with an error of ours", async () => {
      const [draft] = fc.sample(anyDraft(subject), { numRuns: 1, seed: 11 }) as [Draft];
      const files = await writeDraft(layout, draft, formats);
      for (const [path, bytes] of files) {
        if (!/\.(?:safetensors|json|distcp|metadata)$/.test(path)) continue;
        const broken = new Map(files).set(path, bytes.slice(0, bytes.length / 2));
        const opening = open(broken).then((checkpoint) => checkpoint.close());
        await expect(opening, path).rejects.toSatisfy(isTenonError);
      }
    });
  });
}

async function expectSame(checkpoint: Checkpoint, draft: Draft): Promise<void> {
  expect([...(checkpoint.base?.tensors.keys() ?? [])].sort()).toEqual(
    [...(draft.base?.tensors.keys() ?? [])].sort(),
  );
  for (const [name, recipe] of draft.base?.tensors ?? [])
    await expectKept(checkpoint.base?.tensors.get(name) as Tensor, recipe);
  if (draft.base !== undefined) {
    expect(checkpoint.base?.isComplete).toBe(draft.base.isComplete);
    if (draft.base.isComplete) expect(checkpoint.base?.config).toEqual(draft.base.config);
  }
  expect([...checkpoint.adapters.keys()].sort()).toEqual(draft.adapters.map(({ name }) => name).sort());
  for (const { name, config, parameters } of draft.adapters) {
    const adapter = checkpoint.adapters.get(name);
    expect(adapter?.config).toEqual({ ...config, inference_mode: true });
    for (const { meaning, recipe } of parameters) {
      const module = adapter?.modules.get(meaning.module);
      const tensor =
        meaning.role === "modulesToSave"
          ? adapter?.replacements.find(({ parameter }) => parameter === `${meaning.module}.${meaning.leaf}`)
              ?.tensor
          : meaning.role === "loraA"
            ? module?.loraA
            : module?.loraB;
      await expectKept(tensor as Tensor, recipe);
    }
    expect((adapter?.modules.size ?? 0) * 2 + (adapter?.replacements.length ?? 0)).toBe(parameters.length);
  }
  if (draft.optimizer === undefined) return;
  expect(checkpoint.optimizer?.groups.map(({ parameters }) => parameters)).toEqual(
    draft.optimizer.groups.map(({ parameters }) => parameters).filter((names) => names.length > 0),
  );
  for (const [name, states] of draft.optimizer.states)
    for (const [state, recipe] of states)
      await expectKept(checkpoint.optimizer?.states.get(name)?.get(state) as Tensor, recipe);
}

async function expectKept(tensor: Tensor, recipe: Recipe): Promise<void> {
  expect({ dtype: tensor.dtype, shape: tensor.shape }).toEqual({ dtype: recipe.dtype, shape: recipe.shape });
  const bytes = new Uint8Array(tensor.byteLength);
  await tensor.read(0, bytes);
  expect(Buffer.compare(bytes, patternOf(recipe.source.id, bytes.length))).toBe(0);
}

const modules = [
  "model.layers.0.self_attn.q_proj",
  "model.layers.0.mlp.up_proj",
  "model.layers.10.self_attn.q_proj",
];
const others = ["model.embed_tokens", "model.norm", "lm_head"];
const nullRecord = (record: Record<string, unknown>): JsonRecord =>
  Object.assign(Object.create(null), record) as JsonRecord;

function anyDraft({ base, adapters, optimizer }: LayoutSubject): fc.Arbitrary<Draft> {
  const bases = base === "any" ? ["whole", "part", "none"] : [base];
  const counts = { none: [0], some: [1, 2], any: [0, 1, 2] }[adapters];
  return fc
    .record({
      base: fc.constantFrom(...bases),
      dtype: fc.constantFrom("BF16", "F32", "F16"),
      rank: fc.integer({ min: 1, max: 3 }),
      count: fc.constantFrom(...counts),
      targets: fc.subarray(modules, { minLength: 1 }),
      savesHead: fc.boolean(),
      trained: fc.subarray([...modules.slice(0, 2), "model.norm"], { minLength: 1 }),
      named: fc.boolean(),
    })
    .map((choice) => {
      const names = (choice.base === "whole" ? [...modules, ...others] : choice.trained).map(
        (path) => `${path}.weight`,
      );
      const tensors = new Map(
        names.map((name) => [name, kept(name, [6, 4], choice.dtype as Recipe["dtype"])]),
      );
      // Without anything at all there is nothing to write.
      const count = choice.base === "none" ? Math.max(1, choice.count) : choice.count;
      const adapterNames = choice.named ? ["default", "第二 b"] : ["default", "second"];
      const draft: Draft = {
        ...(choice.base !== "none" && {
          base: {
            tensors,
            isComplete: choice.base === "whole",
            ties: new Map(),
            config: nullRecord({ model_type: "llama", hidden_size: 4, rope_theta: 10000.5 }),
          },
        }),
        adapters: adapterNames.slice(0, count).map((name) => draftAdapter(name, choice)),
        companions: [],
        origin: nullRecord({ from: "a test" }),
      };
      return optimizer === true ? { ...draft, optimizer: draftOptimizer(draft) } : draft;
    });
}

/** Adam's state of every parameter, in two groups. */
function draftOptimizer({ base, adapters }: Draft): DraftOptimizer {
  const shapes = new Map([...(base?.tensors ?? [])].map(([name, { shape }]) => [name, shape]));
  for (const { name, parameters } of adapters)
    for (const { meaning, recipe } of parameters)
      shapes.set(canonicalName({ ...meaning, adapter: name }), recipe.shape);
  const names = [...shapes.keys()];
  const half = Math.ceil(names.length / 2);
  const states = names.map((name) => {
    const of = (state: string): Recipe => kept(`${name}/${state}`, shapes.get(name) ?? []);
    const step = kept("step", []);
    return [
      name,
      new Map(["exp_avg", "exp_avg_sq"].map((state) => [state, of(state)])).set("step", step),
    ] as const;
  });
  const group = (parameters: readonly string[], decay: number): DraftOptimizer["groups"][number] => ({
    parameters,
    settings: nullRecord({ lr: 0.5, weight_decay: decay, betas: [0.9, 0.999] }),
  });
  return { states: new Map(states), groups: [group(names.slice(0, half), 0.1), group(names.slice(half), 0)] };
}

function draftAdapter(
  name: string,
  { targets, rank, savesHead }: { targets: readonly string[]; rank: number; savesHead: boolean },
): DraftAdapter {
  const meaning = (role: NameMeaning["role"], module: string, leaf = ""): NameMeaning => ({
    role,
    module,
    leaf,
    nesting: 0,
    wrappers: [],
  });
  const pairs = targets.flatMap((module) => [
    { meaning: meaning("loraA", module), recipe: kept(`${name}:${module}.A`, [rank, 4]) },
    { meaning: meaning("loraB", module), recipe: kept(`${name}:${module}.B`, [6, rank]) },
  ]);
  const head = {
    meaning: meaning("modulesToSave", "lm_head", "weight"),
    recipe: kept(`${name}:head`, [6, 4]),
  };
  const config = nullRecord({
    peft_type: "LORA",
    r: rank,
    lora_alpha: 2 * rank,
    target_modules: [...new Set(targets.map((path) => path.split(".").at(-1) as string))],
    modules_to_save: savesHead ? ["lm_head"] : null,
    base_model_name_or_path: "some/where",
  });
  return { name, config, parameters: savesHead ? [...pairs, head] : pairs };
}
