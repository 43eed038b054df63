import { classItems } from "./classes.ts";

/** What a backslash sequence of a Python pattern means. */
export type Escape =
  | { readonly kind: "literal"; readonly codePoint: number; readonly length: number }
  | { readonly kind: "class"; readonly items: string; readonly length: number }
  | { readonly kind: "anchor"; readonly letter: "A" | "Z" | "b" | "B"; readonly length: number }
  | { readonly kind: "refused"; readonly construct: string }
  | { readonly kind: "invalid"; readonly why: string };

const controls: Readonly<Record<string, number>> = { n: 10, t: 9, r: 13, f: 12, v: 11, a: 7 };
const hexDigits: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };

/**
 * Reads the escape at `at`, where the backslash is. Python refuses unknown escapes of ASCII letters, and takes any
 * other character for itself.
 */
export function readEscape(
  text: string,
  at: number,
  options: { readonly alphabet: "unicode" | "ascii"; readonly place: "class" | "outside" },
): Escape {
  const next = text.codePointAt(at + 1);
  if (next === undefined) return { kind: "invalid", why: "it ends in a backslash" };
  const letter = String.fromCodePoint(next);
  const length = 1 + letter.length;
  const items = classItems(letter, options.alphabet);
  if (items !== undefined) return { kind: "class", items, length };
  const digits = hexDigits[letter];
  if (digits !== undefined) return hexEscape(text, at, letter, digits);
  if (letter === "N") return { kind: "refused", construct: "a character by name (\\N{…})" };
  if (/[0-9]/.test(letter)) return octalEscape(text, at, options.place);
  if (letter === "b" && options.place === "class") return { kind: "literal", codePoint: 8, length };
  if (options.place === "outside" && /[AZbB]/.test(letter))
    return { kind: "anchor", letter: letter as "A" | "Z" | "b" | "B", length };
  const control = Object.hasOwn(controls, letter) ? controls[letter] : undefined;
  if (control !== undefined) return { kind: "literal", codePoint: control, length };
  if (/[A-Za-z]/.test(letter)) return { kind: "invalid", why: `\\${letter} is no escape` };
  return { kind: "literal", codePoint: next, length };
}

function hexEscape(text: string, at: number, letter: string, digits: number): Escape {
  const hex = text.slice(at + 2, at + 2 + digits);
  const codePoint = Number.parseInt(hex, 16);
  if (hex.length < digits || !/^[0-9a-fA-F]+$/.test(hex) || codePoint > 0x10ffff)
    return { kind: "invalid", why: `\\${letter} needs ${digits} hexadecimal digits` };
  return { kind: "literal", codePoint, length: 2 + digits };
}

/** `\0`, `\07`, `\012`: octal. Three octal digits are octal too; any other number refers back to a group. */
function octalEscape(text: string, at: number, place: "class" | "outside"): Escape {
  const run = /^[0-7]{1,3}/.exec(text.slice(at + 1, at + 4))?.[0] ?? "";
  const isOctal = run.startsWith("0") || run.length === 3 || (place === "class" && run.length > 0);
  if (!isOctal)
    return place === "class"
      ? { kind: "invalid", why: "a class cannot refer to a group" }
      : { kind: "refused", construct: "a backreference" };
  const codePoint = Number.parseInt(run, 8);
  if (codePoint > 0o377) return { kind: "invalid", why: `octal \\${run} is above \\377` };
  return { kind: "literal", codePoint, length: 1 + run.length };
}
