import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  type Components,
  canonicalName,
  type GeometryContext,
  mergeObstacles,
  misfitsOf,
  parameterChangesOf,
  parseLoraConfig,
  tokenRowsChange,
  understand,
} from "../../src/adapters/index.ts";
import type { AdapterComponent, Factor, Step, TensorMeta } from "../../src/core/index.ts";
import { caseNames, type FixtureTensor, fixturePath, readJson, readTensors, rounded } from "./fixture.ts";

const valuesOf = (tensor: TensorMeta): Float32Array => (tensor as FixtureTensor).values;
const at = (factor: Factor, batch: number, index: number, k: number): number =>
  valuesOf(factor.tensor)[
    factor.offset + batch * factor.batch + index * factor.outer + k * factor.inner
  ] as number;

/** The delta of one step, element by element, as torch on CPU sums it: a chain of fused multiply-adds in f32. */
function deltaOf(step: Extract<Step, { kind: "addLowRank" | "dora" }>): Float32Array {
  const { batches, rows, cols, loraRank, left, right } = step;
  const out = new Float32Array(batches * rows * cols);
  const scaling = Math.fround(step.scaling);
  for (let batch = 0, place = 0; batch < batches; batch++)
    for (let row = 0; row < rows; row++)
      for (let col = 0; col < cols; col++, place++) {
        let sum = 0;
        for (let k = 0; k < loraRank; k++)
          sum = Math.fround(sum + at(left, batch, row, k) * at(right, batch, col, k));
        out[place] = Math.fround(sum * scaling);
      }
  return out;
}

function apply(weight: Float32Array, dtype: TensorMeta["dtype"], step: Step): Float32Array {
  const out = new Float32Array(weight.length);
  if (step.kind === "addLowRank") {
    const delta = deltaOf(step);
    for (let i = 0; i < out.length; i++) {
      const d = step.roundDelta ? rounded(dtype, delta[i] as number) : (delta[i] as number);
      out[i] = rounded(dtype, Math.fround((weight[i] as number) + d));
    }
  } else if (step.kind === "dora") {
    const delta = deltaOf(step);
    const sums = weight.map((w, i) => w + (delta[i] as number));
    const lines = step.norm === "row" ? step.rows : step.cols;
    const norms = new Float64Array(lines);
    const line = (i: number): number => (step.norm === "row" ? Math.floor(i / step.cols) : i % step.cols);
    for (let i = 0; i < sums.length; i++)
      norms[line(i)] = (norms[line(i)] as number) + (sums[i] as number) ** 2;
    for (let i = 0; i < out.length; i++) {
      const factor = (valuesOf(step.magnitude)[line(i)] as number) / Math.sqrt(norms[line(i)] as number);
      out[i] = rounded(dtype, Math.fround(Math.fround(factor) * (sums[i] as number)));
    }
  } else if (step.kind === "addVector") {
    for (let i = 0; i < out.length; i++)
      out[i] = rounded(
        dtype,
        Math.fround(
          (weight[i] as number) +
            Math.fround((valuesOf(step.tensor)[i] as number) * Math.fround(step.scaling)),
        ),
      );
  } else {
    out.set(weight);
    const columns = valuesOf(step.tensor).length / step.indices.length;
    for (const [i, index] of step.indices.entries())
      for (let j = 0; j < columns; j++)
        out[index * columns + j] = rounded(dtype, valuesOf(step.tensor)[i * columns + j] as number);
  }
  return out;
}

interface Case {
  readonly base: string;
  readonly bitExact: boolean;
  readonly safeMerge: readonly boolean[];
  readonly weights?: unknown;
}

/** Merges one adapter by the steps that this room gives, in the plainest arithmetic. */
function merged(
  base: Components,
  adapter: AdapterComponent,
  rounding: "once" | "twice",
): Map<string, Float32Array> {
  const tensors = base.base?.tensors ?? new Map<string, TensorMeta>();
  const out = new Map([...tensors].map(([name, tensor]) => [name, valuesOf(tensor)]));
  const dtypes = new Map([...tensors].map(([name, { dtype }]) => [name, dtype]));
  const shapes = new Map<string, TensorMeta>(tensors);
  for (const { parameter, tensor } of adapter.replacements) {
    out.set(parameter, valuesOf(tensor));
    shapes.set(parameter, tensor);
  }
  const config = parseLoraConfig(adapter.config ?? {}, "adapter_config.json");
  expect(mergeObstacles(config)).toEqual([]);
  const { config: modelConfig, ties = new Map() } = base.base ?? {};
  // PEFT merges into the one tensor that tied parameters share, unless the alias has a copy of its own.
  const own = new Set(
    adapter.replacements.filter(({ kind }) => kind === "modulesToSave").map((r) => r.parameter),
  );
  const placeOf = (name: string): string => (own.has(name) ? name : (ties.get(name) ?? name));
  // PEFT goes through the modules in the model's order, in which the input embedding comes first.
  const modules = [...adapter.modules.values()].sort(
    (one, other) => Number(other.loraEmbeddingA !== undefined) - Number(one.loraEmbeddingA !== undefined),
  );
  const context: GeometryContext = {
    adapter: adapter.name,
    config,
    modules: adapter.modules,
    base: shapes,
    ties,
    rounding,
    ...(modelConfig === undefined ? {} : { modelConfig }),
  };
  expect(misfitsOf(context)).toEqual([]);
  const changes = [
    ...modules.flatMap((module) => parameterChangesOf(context, module)),
    ...[...adapter.tokenDeltas].map(([path, rows]) => tokenRowsChange(context, path, rows)),
  ];
  for (const { parameter, base: from, steps } of changes) {
    const place = placeOf(parameter);
    let weight = out.get(place) ?? valuesOf(from);
    for (const step of steps) weight = apply(weight, dtypes.get(parameter) ?? from.dtype, step);
    out.set(place, weight);
  }
  return out;
}

function open(name: string): { base: Components; adapter: AdapterComponent; adapterSide: Components } {
  const { base: basePath } = readJson(`merge/${name}/case.json`) as unknown as Case;
  const config = existsSync(fixturePath(`${basePath}/config.json`))
    ? readJson(`${basePath}/config.json`)
    : undefined;
  const base = understand(readTensors(basePath), {
    adapterConfigs: new Map(),
    adapterFiles: new Map(),
    ...(config === undefined ? {} : { config }),
  });
  const file = `merge/${name}/adapter/adapter_model.safetensors`;
  const adapterSide = understand(readTensors(file), {
    adapterConfigs: new Map([
      ["default", { config: readJson(`merge/${name}/adapter/adapter_config.json`), from: file }],
    ]),
    adapterFiles: new Map([[file, "default"]]),
    knownBaseNames: new Set([...(base.base?.tensors.keys() ?? []), ...(base.base?.ties.keys() ?? [])]),
  });
  return { base, adapter: adapterSide.adapters.get("default") as AdapterComponent, adapterSide };
}

/** Cases that this test's plain arithmetic does not cover; the suites of plan and execute do. */
const refused: Readonly<Record<string, string>> = {
  bdlora: "TENON_ADAPTER_BDLORA",
  "init-olora": "TENON_ADAPTER_REWRITES_BASE",
  "init-pissa": "TENON_ADAPTER_REWRITES_BASE",
  "layer-replication": "TENON_ADAPTER_LAYER_REPLICATION",
};
const skipped = new Set([
  ...Object.keys(refused),
  "linear-bin",
  "named-adapter",
  "weighted-cat",
  "weighted-linear",
  "two-adapters",
]);
const cases = caseNames("merge").filter(
  (name) => !skipped.has(name) && existsSync(fixturePath(`merge/${name}/expected/model.safetensors`)),
);

describe.each(cases)("PEFT's merge of %s", (name) => {
  const description = readJson(`merge/${name}/case.json`) as unknown as Case;
  const { base, adapter, adapterSide } = open(name);

  it.each(description.safeMerge.map((isSafe) => [isSafe ? "twice" : "once"] as const))(
    "is what the steps of parameterChangesOf give, rounded %s",
    (rounding) => {
      const got = merged(base, adapter, rounding);
      const wrong: unknown[] = [];
      const tolerance = description.bitExact ? 0 : 2 ** -6;
      for (const expected of readTensors(`merge/${name}/expected${rounding === "twice" ? "-safe" : ""}`)) {
        const mine = got.get(expected.name);
        if (mine === undefined) {
          wrong.push({ missing: expected.name });
          continue;
        }
        let differing = 0;
        for (let i = 0; i < expected.values.length; i++) {
          const [a, b] = [mine[i] as number, expected.values[i] as number];
          if (Math.abs(a - b) > tolerance * Math.abs(b) + (tolerance > 0 ? 1e-6 : 0)) differing++;
        }
        if (differing > 0) wrong.push({ name: expected.name, differing, of: expected.values.length });
      }
      expect(wrong).toEqual([]);
    },
  );

  it("uses every tensor of the adapter", () => {
    const used = new Set<string>();
    for (const module of adapter.modules.values())
      for (const value of Object.values(module)) if (typeof value === "object") used.add(value.id);
    for (const { tensor } of adapter.replacements) used.add(tensor.id);
    for (const tensor of adapter.tokenDeltas.values()) used.add(tensor.id);
    const unused = adapter.entries.filter(({ tensor }) => !used.has(tensor.id));
    // PEFT's bias="all" leaves stray copies beside the real bias.
    expect(
      unused
        .map(({ tensor }) => tensor.name)
        .filter((stored) => !/(modules_to_save|original_module)\.bias$/.test(stored)),
    ).toEqual([]);
  });

  it("names no parameter twice", () => {
    const names = adapter.entries.map(({ meaning }) => canonicalName(meaning));
    expect(adapterSide.observations.map(({ code }) => code)).not.toContain("TENON_NAMES_SAME_PARAMETER");
    expect(new Set(names).size).toBeGreaterThanOrEqual(adapter.modules.size);
  });
});

describe("an adapter that is not merged as plain LoRA", () => {
  it.each(Object.entries(refused))("%s is refused by name", (name, code) => {
    const { adapter } = open(name);
    const config = parseLoraConfig(adapter.config ?? {}, "adapter_config.json");
    expect(mergeObstacles(config).map((obstacle) => obstacle.code)).toEqual([code]);
  });
});
