import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { done, type VerbCase } from "./verb-case.ts";
import { alone, modelConfig, stateDict } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has code beside the model that is not to run",
  async lay(root) {
    return alone(root, {
      ...stateDict("default"),
      "config.json": JSON.stringify({ ...modelConfig, auto_map: { AutoModel: "modeling_evil.Evil" } }),
      "modeling_evil.py": "raise SystemExit",
    });
  },
  answers: {
    inspect: done(),
    diagnose: done(),
    verify: done(),
    split: done(),
    merge: done(({ output }) =>
      expect(readFileSync(join(output, "modeling_evil.py"), "utf8")).toBe("raise SystemExit"),
    ),
    convert: done(),
  },
};
export default hostile;
