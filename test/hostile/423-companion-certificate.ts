import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { done, finds, type VerbCase } from "./verb-case.ts";
import { alone, modelConfig, stateDict } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has a certificate.json and a manifest among its companions, to be taken for tenon's own",
  async lay(root) {
    return alone(root, {
      ...stateDict("default"),
      "config.json": JSON.stringify(modelConfig),
      "certificate.json": "{}",
      "vocab.json": "{}",
    });
  },
  answers: {
    inspect: done(),
    diagnose: done(),
    verify: finds("TENON_CERTIFICATE_MALFORMED"),
    split: done(),
    merge: done(({ output }) =>
      expect(readFileSync(join(output, "certificate.json"), "utf8")).toContain("tenon-certificate"),
    ),
    convert: done(),
  },
};
export default hostile;
