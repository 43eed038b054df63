/**
 * Eigenvalues of a symmetric matrix, largest first: Householder's reduction to three diagonals, then implicit QL. Overwrites
 * `a`. Their error is a few units in the last place of the largest.
 * @param a (n, n), row-major; the lower triangle is read
 */
export function eigenvaluesOf(a: Float64Array, n: number): Float64Array {
  const diagonal = new Float64Array(n);
  const beside = new Float64Array(n);
  reduce(a, n, diagonal, beside);
  implicitQl(diagonal, beside, n);
  return diagonal.sort().reverse();
}

const at = (a: Float64Array, i: number): number => a[i] as number;

/** Leaves the diagonal in `diagonal`, and in `beside[i]` what couples i − 1 with i. */
function reduce(a: Float64Array, n: number, diagonal: Float64Array, beside: Float64Array): void {
  const p = new Float64Array(n);
  for (let i = n - 1; i >= 1; i--) {
    const row = i * n;
    let scale = 0;
    for (let k = 0; k < i; k++) scale = Math.max(scale, Math.abs(at(a, row + k)));
    if (i === 1 || scale === 0) {
      beside[i] = at(a, row + i - 1);
      continue;
    }
    let h = 0;
    for (let k = 0; k < i; k++) {
      const scaled = at(a, row + k) / scale;
      a[row + k] = scaled;
      h += scaled * scaled;
    }
    const f = at(a, row + i - 1);
    const g = f >= 0 ? -Math.sqrt(h) : Math.sqrt(h);
    beside[i] = scale * g;
    h -= f * g;
    a[row + i - 1] = f - g;
    let fold = 0;
    for (let j = 0; j < i; j++) {
      let sum = 0;
      for (let k = 0; k <= j; k++) sum += at(a, j * n + k) * at(a, row + k);
      for (let k = j + 1; k < i; k++) sum += at(a, k * n + j) * at(a, row + k);
      p[j] = sum / h;
      fold += at(p, j) * at(a, row + j);
    }
    fold /= h + h;
    for (let j = 0; j < i; j++) {
      const u = at(a, row + j);
      const q = at(p, j) - fold * u;
      p[j] = q;
      for (let k = 0; k <= j; k++) a[j * n + k] = at(a, j * n + k) - u * at(p, k) - q * at(a, row + k);
    }
  }
  for (let i = 0; i < n; i++) diagonal[i] = at(a, i * n + i);
}

function implicitQl(d: Float64Array, e: Float64Array, n: number): void {
  e.copyWithin(0, 1);
  e[n - 1] = 0;
  for (let l = 0; l < n; l++) {
    for (let round = 0; ; round++) {
      let m = l;
      for (; m < n - 1; m++) {
        const size = Math.abs(at(d, m)) + Math.abs(at(d, m + 1));
        if (Math.abs(at(e, m)) <= Number.EPSILON * size) break;
      }
      if (m === l) break;
      if (round === 60) throw new Error("internal: eigenvalues do not settle");
      chase(d, e, l, m);
    }
  }
}

/** One implicit QL step on the block from `l` to `m`. */
function chase(d: Float64Array, e: Float64Array, l: number, m: number): void {
  let g = (at(d, l + 1) - at(d, l)) / (2 * at(e, l));
  let r = Math.hypot(g, 1);
  g = at(d, m) - at(d, l) + at(e, l) / (g + (g >= 0 ? r : -r));
  let [s, c, p] = [1, 1, 0];
  for (let i = m - 1; i >= l; i--) {
    const f = s * at(e, i);
    const b = c * at(e, i);
    r = Math.hypot(f, g);
    e[i + 1] = r;
    if (r === 0) {
      d[i + 1] = at(d, i + 1) - p;
      e[m] = 0;
      return;
    }
    s = f / r;
    c = g / r;
    g = at(d, i + 1) - p;
    r = (at(d, i) - g) * s + 2 * c * b;
    p = s * r;
    d[i + 1] = g + p;
    g = c * r - b;
  }
  d[l] = at(d, l) - p;
  e[l] = g;
  e[m] = 0;
}
