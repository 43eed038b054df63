import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Harness, openHarness, type PageGlobals } from "./harness.ts";

let harness: Harness;
beforeAll(async () => {
  harness = await openHarness();
});
afterAll(async () => {
  await harness[Symbol.asyncDispose]();
});

/** Names that a declaration file exports as values. */
function declaredValues(path: string): string[] {
  const [, list = ""] = /export \{([^}]*)\};?\s*$/.exec(readFileSync(path, "utf8")) ?? [];
  return list
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "" && !name.startsWith("type "))
    .map((name) => name.split(" as ").at(-1) as string)
    .sort();
}

it("loads in Chromium and exports what its declarations say", async () => {
  const names = await harness.page.evaluate(async () => {
    const { load } = globalThis as unknown as PageGlobals;
    return Object.keys(await load("tenon/browser")).sort();
  });
  expect(harness.problems).toEqual([]);
  expect(names.length).toBeGreaterThan(0);
  expect(names).toEqual(declaredValues("dist/browser.d.ts"));
});

it("gets dropped files as a person would drop them", async () => {
  await harness.drop([{ name: "model.safetensors", bytes: Uint8Array.of(1, 2, 250) }]);
  const dropped = await harness.page.evaluate(async () => {
    const [file] = (globalThis as unknown as PageGlobals).dropped;
    return { name: file?.name, bytes: [...new Uint8Array((await file?.arrayBuffer()) ?? [])] };
  });
  expect(dropped).toEqual({ name: "model.safetensors", bytes: [1, 2, 250] });
});
