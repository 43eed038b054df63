/**
 * PEFT's ways of matching a module's path, each a regex built around an untrusted pattern. Compiled once and kept as
 * long as the config that they come from.
 */
import { PythonPattern } from "./python-pattern.ts";
import type { PatternOrigin } from "./refusal.ts";

export interface PathRule {
  matches(path: string): boolean;
}

/** `re.fullmatch(pattern, path)`: `target_modules` and `exclude_modules` as one string. */
export function fullRule(pattern: string, origin: PatternOrigin): PathRule {
  return new PythonPattern(pattern, "fullmatch", origin);
}

/** `re.match(rf"(.*\.)?({pattern})$", path)`: `rank_pattern` and `alpha_pattern`. */
export function suffixRule(pattern: string, origin: PatternOrigin): PathRule {
  if (needsEngine(pattern)) return new PythonPattern(`(.*\\.)?(${pattern})$`, "match", origin);
  if (!pattern.startsWith("^")) return { matches: (path) => endsLike(path, pattern, origin) };
  const whole = pattern.slice(1).replaceAll("\\.", ".");
  return { matches: (path) => path === whole };
}

/** Whether a pattern of {@link suffixRule} is more than a name, or `^` and a path whose dots are escaped. */
export function needsEngine(pattern: string): boolean {
  return !/^(?:[A-Za-z0-9_.]+|\^(?:[A-Za-z0-9_]|\\\.)+)$/.test(pattern);
}

/** `re.match(rf"(^|.*\.){pattern}($|\..*)", path)`: modules that `modules_to_save` keeps from LoRA. */
export function segmentRule(pattern: string, origin: PatternOrigin): PathRule {
  return new PythonPattern(`(^|.*\\.)${pattern}($|\\..*)`, "match", origin);
}

/** PEFT ≥ 0.17: the index behind `layers_pattern`, or behind any name when there is none. */
export function layerRule(pattern: string | undefined, origin: PatternOrigin): PythonPattern {
  const front = pattern === undefined ? ".*?\\.[^.]*" : `(?:^|.*?\\.)${pattern}`;
  return new PythonPattern(`${front}\\.(?P<idx>\\d+)\\.`, "match", origin);
}

/**
 * A pattern of letters, digits and dots, without the engine: it takes as many characters as it has, and a dot is any
 * character. Most patterns are of this kind, and an adapter made by EVA has one for each layer.
 */
function endsLike(path: string, pattern: string, origin: PatternOrigin): boolean {
  if (!/^[\u0000-\u007f]*$/.test(path))
    return new PythonPattern(`(.*\\.)?(${pattern})$`, "match", origin).matches(path);
  const start = path.length - pattern.length;
  if (start < 0 || path.includes("\n") || (start > 0 && path[start - 1] !== ".")) return false;
  for (let at = 0; at < pattern.length; at++)
    if (pattern[at] !== "." && pattern[at] !== path[start + at]) return false;
  return true;
}
