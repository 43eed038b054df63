// Where parameters that come to a param group stand among the others: torch counts them, in the order of the model.
import { canonicalName, type OrderedParameter, placeInModule, registrationOrder } from "../adapters/index.ts";
import type { EditState } from "./edit-state.ts";

interface Named extends OrderedParameter {
  readonly name: string;
}

/**
 * Sorts each group that parameters came to as the model registers them, if those that were there already stand so. Where
 * that is not known newcomers stay last, and a note says so: only what counts parameters minds.
 */
export function orderNewcomers(state: EditState): void {
  const meanings = new Map<string, Named>();
  for (const [at, adapter] of [...state.adapters.values()].entries())
    for (const { meaning } of adapter.parameters) {
      const name = canonicalName({ ...meaning, adapter: adapter.name });
      const place = placeInModule(meaning);
      if (place !== undefined) meanings.set(name, { name, ...place, adapter: at });
    }
  const modelType = state.input.modelConfig?.["model_type"];
  for (const [at, group] of (state.groups ?? []).entries()) {
    const arrived = state.arrived.get(at);
    if (arrived === undefined) continue;
    const members = group.parameters.map((name) => meanings.get(name) ?? ofBase(name));
    const order = registrationOrder(members, typeof modelType === "string" ? modelType : undefined);
    const old = group.parameters.filter((name) => !arrived.has(name));
    const ordered = "reason" in order ? [] : order.ordered.map(({ name }) => name);
    const isKept = old.join("\n") === ordered.filter((name) => !arrived.has(name)).join("\n");
    if (!("reason" in order) && isKept) {
      group.parameters = ordered;
      continue;
    }
    const why = "reason" in order ? order.reason : "its parameters are not in the order of the model";
    state.orderUnknown = `what came to param group ${at} stands last there, for ${why}`;
    state.notes.push(
      `What came to param group ${at} stands last there, for ${why}: layouts that go by names do not mind, an optimizer that counts its parameters may.`,
    );
  }
}

function ofBase(name: string): Named {
  const dot = name.lastIndexOf(".");
  return {
    name,
    module: name.slice(0, Math.max(0, dot)),
    leaf: name.slice(dot + 1),
    place: "base",
    adapter: 0,
  };
}
