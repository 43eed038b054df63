import type { Draft } from "../core/index.ts";

/** The base that a draft says it stands on: the one that it was split from, or the one that the first adapter names. */
export function namedBase({ base, adapters }: Pick<Draft, "base" | "adapters">): string | undefined {
  const named = base?.reference?.location ?? adapters[0]?.config["base_model_name_or_path"];
  return typeof named === "string" && named !== "" ? named : undefined;
}
