/** Each row goes into this many sums, with a sign. */
const copies = 8;

/** A matrix (rows, cols) as `size` sums of its rows with seeded random signs; the same on every machine. */
export class RowSketch {
  readonly #cols: number;
  readonly #size: number;
  readonly #sums: Float64Array;
  #count = 0;

  constructor(cols: number, size: number) {
    this.#cols = cols;
    this.#size = size;
    this.#sums = new Float64Array(size * cols);
  }

  add(index: number, row: Float64Array): void {
    const [cols, sums] = [this.#cols, this.#sums];
    for (let copy = 0; copy < copies; copy++) {
      const bits = mixed(index * copies + copy);
      // Each copy has a share of the sums to itself, so that no row meets itself.
      const share = this.#size / copies;
      const start = (Math.floor(copy * share) + ((bits >>> 1) % Math.floor(share))) * cols;
      if (bits & 1)
        for (let j = 0; j < cols; j++) sums[start + j] = (sums[start + j] as number) + (row[j] as number);
      else for (let j = 0; j < cols; j++) sums[start + j] = (sums[start + j] as number) - (row[j] as number);
    }
  }

  /** Turns the sums into orthonormal rows and says how many there are: those that depend on others are left out. */
  orthonormalise(): number {
    const [cols, sums] = [this.#cols, this.#sums];
    let largest = 0;
    let count = 0;
    for (let at = 0; at < this.#size; at++) {
      const before = norm(sums, at * cols, cols);
      largest = Math.max(largest, before);
      // Twice is enough (Kahan, Parlett): the second round takes off what rounding left of the first.
      for (let round = 0; round < 2; round++)
        for (let other = 0; other < count; other++) takeOff(sums, at * cols, other * cols, cols);
      const after = norm(sums, at * cols, cols);
      if (after <= 1e-12 * largest) continue;
      for (let j = 0; j < cols; j++) sums[count * cols + j] = (sums[at * cols + j] as number) / after;
      count++;
    }
    this.#count = count;
    return count;
  }

  /** Coordinates of a row along the orthonormal rows. */
  project(row: Float64Array): Float64Array {
    const [cols, sums, found] = [this.#cols, this.#sums, new Float64Array(this.#count)];
    for (let at = 0; at < this.#count; at++) {
      let sum = 0;
      for (let j = 0, start = at * cols; j < cols; j++)
        sum += (sums[start + j] as number) * (row[j] as number);
      found[at] = sum;
    }
    return found;
  }
}

function norm(values: Float64Array, start: number, count: number): number {
  let sum = 0;
  for (let j = start; j < start + count; j++) sum += (values[j] as number) ** 2;
  return Math.sqrt(sum);
}

function takeOff(values: Float64Array, from: number, direction: number, count: number): void {
  let sum = 0;
  for (let j = 0; j < count; j++) sum += (values[from + j] as number) * (values[direction + j] as number);
  for (let j = 0; j < count; j++)
    values[from + j] = (values[from + j] as number) - sum * (values[direction + j] as number);
}

/** 32 bits that look random, of an index. The finaliser of MurmurHash3. */
function mixed(index: number): number {
  let bits = (index + 0x9e37_79b9) | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85eb_ca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2_ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}
