// Schedules among the trainer's documents: what they say of learning rates beside what param groups say.
import type { Json, JsonRecord } from "../core/index.ts";
import type { EditState } from "./edit-state.ts";

/** What engines call the document of a schedule. */
const scheduleName = /^scheduler(?:_\d+)?\.(?:json|pt|bin)$/;

/** Says of each schedule that it may set another learning rate than the one that was set. */
export function noteSchedules(state: EditState): void {
  const withRates = new Map(scheduleLengths(state));
  for (const document of state.input.carried.trainer?.documents.keys() ?? []) {
    if (!withRates.has(document) && !scheduleName.test(document)) continue;
    const why = withRates.has(document)
      ? "keeps learning rates of its own (base_lrs): most schedulers set lr from them at their next step"
      : "may take learning rates from the run's config, and set lr from them at its next step";
    state.notes.push(
      `The schedule (${document}) ${why}, whatever is set here. --drop ${document} leaves it out.`,
    );
  }
}

/** Documents of the trainer in which a schedule has a learning rate for each group, and for how many. */
export function scheduleLengths(state: EditState): [document: string, count: number][] {
  const found: [string, number][] = [];
  for (const [name, document] of state.input.carried.trainer?.documents ?? []) {
    const rates = baseRates(document, 4);
    if (rates !== undefined) found.push([name, rates.length]);
  }
  return found;
}

function baseRates(value: Json, depth: number): readonly Json[] | undefined {
  if (typeof value !== "object" || value === null || depth === 0) return undefined;
  if (!Array.isArray(value)) {
    const own = (value as JsonRecord)["base_lrs"];
    if (Array.isArray(own)) return own as readonly Json[];
  }
  for (const item of Object.values(value)) {
    const found = baseRates(item as Json, depth - 1);
    if (found !== undefined) return found;
  }
  return undefined;
}
