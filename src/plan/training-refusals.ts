// Optimizer and trainer state that cannot go along: what the target has no place for, and what reading had no word for.
import { type ErrorDetails, PlanError } from "../core/index.ts";
import type { CarryOptions } from "./carried.ts";
import { mastersApart } from "./carry-masters.ts";
import { isNamed } from "./carry-optimizer.ts";
import { type Components, type Drops, leftDocuments, unreadOptimizer } from "./drops.ts";
import { namesListed, planError } from "./plan-error.ts";

/**
 * @throws PlanError TENON_ZERO_OPTIMIZER_UNNAMED, TENON_OPTIMIZER_SEVERAL, TENON_OPTIMIZER_UNNAMED, TENON_OPTIMIZER_STATE_LEFT,
 *   TENON_ZERO_STATE_PASSED_OVER, TENON_TRAINING_DOCUMENT_LEFT, TENON_DCP_OBJECTS_LEFT,
 *   TENON_ZERO_RUN_STATE_PASSED_OVER, TENON_LAYOUT_CANNOT_HOLD
 */
export function refuseTraining(source: Components, drops: Drops, options: CarryOptions): void {
  const isAsked = !drops.component("optimizer") && options.holds.includes("optimizer");
  const isCarried = isAsked && source.optimizer !== undefined;
  if (isAsked) refuseUnread(source, options);
  // Before names: one of several optimizers may well count parameters that nothing else explains.
  if (isCarried) refuseSeveral(source, options);
  refuseUnheld(source, drops, options);
  if (isCarried) refuseLeftState(source, options);
  refuseLeftDocuments(source, drops, options);
}

/** An optimizer that is there, of which no reader makes anything. */
function refuseUnread({ observations, location }: Components, { verb }: CarryOptions): void {
  const unread = observations.find(({ code }) => code === unreadOptimizer);
  if (unread === undefined) return;
  const { code, names } = unread;
  const message = `${verb}: the optimizer keeps its parameters in flat buffers, without names or shapes (${names.join(", ")} in ${location})`;
  throw planError(code, message, {
    details: { names, source: location },
    hint: "Resume with DeepSpeed and save with ZeRO stage 1; or leave it out: --drop optimizer",
  });
}

/** A draft has one optimizer; the state of the others would be gone. */
function refuseSeveral({ observations, location }: Components, { verb }: CarryOptions): void {
  const several = observations.find(({ code }) => code === "TENON_OPTIMIZER_SEVERAL");
  if (several === undefined) return;
  const { code, names } = several;
  const message = `${verb}: ${names.length} optimizers were saved (${names.join(", ")}), and one of them is carried (${location})`;
  throw planError(code, message, {
    details: { names, count: names.length, allowed: 1 },
    hint: "Resume with accelerate; or leave them out: --drop optimizer. If the others belong to other models, move their files elsewhere",
  });
}

/** Optimizer and trainer state that the target has no place for, or that has no names. All of it in one message. */
function refuseUnheld(
  source: Components,
  drops: Drops,
  { verb, target, holds, unheld = [] }: CarryOptions,
): void {
  const { optimizer, trainer, location } = source;
  const lost: string[] = [];
  const remedies: string[] = [];
  const hasOptimizer = optimizer !== undefined && !drops.component("optimizer");
  const isUnnamed = hasOptimizer && holds.includes("optimizer") && !isNamed(source);
  if (hasOptimizer && (isUnnamed || !holds.includes("optimizer"))) {
    lost.push(`optimizer state of ${optimizer.states.size} parameters (${optimizer.file})`);
    remedies.push("--drop optimizer");
  }
  const isCarried = hasOptimizer && holds.includes("optimizer") && !holds.includes("masters");
  const masters = isCarried && !drops.component("masters") ? mastersApart(source) : [];
  if (masters.length > 0) {
    lost.push(`fp32 masters of ${masters.length} parameters beside their weights (${optimizer?.file})`);
    remedies.push("--drop masters");
  }
  if (!holds.includes("trainer")) {
    const names = [...(trainer?.documents.keys() ?? [])].filter((name) => !drops.document(name));
    if (names.length > 0) {
      lost.push(`trainer state (${names.join(", ")})`);
      remedies.push("--drop trainer");
    }
  } else {
    const names = unheld.filter((name) => !drops.document(name));
    if (names.length > 0) lost.push(`${names.join(", ")} of the trainer's state`);
    remedies.push(...names.map((name) => `--drop ${name}`));
  }
  if (lost.length === 0) return;
  const details = { layout: target, lost, optimizerStates: optimizer?.states.size ?? 0 };
  if (isUnnamed) throw unnamedOptimizer(optimizer, details, source, verb);
  const found = `${verb}: the layout ${target} cannot hold ${lost.join(" and ")}`;
  throw new PlanError("TENON_LAYOUT_CANNOT_HOLD", `${found} (${location})`, {
    details,
    hint: `${masters.length > 0 ? "Write masters as the weights: --from-master. Or leave" : "Leave"} it out: ${remedies.join(" ")}`,
  });
}

/** What is kept, by the observation of what is not. */
const kept: ReadonlyMap<string, string> = new Map([
  ["TENON_OPTIMIZER_STATE_LEFT", "tensors, and numbers that f32 holds exactly, are kept"],
  ["TENON_ZERO_STATE_PASSED_OVER", "only what is as long as its flat buffer has a part for each parameter"],
]);

/** State of the optimizer that is read into nothing. */
function refuseLeftState({ observations, location }: Components, { verb }: CarryOptions): void {
  for (const { code, names, facts = {} } of observations) {
    const rule = kept.get(code);
    if (rule === undefined) continue;
    const rest = names.length > 1 ? ` and ${names.length - 1} more` : "";
    const message = `${verb}: ${names[0]}${rest} of the optimizer is ${facts["found"]}; ${rule} (${facts["file"]} in ${location})`;
    throw planError(code, message, {
      details: {
        ...facts,
        names: names.slice(0, namesListed),
        count: names.length,
        allowed: ["tensor", "number"],
      },
      hint: "Resume with the framework that saved it; or leave it out: --drop optimizer",
    });
  }
}

/** Documents of the trainer's state, and objects of a run, that are read into nothing. */
function refuseLeftDocuments(
  { observations, location }: Components,
  drops: Drops,
  { verb }: CarryOptions,
): void {
  for (const { code, names } of observations) {
    const lost = leftDocuments.has(code) ? names.filter((name) => !drops.document(name)) : [];
    if (lost.length === 0) continue;
    const [holds, them] = lost.length === 1 ? ["holds", "it"] : ["hold", "them"];
    const listed =
      lost.length > 3 ? `${lost.slice(0, 3).join(", ")} and ${lost.length - 3} more` : lost.join(", ");
    const message = `${verb}: ${listed} ${holds} what JSON has no word for, so the state of the run would lack ${them} (${location})`;
    const flags = lost.length > 3 ? ["--drop trainer"] : lost.map((name) => `--drop ${name}`);
    throw planError(code, message, {
      details: { names: lost.slice(0, namesListed), count: lost.length, source: location },
      hint: `Leave ${them} out: ${flags.join(" ")}`,
    });
  }
}

/** Running numbers of which one may mean several parameters: which, and what would decide. */
function unnamedOptimizer(
  { naming, groups, file }: NonNullable<Components["optimizer"]>,
  details: ErrorDetails,
  { location, base }: Components,
  verb: string,
): PlanError {
  const numbers = groups.flatMap(({ parameters }) => parameters.filter((name) => /^\d+$/.test(name)));
  const why = naming?.obstacle ?? "their order is not known";
  const message = `${verb}: ${numbers.length} parameters of the optimizer go by running numbers (${file}): ${why} (${location})`;
  const baseFirst = base?.isComplete === true ? "" : "--base DIR if the base was lost, or ";
  return new PlanError("TENON_OPTIMIZER_UNNAMED", message, {
    details: {
      ...details,
      numbers: numbers.slice(0, namesListed),
      candidates: Object.fromEntries([...(naming?.candidates ?? [])].slice(0, namesListed)),
    },
    hint: `Give their names: ${baseFirst}--param-order FILE, one name a line in the order of the numbers; or leave it out: --drop optimizer`,
  });
}
