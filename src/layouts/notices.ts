import type { Observation, TenonError } from "../core/index.ts";
import type { OpenOptions } from "./layout.ts";

/** Collects what reading notices, and decides what becomes of damage. */
export class Notices {
  readonly observations: Observation[] = [];
  readonly #report: OpenOptions["report"];

  constructor(options: Pick<OpenOptions, "report">) {
    this.#report = options.report;
  }

  /** Something worth knowing that stops nobody. */
  note(observation: Observation): void {
    this.observations.push(observation);
  }

  /** Something wrong that can be stepped over: reported to whoever listens, thrown if nobody does. */
  damage(error: TenonError, names: readonly string[]): void {
    if (this.#report === undefined) throw error;
    this.#report({ code: error.code, names, facts: { message: error.message } });
  }
}
