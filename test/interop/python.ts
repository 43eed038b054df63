import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

const root = join(import.meta.dirname, "../..");
export const interpreter: string = join(process.env["TENON_VENV"] ?? join(root, ".venv"), "bin/python");

/** Draws every shape, rank and weight of a run; set TENON_INTEROP_SEED to repeat one. */
export const seed: number = Number(
  process.env["TENON_INTEROP_SEED"] ?? Math.trunc(Math.random() * 1_000_000_000),
);

/** What came back for a call; a name that is not there is undefined, which no assertion here accepts. */
export type Answer = Readonly<Record<string, unknown>>;

/** A process with torch, transformers and PEFT (`tools.py`) that answers one call at a time. */
export class Python {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  #stderr = "";

  private constructor(environment: Readonly<Record<string, string>>) {
    if (!existsSync(interpreter)) throw new Error(`${interpreter} is not there: run scripts/venv.sh`);
    this.#process = spawn(interpreter, [join(import.meta.dirname, "tools.py")], {
      env: { ...process.env, ...environment },
    });
    this.#process.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-4000);
    });
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  /** A process that has imported everything. @param environment for it; torch reads MKL_CBWR there. */
  static async start(environment: Readonly<Record<string, string>> = {}): Promise<Python> {
    const python = new Python(environment);
    await python.#next();
    return python;
  }

  /**
   * How this machine's torch sums a product of matrices: `fma` as one chain of fused multiply-adds, `muladd` as one of
   * products and sums each rounded, or `neither`, where no bits can be promised.
   */
  chains(): Promise<"fma" | "muladd" | "neither"> {
    return this.call("chains");
  }

  async call<Result = Answer>(
    name: string,
    options: Readonly<Record<string, unknown>> = {},
  ): Promise<Result> {
    this.#process.stdin.write(`${JSON.stringify({ call: name, ...options })}\n`);
    return (await this.#next()) as Result;
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once("close", resolve));
    this.#process.stdin.end();
    await ended;
  }

  async #next(): Promise<unknown> {
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error(`tools.py ended:\n${this.#stderr}`);
    const answer = JSON.parse(value) as { result?: unknown; error?: string };
    if (answer.error !== undefined) throw new Error(`seed ${seed}\n${answer.error}`);
    return answer.result;
  }
}
