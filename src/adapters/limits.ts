/**
 * Longest pattern that is compiled. The longest that PEFT itself writes (the union of two adapters' target regexes)
 * stays below 2 000 characters; the linear-time engine needs memory in proportion to the pattern.
 */
export const patternCharacters = 10_000;

/**
 * Largest count in `{m,n}`. RE2 unrolls repetitions and refuses more than 1 000 itself; layer numbers stay below 200.
 */
export const patternRepeats = 1000;

/** Most patterns in one list or dictionary: EVA writes one per layer, which is 5 000 for the largest models. */
export const patternCount = 20_000;

/** Deepest nesting of groups in a pattern; RE2 refuses 1 000, and people stay below 10. */
export const patternDepth = 200;

/**
 * Longest stored name. Names of real models stay below 200 characters, wrappers included; taking wrappers off costs the
 * square of the segments.
 */
export const nameCharacters = 1024;

/**
 * Most patterns of one table that need the engine, each asked for every module. Names and anchored paths do not: those are
 * what PEFT writes by the thousand.
 */
export const enginePatternCount = 1000;

/** Most adapters of one source. Each is compared with the whole base; servers keep hundreds, in directories of their own. */
export const adapterCount = 1000;
