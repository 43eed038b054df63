// Addresses below 4096, which the arena never hands out. Each function below owns its slot only while it runs.

/** A tile of at most 4 x 8 elements of W, copied out where the matrix has no full tile. */
export const SCRATCH_TILE: usize = 64; // 128 bytes
/** The 4 x 8 f32 sums of a tile that needs the careful epilogue. */
export const SCRATCH_SUMS: usize = 192; // 128 bytes
/** What `pack` saw: or of the bits, largest and smallest magnitude. Read by pack.ts. */
export const SCRATCH_SURVEY: usize = 320; // 48 bytes
/** The secret of XXH3 for one seed. */
export const SCRATCH_SECRET: usize = 512; // 192 bytes
/** Results that do not fit a return value (compare, scan). */
export const SCRATCH_RESULT: usize = 768; // 64 bytes
