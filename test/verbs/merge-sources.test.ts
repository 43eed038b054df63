import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { memorySink } from "../../src/bytes/index.ts";
import { fixture, tenon } from "./tenon.ts";

const folder = mkdtempSync(join(tmpdir(), "tenon-sources-"));
afterAll(() => rmSync(folder, { recursive: true }));

it("a certificate names each source once for each of its roles", async () => {
  const base = fixture("hybrid/qv/base");
  const delta = join(folder, "delta");
  await tenon.split(fixture("hybrid/qv/state-dict-with-config"), { base, output: delta });
  const { certificate } = await tenon.merge(delta, { base, output: memorySink() });
  const named = certificate?.sources.map(({ location, role }) => [location, role]);
  expect(named).toEqual([
    [base, "base"],
    [delta, "base"],
    [delta, "adapter"],
  ]);
});
