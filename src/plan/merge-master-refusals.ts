import { PlanError, type TensorMeta } from "../core/index.ts";
import type { Components } from "./drops.ts";

export function mastersAbsent(holders: readonly Components[], verb = "merge"): PlanError {
  const found = holders.map(({ location, optimizer }) => {
    const states = new Set([...(optimizer?.states.values() ?? [])].flatMap((state) => [...state.keys()]));
    const what = optimizer === undefined ? "no optimizer" : `states ${[...states].join(", ") || "none"}`;
    return { source: location, what };
  });
  const listed = found.map(({ source, what }) => `${what} (${source})`).join("; ");
  return new PlanError("TENON_MASTER_ABSENT", `${verb}: no fp32 masters are stored: ${listed}`, {
    details: { found },
    hint: "Give the save that has them: DeepSpeed's folder of a ZeRO run, or what tenon split made of it. Without --from-master the model's own weights are taken.",
  });
}

export function masterMismatch(
  name: string,
  master: TensorMeta,
  tensor: TensorMeta,
  location: string,
  verb = "merge",
): PlanError {
  const shown = ({ dtype, shape }: TensorMeta): string => `${dtype} [${shape.join(", ")}]`;
  const message = `${verb}: the master of "${name}" is ${shown(master)}, the model has ${shown(tensor)}; a master is F32, in the shape of a float parameter (${location})`;
  return new PlanError("TENON_MASTER_MISMATCH", message, {
    details: {
      tensor: name,
      found: { dtype: master.dtype, shape: master.shape },
      model: { dtype: tensor.dtype, shape: tensor.shape },
      source: location,
    },
    hint: "Model and optimizer are not of one save: give one that was saved whole, or leave out --from-master.",
  });
}

export function masterSeveral(name: string, first: string, second: string): PlanError {
  const where = first === second ? first : `${first}, ${second}`;
  return new PlanError("TENON_MASTER_SEVERAL", `merge: "${name}" has two fp32 masters (${where})`, {
    details: { tensor: name, sources: [first, second] },
    hint: "Merge the source that was trained last, without the other; or merge without --from-master.",
  });
}

export function masterUnmatched(name: string, { location }: Components, verb = "merge"): PlanError {
  const message = `${verb}: the fp32 master of "${name}" belongs to no parameter of base or adapters (${location})`;
  return new PlanError("TENON_MASTER_UNMATCHED", message, {
    details: { tensor: name, source: location },
    hint: /^\d+$/.test(name)
      ? "It goes by a running number: name it by tenon split with --param-order FILE, and merge what that writes."
      : "Give the base that was trained: --base DIR. To take what the model itself holds, leave out --from-master.",
  });
}
