import type { BaseReference, DraftAdapter } from "../core/index.ts";

/** The base that the adapters' configs name, if they agree. Without digests: nobody has seen it. */
export function namedReference(adapters: readonly Pick<DraftAdapter, "config">[]): BaseReference | undefined {
  const found = new Set(adapters.map(({ config }) => locationIn(config)));
  const [location] = found;
  return found.size === 1 && location !== undefined ? { location, digests: new Map() } : undefined;
}

function locationIn(config: DraftAdapter["config"]): string | undefined {
  const { base_model_name_or_path: name, revision } = config as Readonly<Record<string, unknown>>;
  if (typeof name !== "string" || name === "") return undefined;
  // Two plain segments name a model of the hub; transformers itself looks for a directory of that name first.
  if (!/^[\w.-]+\/[\w.-]+$/.test(name) || name.startsWith(".")) return name;
  return typeof revision === "string" && revision !== "" ? `hf://${name}@${revision}` : `hf://${name}`;
}
