import type { Factor, TensorMeta } from "../../core/index.ts";

/**
 * The two factors of a pair as they lie in memory. r = rank; A is (r, columns of A), B is (rows of B, r), both
 * row-major, trailing kernel dimensions flattened into the columns of A.
 */

/** B as the left factor: element (row, k) at row·r + k; of a file that holds it turned, at k·rows + row. */
export function rowsOfB(tensor: TensorMeta, r: number): Factor {
  const { turned } = tensor;
  if (turned !== undefined)
    return { tensor: turned, offset: 0, batch: 0, outer: 1, inner: turned.shape[1] ?? 0 };
  return { tensor, offset: 0, batch: 0, outer: r, inner: 1 };
}

/** A as the right factor: element (column, k) at k·columns + column; of a file that holds it turned, at column·r + k. */
export function columnsOfA(tensor: TensorMeta, columns: number): Factor {
  const { turned } = tensor;
  if (turned !== undefined)
    return { tensor: turned, offset: 0, batch: 0, outer: turned.shape[1] ?? 0, inner: 1 };
  return { tensor, offset: 0, batch: 0, outer: 1, inner: columns };
}

/** A as the left factor of a transposed product: the same elements, rows and columns having changed places. */
export function rowsOfA(tensor: TensorMeta, columns: number): Factor {
  return columnsOfA(tensor, columns);
}

/** B as the right factor of a transposed product. */
export function columnsOfB(tensor: TensorMeta, r: number): Factor {
  return rowsOfB(tensor, r);
}
