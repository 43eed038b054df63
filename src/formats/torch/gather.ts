import { gatherGapBytes, gatherWindowBytes } from "./limits.ts";

/** A strided view: element (i, j, …) lies at `byteOffset + elementBytes · (i·stride₀ + j·stride₁ + …)`. */
export interface StridedView {
  readonly shape: readonly number[];
  readonly stride: readonly number[];
  readonly byteOffset: number;
  readonly elementBytes: number;
}

type ReadBytes = (byteOffset: number, into: Uint8Array) => Promise<void>;

/** A block of index space: per axis the first index and how many, and where its first element goes. */
interface Block {
  readonly start: readonly number[];
  readonly count: readonly number[];
  readonly target: number;
}

interface Axis {
  readonly count: number;
  /** Bytes between neighbours in the file and in the output. */
  readonly from: number;
  readonly to: number;
}

/**
 * Fills `into` with elements `first …` of a view in row-major order. Reads run through the file in its own order, in
 * windows of bounded size; never the whole storage at once.
 */
export async function gather(
  view: StridedView,
  first: number,
  into: Uint8Array,
  read: ReadBytes,
): Promise<void> {
  const window = new Window(read);
  const last = first + into.byteLength / view.elementBytes;
  for (const block of blocksOf(view.shape, first, last)) await gatherBlock(view, block, first, into, window);
}

/** Cuts the flat range [first, last) of a shape into blocks: at most two an axis. */
function blocksOf(shape: readonly number[], first: number, last: number): Block[] {
  const blocks: Block[] = [];
  const cut = (axis: number, from: number, to: number, prefix: readonly number[], base: number): void => {
    if (from >= to) return;
    const rest = shape.slice(axis + 1);
    const inner = rest.reduce((product, size) => product * size, 1);
    const whole = (row: number, rows: number): void => {
      const start = [...prefix, row, ...rest.map(() => 0)];
      const count = [...prefix.map(() => 1), rows, ...rest];
      blocks.push({ start, count, target: base + row * inner });
    };
    if (inner === 1) {
      whole(from, to - from);
      return;
    }
    const firstRow = Math.floor(from / inner);
    const headEnd = Math.min(to, (firstRow + 1) * inner);
    const startsInside = from > firstRow * inner || headEnd < (firstRow + 1) * inner;
    if (startsInside)
      cut(
        axis + 1,
        from - firstRow * inner,
        headEnd - firstRow * inner,
        [...prefix, firstRow],
        base + firstRow * inner,
      );
    const fullFrom = startsInside ? firstRow + 1 : firstRow;
    const fullTo = Math.floor(to / inner);
    if (fullTo > fullFrom) whole(fullFrom, fullTo - fullFrom);
    if (fullTo >= fullFrom) cut(axis + 1, 0, to - fullTo * inner, [...prefix, fullTo], base + fullTo * inner);
  };
  if (shape.length === 0) return [{ start: [], count: [], target: 0 }];
  cut(0, first, last, [], 0);
  return blocks;
}

async function gatherBlock(
  view: StridedView,
  block: Block,
  first: number,
  into: Uint8Array,
  window: Window,
): Promise<void> {
  const { elementBytes, stride } = view;
  let from = view.byteOffset;
  const axes: Axis[] = [];
  let packed = elementBytes;
  for (let axis = view.shape.length - 1; axis >= 0; axis--) {
    const count = block.count[axis] as number;
    from += (block.start[axis] as number) * (stride[axis] as number) * elementBytes;
    if (count > 1) axes.push({ count, from: (stride[axis] as number) * elementBytes, to: packed });
    packed *= view.shape[axis] as number;
  }
  // In the file's own order: the axis with the smallest step runs innermost.
  axes.sort((a, b) => a.from - b.from || a.to - b.to);
  const isRun = axes[0] !== undefined && axes[0].from === elementBytes && axes[0].to === elementBytes;
  const inner = axes[0] ?? { count: 1, from: elementBytes, to: elementBytes };
  const outer = axes.slice(1).reverse();
  const end = from + axes.reduce((sum, axis) => sum + (axis.count - 1) * axis.from, 0) + elementBytes;
  const gap = outer.at(-1) === undefined ? 0 : (outer.at(-1) as Axis).from - inner.count * inner.from;
  const reach = Math.max(gap, inner.from) > gatherGapBytes ? 0 : end;
  const index = outer.map(() => 0);
  let to = (block.target - first) * elementBytes;
  for (;;) {
    if (isRun) await window.copyRun(from, into.subarray(to, to + inner.count * elementBytes), reach);
    else await window.copyEach(from, inner, elementBytes, into, to, reach);
    let axis = outer.length - 1;
    for (; axis >= 0; axis--) {
      const { count, from: stepFrom, to: stepTo } = outer[axis] as Axis;
      from += stepFrom;
      to += stepTo;
      index[axis] = (index[axis] as number) + 1;
      if ((index[axis] as number) < count) break;
      from -= stepFrom * count;
      to -= stepTo * count;
      index[axis] = 0;
    }
    if (axis < 0) return;
  }
}

/** The part of the file that is held: one block of bounded size that moves on as elements are asked for. */
class Window {
  private bytes = new Uint8Array(0);
  private start = 0;
  private readonly readBytes: ReadBytes;

  constructor(readBytes: ReadBytes) {
    this.readBytes = readBytes;
  }

  async copyRun(from: number, into: Uint8Array, reach: number): Promise<void> {
    const end = from + into.byteLength;
    if (into.byteLength >= gatherWindowBytes / 4 && !this.holds(from, end)) {
      await this.readBytes(from, into);
      return;
    }
    if (!this.holds(from, end)) await this.load(from, end, reach);
    into.set(this.bytes.subarray(from - this.start, end - this.start));
  }

  async copyEach(
    from: number,
    axis: Axis,
    elementBytes: number,
    into: Uint8Array,
    to: number,
    reach: number,
  ): Promise<void> {
    // As many elements at once as a window spans; far apart, each by itself.
    const isSparse = axis.from > gatherGapBytes;
    const spanned = axis.from === 0 ? axis.count : Math.floor(gatherWindowBytes / axis.from);
    const atOnce = isSparse ? 1 : Math.max(1, spanned);
    for (let done = 0; done < axis.count; done += atOnce) {
      const count = Math.min(atOnce, axis.count - done);
      const start = from + done * axis.from;
      const end = start + (count - 1) * axis.from + elementBytes;
      if (!this.holds(start, end)) await this.load(start, end, reach);
      let source = start - this.start;
      let target = to + done * axis.to;
      for (let i = 0; i < count; i++, source += axis.from, target += axis.to)
        for (let b = 0; b < elementBytes; b++) into[target + b] = this.bytes[source + b] as number;
    }
  }

  private holds(from: number, end: number): boolean {
    return from >= this.start && end <= this.start + this.bytes.byteLength;
  }

  private async load(from: number, end: number, reach: number): Promise<void> {
    const until = Math.max(end, Math.min(reach, from + gatherWindowBytes));
    const bytes = new Uint8Array(until - from);
    await this.readBytes(from, bytes);
    this.bytes = bytes;
    this.start = from;
  }
}
