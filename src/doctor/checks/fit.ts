import { type Misfit, mergeObstacles, misfitsOf, parseLoraConfig } from "../../adapters/index.ts";
import {
  type AdapterComponent,
  type AdapterModule,
  type BaseComponent,
  type Checkpoint,
  elementCount,
  isTenonError,
  type Observation,
  type Shape,
  sameShape,
} from "../../core/index.ts";

/** A base that was given apart. */
export interface GivenBase {
  readonly location: string;
  readonly base: BaseComponent;
}

/** Whether a source can have been trained on a base, by names and shapes: nothing is read. */
export function observeFit(source: Checkpoint, given: GivenBase): Observation[] {
  return [
    ...(source.base === undefined ? [] : parametersThatMisfit(source.base, given)),
    ...(source.base === undefined ? [] : parametersThatMiss(source.base, given)),
    ...[...source.adapters.values()].flatMap((adapter) => [
      ...modulesThatMisfit(adapter, given, transposedIn(source, adapter)),
      ...resizedEmbeddings(adapter, given),
      ...otherName(adapter, given),
    ]),
  ];
}

function parametersThatMisfit(own: BaseComponent, { base }: GivenBase): Observation[] {
  const names = [...own.tensors]
    .filter(([name, { dtype, shape }]) => {
      const other = base.tensors.get(base.ties.get(name) ?? name);
      // A quantised weight is packed; its shape says nothing.
      const isFloat = /^B?F/.test(dtype);
      return (
        other !== undefined && isFloat && !isRows(name) && !isEmpty(shape) && !sameShape(shape, other.shape)
      );
    })
    .map(([name]) => name);
  return names.length > 0 ? [{ code: "TENON_BASE_WRONG", names, facts: { differ: "shapes" } }] : [];
}

/** A base that says that it stands on another has gaps on purpose. */
function parametersThatMiss(own: BaseComponent, { base }: GivenBase): Observation[] {
  if (!own.isComplete || own.reference !== undefined) return [];
  const names = parametersLacking(own, base);
  return names.length > 0 ? [{ code: "TENON_BASE_PARTIAL", names }] : [];
}

/** Canonical names of the parameters that one base stores and the other has under no name. */
export function parametersLacking(own: BaseComponent, base: BaseComponent): string[] {
  return [...base.tensors.keys()].filter((name) => !own.tensors.has(name) && !own.ties.has(name));
}

/** Embeddings are resized in training; that is a finding of its own. */
function isRows(name: string): boolean {
  return /(?:embed|wte|lm_head|word_embeddings|shared)[^.]*\.weight$/.test(name);
}

/** Paths of modules whose factors lie the other way round: they fit no base. */
function transposedIn({ observations }: Checkpoint, { name }: AdapterComponent): ReadonlySet<unknown> {
  return new Set(
    observations
      .filter(({ code, facts }) => code === "TENON_ADAPTER_TRANSPOSED" && facts?.["adapter"] === name)
      .map(({ facts }) => facts?.["module"]),
  );
}

function modulesThatMisfit(
  adapter: AdapterComponent,
  given: GivenBase,
  transposed: ReadonlySet<unknown>,
): Observation[] {
  const shapes = (layOver(adapter, given) ?? []).filter(
    ({ module, error }) =>
      error.code === "TENON_ADAPTER_SHAPE_MISMATCH" &&
      !hasEmptyFactor(adapter.modules.get(module)) &&
      !transposed.has(adapter.modules.get(module)?.path),
  );
  const [first] = shapes;
  if (first === undefined) return [];
  const facts = { adapter: adapter.name, differ: "shapes", message: first.error.message };
  return [{ code: "TENON_BASE_WRONG", names: shapes.map(({ module }) => module), facts }];
}

/**
 * What of an adapter does not lie over a base. Undefined where that cannot be said: without a config, or where the adapter's
 * own kind has other shapes or modules than the base (BD-LoRA, layer_replication).
 */
export function layOver(
  { config, configFrom, name, modules }: AdapterComponent,
  { base }: GivenBase,
): readonly Misfit[] | undefined {
  if (config === undefined) return undefined;
  try {
    const parsed = parseLoraConfig(config, configFrom ?? "adapter_config.json");
    if (mergeObstacles(parsed).some(({ code }) => code !== "TENON_ADAPTER_REWRITES_BASE")) return undefined;
    const { tensors, ties, config: modelConfig } = base;
    const over = { adapter: name, config: parsed, modules, base: tensors, ties };
    return misfitsOf({ ...over, ...(modelConfig && { modelConfig }) });
  } catch (error) {
    // A config that cannot be used has been observed already.
    if (isTenonError(error)) return undefined;
    throw error;
  }
}

function hasEmptyFactor(module: AdapterModule | undefined): boolean {
  const a = module?.loraA ?? module?.loraEmbeddingA;
  const b = module?.loraB ?? module?.loraEmbeddingB;
  return a === undefined || b === undefined || isEmpty(a.shape) || isEmpty(b.shape);
}

function isEmpty(shape: Shape): boolean {
  return elementCount(shape) === 0;
}

function resizedEmbeddings({ replacements, name }: AdapterComponent, { base }: GivenBase): Observation[] {
  const names = replacements
    .filter(({ parameter, tensor: { shape } }) => {
      const other = base.tensors.get(base.ties.get(parameter) ?? parameter);
      return isRows(parameter) && other !== undefined && shape[0] !== other.shape[0];
    })
    .map(({ tensor }) => tensor.name);
  return names.length > 0
    ? [{ code: "TENON_ADAPTER_EMBEDDING_RESIZED", names, facts: { adapter: name } }]
    : [];
}

/** Only a name on the hub says which model it is; a path says where somebody kept it. */
function otherName({ config, name }: AdapterComponent, { location, base }: GivenBase): Observation[] {
  const wanted = config?.["base_model_name_or_path"];
  if (typeof wanted !== "string" || !/^[\w-][\w.-]*\/[\w.-]+$/.test(wanted)) return [];
  const [organisation = "", model = ""] = wanted.toLowerCase().split("/");
  const place = location.toLowerCase().replaceAll("\\", "/").replace(/\/+$/, "");
  const own = base.config?.["_name_or_path"];
  const isSame =
    place.split("/").includes(model) ||
    place.includes(`models--${organisation}--${model}`) ||
    (typeof own === "string" && own.toLowerCase() === wanted.toLowerCase());
  if (isSame) return [];
  return [
    { code: "TENON_BASE_OTHER_NAME", names: [wanted], facts: { adapter: name, wanted, given: location } },
  ];
}
