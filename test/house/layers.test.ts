import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { cruise, type ICruiseOptions, type ICruiseResult, type IFlattenedRuleSet } from "dependency-cruiser";
import { afterAll, beforeAll, expect, it } from "vitest";

// The rule must be able to fail: a small made-up tree breaks each part of it once.
const broken: Readonly<Record<string, { readonly file: string; readonly text: string }>> = {
  "room-plan": { file: "src/plan/reads-a-file.ts", text: 'import "../formats/index.ts";' },
  "room-core": { file: "src/core/looks-up.ts", text: 'import "../bytes/index.ts";' },
  "enter-by-the-door": { file: "src/layouts/past-the-door.ts", text: 'import "../bytes/source.ts";' },
  "formats-do-not-know-each-other": { file: "src/formats/a/read.ts", text: 'import "../b/index.ts";' },
  "layouts-do-not-know-each-other": { file: "src/layouts/a/read.ts", text: 'import "../b/index.ts";' },
  "pure-rooms-have-no-node": { file: "src/pickle/opens.ts", text: 'import "node:fs";' },
  "verbs-have-no-node": { file: "src/verbs/opens.ts", text: 'import "node:fs";' },
  "pure-rooms-do-not-use-the-node-door": {
    file: "src/formats/opens.ts",
    text: 'import "../bytes/node/index.ts";',
  },
  "the-browser-entry-reaches-no-node": { file: "src/browser.ts", text: 'import "./verbs/index.ts";' },
  "every-file-is-in-a-room": { file: "src/attic/old.ts", text: 'import "../core/index.ts";' },
  "entries-enter-by-the-door": { file: "src/index.ts", text: 'import "./bytes/source.ts";' },
  "no-cycles": { file: "src/ops/a.ts", text: 'import "./b.ts";' },
  "nothing-unresolved": { file: "src/adapters/lost.ts", text: 'import "./nowhere.ts";' },
};
const allowed: Readonly<Record<string, string>> = {
  "src/core/index.ts": "export {};",
  "src/bytes/index.ts": 'import "../core/index.ts";',
  "src/bytes/source.ts": "export {};",
  "src/bytes/node/index.ts": 'import "node:fs";',
  "src/formats/index.ts": 'import "./b/index.ts";',
  "src/formats/b/index.ts": 'import "../near.ts";',
  "src/formats/near.ts": 'import "../../src/pickle/index.ts";',
  "src/pickle/index.ts": "export {};",
  "src/layouts/b/index.ts": 'import "../../formats/index.ts";',
  "src/ops/b.ts": 'import "./a.ts";',
  "src/verbs/index.ts": 'import "../bytes/node/index.ts";',
  "src/cli/main.ts": 'import "../verbs/index.ts"; import "node:fs";',
};

let root = "";
let violations: { rule: string; from: string }[] = [];

beforeAll(async () => {
  mkdirSync("test/.tmp", { recursive: true });
  root = mkdtempSync("test/.tmp/layers-");
  const texts = {
    ...allowed,
    ...Object.fromEntries(Object.values(broken).map(({ file, text }) => [file, text])),
  };
  for (const [file, text] of Object.entries(texts)) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), text);
  }
  const config = createRequire(import.meta.url)("../../.dependency-cruiser.cjs") as IFlattenedRuleSet & {
    options: ICruiseOptions;
  };
  const { output } = await cruise(["src"], {
    baseDir: root,
    ruleSet: { forbidden: config.forbidden ?? [] },
    validate: true,
    tsPreCompilationDeps: true,
  });
  const { summary } = output as ICruiseResult;
  violations = summary.violations.map(({ rule, from }) => ({ rule: rule.name, from }));
});

afterAll(() => rmSync(root, { recursive: true, force: true }));

it.each(Object.entries(broken))("the rule %s refuses a file that breaks it", (rule, { file }) => {
  expect(violations).toContainEqual({ rule, from: file });
});

it.each(Object.keys(allowed).filter((file) => file !== "src/ops/b.ts"))("%s breaks no rule", (file) => {
  expect(violations.filter(({ from }) => from === file)).toEqual([]);
});
