import ts from "typescript";
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
  const program = ts.createProgram([path], { module: ts.ModuleKind.NodeNext, skipLibCheck: true, types: [] });
  const checker = program.getTypeChecker();
  const module = checker.getSymbolAtLocation(program.getSourceFile(path) as ts.SourceFile) as ts.Symbol;
  const isValue = (symbol: ts.Symbol): boolean => {
    const isAlias = (symbol.flags & ts.SymbolFlags.Alias) !== 0;
    const { flags } = isAlias ? checker.getAliasedSymbol(symbol) : symbol;
    return (flags & ts.SymbolFlags.Value) !== 0;
  };
  return checker
    .getExportsOfModule(module)
    .filter(isValue)
    .map(({ name }) => name)
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
  // An import map, a static server and these three packages are all that a page needs; zod comes when a document asks.
  const loaded = harness.requests.filter((request) => request.endsWith(".js whole"));
  expect(loaded.filter((request) => !/^\/(dist|node_modules\/re2js)\//.test(request))).toEqual([]);
});

it("gets dropped files as a person would drop them", async () => {
  await harness.drop([{ name: "model.safetensors", bytes: Uint8Array.of(1, 2, 250) }]);
  const dropped = await harness.page.evaluate(async () => {
    const [file] = (globalThis as unknown as PageGlobals).dropped;
    return { name: file?.name, bytes: [...new Uint8Array((await file?.arrayBuffer()) ?? [])] };
  });
  expect(dropped).toEqual({ name: "model.safetensors", bytes: [1, 2, 250] });
});
