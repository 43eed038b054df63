import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { interpreter } from "./python.ts";

/** What one entry of a plan for trainer_runs.py answers. */
export interface Answer {
  readonly losses?: readonly number[];
  readonly names?: readonly string[];
  /** What differs between two checkpoints, but for the names that tenon writes into param groups. */
  readonly unlike?: readonly string[];
  readonly compared?: readonly string[];
}

/** Runs of trainer_runs.py in one folder. */
export class TrainingRuns {
  #calls = 0;
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  at(...names: readonly string[]): string {
    return join(this.#folder, ...names);
  }

  /** A run of the tool, whose weights at its end are kept under its name. */
  named(name: string, more: object): object {
    return {
      base: this.at("base"),
      out: this.at(name),
      weights: this.at("held", `${name}.safetensors`),
      ...more,
    };
  }

  heldBytes(name: string): Buffer {
    return readFileSync(this.at("held", `${name}.safetensors`));
  }

  /** Each start of torch takes longer than what is then asked of it, so a plan has many parts. */
  async answers(plan: readonly object[]): Promise<Answer[]> {
    const path = this.at(`plan-${++this.#calls}.json`);
    writeFileSync(path, JSON.stringify(plan));
    const program = join(import.meta.dirname, "trainer_runs.py");
    const { stdout } = await promisify(execFile)(interpreter, [program, path], { maxBuffer: 16 * 2 ** 20 });
    const lines = stdout.split("\n").filter((line) => line.startsWith("{"));
    return lines.map((line) => JSON.parse(line) as Answer);
  }
}
