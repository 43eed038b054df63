import type { Checkpoint } from "../core/index.ts";
import type { Host, Source } from "./host.ts";
import { type OpenSourceOptions, openSource } from "./open.ts";

/** Checkpoints that one run opens; they are closed together, the last one first. */
export class Opened implements AsyncDisposable {
  readonly #host: Host;
  readonly #options: OpenSourceOptions;
  readonly #checkpoints: Checkpoint[] = [];

  constructor(host: Host, options: OpenSourceOptions) {
    this.#host = host;
    this.#options = options;
  }

  /** In the order in which they were opened. */
  get checkpoints(): readonly Checkpoint[] {
    return this.#checkpoints;
  }

  async open(source: Source, more: OpenSourceOptions = {}): Promise<Checkpoint> {
    return this.adopt(await openSource(this.#host, source, { ...this.#options, ...more }));
  }

  /** Takes over the closing of a checkpoint that somebody else opened. */
  adopt(checkpoint: Checkpoint): Checkpoint {
    this.#checkpoints.push(checkpoint);
    return checkpoint;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const checkpoint of [...this.#checkpoints].reverse()) await checkpoint.close();
  }
}
