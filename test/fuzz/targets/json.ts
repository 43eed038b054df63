import { parseJson } from "../../../src/core/index.ts";
import type { Random } from "../random.ts";
import type { FuzzTarget } from "../target.ts";

const utf8 = new TextEncoder();
const scraps = [
  "{", "}", "[", "]", ",", ":", '"a"', '"\\u0000"', '"\\ud800"', '"', "\\", "0", "-1", "1e999", "1.5e-7", "01", "-", "true",
  "false", "null", "NaN", "Infinity", "-Infinity", " ", "\n", "\ufeff", '"__proto__"', "\u0001", "é", '{"a":1,"a":2}',
]; // biome-ignore format: a list

function anyJson(random: Random, depth: number): string {
  if (random.below(12) === 0) return random.pick(scraps);
  if (depth > 5) return random.pick(["0", "null", '"x"']);
  const few = (): string[] => Array.from({ length: random.below(4) }, () => anyJson(random, depth + 1));
  switch (random.below(4)) {
    case 0:
      return `[${few().join(",")}]`;
    case 1:
      return `{${few()
        .map((value, index) => `"k${index}":${value}`)
        .join(",")}}`;
    case 2:
      return String(random.next() * 10 ** random.below(20));
    default:
      return JSON.stringify(String.fromCharCode(random.below(65_536), random.below(128)));
  }
}

export const jsonTarget: FuzzTarget = {
  name: "json",
  run: (input) =>
    parseJson(new TextDecoder().decode(input), { file: "fuzz", allowNonFinite: input.length % 2 === 0 }),
  seeds: () =>
    [
      '{"r":8,"lora_alpha":16,"target_modules":["q_proj"],"x":{"y":[1.5,-2e-3,null,true]}}',
      '[[[["\\u00e9"]]]]',
    ].map((text) => utf8.encode(text)),
  generate: (random) =>
    utf8.encode(random.below(200) === 0 ? random.pick(["[", '{"a":', " "]).repeat(5000) : anyJson(random, 0)),
};
