/** Reported while bytes flow; `doneBytes` never decreases. */
export interface Progress {
  /** What is being done, as one word: `merge`, `split`, `verify`. */
  readonly task: string;
  readonly doneBytes: number;
  readonly totalBytes: number;
}

export type OnProgress = (progress: Progress) => void;
