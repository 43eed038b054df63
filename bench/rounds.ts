import type { Measured } from "./process.ts";

/** One of the things that are compared. */
export interface Contender {
  readonly name: string;
  run(): Promise<Measured>;
}

export interface RoundOptions {
  /** Rounds that count. */
  readonly rounds: number;
  /** Rounds before them that do not: they warm caches, and memory that the machine has not touched yet. */
  readonly warmUps: number;
  readonly beforeEach?: () => Promise<void>;
  readonly onRun?: (round: number, name: string, measured: Measured) => void;
}

/**
 * Runs the contenders in turn, round after round, so that whatever the machine does meanwhile meets all of them. Each
 * round begins with another one. Every counted run is kept.
 */
export async function inRounds(
  contenders: readonly Contender[],
  { rounds, warmUps, beforeEach, onRun }: RoundOptions,
): Promise<ReadonlyMap<string, readonly Measured[]>> {
  const kept = new Map<string, Measured[]>(contenders.map(({ name }) => [name, []]));
  for (let round = -warmUps; round < rounds; round++) {
    for (let turn = 0; turn < contenders.length; turn++) {
      const place = (turn + round + warmUps) % contenders.length;
      const contender = contenders[place] as Contender;
      await beforeEach?.();
      const measured = await contender.run();
      onRun?.(round, contender.name, measured);
      if (round >= 0) kept.get(contender.name)?.push(measured);
    }
  }
  return kept;
}
