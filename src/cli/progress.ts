import type { OnProgress, Progress } from "../core/index.ts";
import { bytesText, secondsText } from "./amounts.ts";

/** The part of a stream that progress needs. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  /** 0 where the terminal does not say. */
  readonly columns?: number;
  write(text: string): unknown;
}

export interface ProgressShown {
  readonly report: OnProgress;
  /** Takes the bar off the terminal, or prints the last line. */
  end(isDone: boolean): void;
}

const barMs = 100;
const lineMs = 5000;

/** Shows progress: a bar on a terminal, redrawn in place; else a line every few seconds and one at the end. */
export function showProgress(
  stream: ProgressStream,
  nowMs: () => number = () => performance.now(),
): ProgressShown {
  const isBar = stream.isTTY === true;
  let startedMs = nowMs();
  let drawnMs = isBar ? startedMs - barMs : startedMs;
  let last: Progress | undefined;
  const clear = "\r\u001b[K";
  const conclude = (): void => {
    if (last !== undefined && !isBar) stream.write(`${endLineOf(last, nowMs() - startedMs)}\n`);
  };
  return {
    report: (progress) => {
      // A verb may read twice, once for each thing that it does: each has a rate of its own.
      if (last !== undefined && last.task !== progress.task) {
        conclude();
        startedMs = nowMs();
      }
      last = progress;
      const now = nowMs();
      if (now - drawnMs < (isBar ? barMs : lineMs)) return;
      drawnMs = now;
      const line = lineOf(progress, now - startedMs, isBar ? (stream.columns || 80) - 1 : undefined);
      stream.write(isBar ? clear + line : `${line}\n`);
    },
    end: (isDone) => {
      if (last === undefined) return;
      if (isBar) stream.write(clear);
      else if (isDone) conclude();
      last = undefined;
    },
  };
}

function lineOf({ task, doneBytes, totalBytes }: Progress, passedMs: number, columns?: number): string {
  const share = totalBytes === 0 ? 1 : Math.min(1, doneBytes / totalBytes);
  const bytesPerSecond = passedMs === 0 ? 0 : (doneBytes / passedMs) * 1000;
  const leftSeconds = bytesPerSecond === 0 ? undefined : (totalBytes - doneBytes) / bytesPerSecond;
  const head = `${task} ${`${Math.floor(share * 100)}`.padStart(3)} %`;
  const tail = [
    `${bytesText(doneBytes)} of ${bytesText(totalBytes)}`,
    `${bytesText(bytesPerSecond)}/s`,
    ...(leftSeconds === undefined ? [] : [`${secondsText(leftSeconds)} left`]),
  ].join("  ");
  if (columns === undefined) return `${head}  ${tail}`;
  const room = Math.min(30, columns - head.length - tail.length - 4);
  if (room < 5) return `${head}  ${tail}`.slice(0, columns);
  const filled = Math.floor(share * room);
  return `${head} ${"█".repeat(filled)}${"░".repeat(room - filled)}  ${tail}`;
}

function endLineOf({ task, doneBytes }: Progress, passedMs: number): string {
  const rate = passedMs < 1 ? "" : `, ${bytesText((doneBytes / passedMs) * 1000)}/s`;
  return `${task} done: ${bytesText(doneBytes)} in ${secondsText(passedMs / 1000)}${rate}`;
}
