/** One attack by a file, and the answer that it must get. */
export interface HostileCase {
  /** What the file tries, as the end of the sentence "a file that …". */
  readonly attack: string;
  /** Code of the error that refuses it; undefined for an attack that must simply have no effect. */
  readonly refusal: string | undefined;
  /** Does what a victim would do. */
  run(): Promise<unknown>;
}
