import { existsSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { cliPage, cliPath } from "../../scripts/cli-reference.ts";
import { verbs } from "../../src/cli/verbs.ts";

it("docs/reference/cli.md is what scripts/cli-reference.ts writes (npm run docs)", () => {
  expect(existsSync(cliPath) && readFileSync(cliPath, "utf8")).toBe(cliPage());
});

it.each(Object.keys(verbs))("tenon %s has a command of its own", (verb) => {
  expect(existsSync(`src/cli/commands/${verb}.ts`)).toBe(true);
});
