import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { blocksOf, documents } from "../../scripts/markdown.ts";
import { exitCodeOf } from "../../scripts/snippets.ts";

const shell = documents().flatMap((path) =>
  blocksOf(path, readFileSync(path, "utf8")).filter(({ language }) => language === "sh"),
);

describe("the commands in documents", () => {
  it("are run where they call tenon, or say why they are not", () => {
    const unrun = shell
      .filter(({ code }) => /^tenon /m.test(code))
      .filter(({ mark }) => exitCodeOf(mark) === undefined && !mark.startsWith("not run: "));
    expect(unrun.map(({ path, line }) => `${path}:${line}`)).toEqual([]);
  });

  it("name scripts that package.json has", () => {
    const { scripts } = JSON.parse(readFileSync("package.json", "utf8")) as { scripts: object };
    const named = shell.flatMap(({ path, code }) =>
      [...code.matchAll(/\bnpm run (?:--silent )?([\w:-]+)/g)].map(([, name = ""]) => ({ path, name })),
    );
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter(({ name }) => !Object.hasOwn(scripts, name))).toEqual([]);
  });

  it("start a fresh clone with two lines of the README", () => {
    const lines = ["npm ci && npm run demo", "npm ci && npm test"];
    for (const path of ["README.md", "README.zh-CN.md"]) {
      const blocks = shell.filter((block) => block.path === path).map(({ code }) => code);
      expect(blocks, path).toContain(lines.join("\n"));
    }
  });
});
