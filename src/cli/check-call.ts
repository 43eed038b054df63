import { UsageError } from "../core/index.ts";
import type { OptionName, OptionValues } from "./options.ts";
import { generalOptions, type VerbSpec } from "./verbs.ts";

/**
 * Holds a call against its row of the table.
 * @throws UsageError TENON_OPTION_NOT_TAKEN, TENON_ARGUMENT_MISSING, TENON_ARGUMENT_UNEXPECTED, TENON_OPTION_MISSING
 */
export function checkCall(
  verb: string,
  spec: VerbSpec,
  args: readonly string[],
  options: OptionValues,
): void {
  const usage = `See tenon ${verb} --help.`;
  for (const name of Object.keys(options) as OptionName[]) {
    if (spec.options.includes(name) || generalOptions.includes(name)) continue;
    const allowed = [...spec.options, ...generalOptions];
    throw new UsageError(
      "TENON_OPTION_NOT_TAKEN",
      `${verb}: does not take --${name}; it takes ${allowed.map((option) => `--${option}`).join(", ")}`,
      { details: { verb, option: name, allowed }, hint: usage },
    );
  }
  const wanted = spec.positionals.filter((name) => !name.startsWith("["));
  // An empty word is a shell variable that was not set; as a path it would be the working directory.
  const empty = args.indexOf("");
  const missing = empty === -1 ? wanted[args.length] : (spec.positionals[empty] ?? spec.positionals.at(-1));
  if (missing !== undefined) {
    const message = `${verb}: ${missing} is missing; it takes ${spec.positionals.join(" ")}`;
    throw new UsageError("TENON_ARGUMENT_MISSING", message, { details: { verb, missing }, hint: usage });
  }
  const takesMore = spec.positionals.at(-1)?.endsWith("…]") === true;
  const unexpected = args[spec.positionals.length];
  if (unexpected !== undefined && !takesMore) {
    const message = `${verb}: ${JSON.stringify(unexpected)} is one argument too many; it takes ${spec.positionals.join(" ")}`;
    throw new UsageError("TENON_ARGUMENT_UNEXPECTED", message, {
      details: { verb, found: unexpected, allowed: spec.positionals },
      hint: usage,
    });
  }
  const required = spec.required.find((name) => options[name] === undefined);
  if (required !== undefined) {
    throw new UsageError("TENON_OPTION_MISSING", `${verb}: --${required} is missing`, {
      details: { verb, option: required },
      hint: usage,
    });
  }
}
