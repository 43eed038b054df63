import { describe, expect, it } from "vitest";
import { openFixture } from "./fixtures.ts";

describe("names of a source whose base is known", () => {
  for (const name of ["d06-prefix-short", "d06-prefix-vlm"]) {
    it(`are fitted to the base: ${name}`, async () => {
      await using base = await openFixture("base/llama-small-bf16");
      const knownBaseNames = new Set(base.base?.tensors.keys());
      await using whole = await openFixture("damaged/whole/adapter");
      const expected = [...(whole.adapters.get("default")?.modules.keys() ?? [])];
      await using alone = await openFixture(`damaged/${name}/adapter`);
      expect([...(alone.adapters.get("default")?.modules.keys() ?? [])]).not.toEqual(expected);
      await using fitted = await openFixture(`damaged/${name}/adapter`, { knownBaseNames });
      expect([...(fitted.adapters.get("default")?.modules.keys() ?? [])]).toEqual(expected);
      expect(fitted.observations.map(({ code }) => code)).toContain("TENON_NAMES_MOVED");
    });
  }
});
