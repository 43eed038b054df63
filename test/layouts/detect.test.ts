import { describe, expect, it } from "vitest";
import { memoryTree } from "../../src/bytes/index.ts";
import { isTenonError } from "../../src/core/index.ts";
import { detectLayout, type Layout, type Sniff } from "../../src/layouts/index.ts";

function layout(name: string, sniff: Sniff, refines: readonly string[] = []): Layout {
  const open = (): never => {
    throw new Error("not opened here");
  };
  return { name, canRead: true, canWrite: false, refines, sniff: async () => sniff, open };
}

const yes = (why: string): Sniff => ({ match: "yes", evidence: [why] });
const tree = memoryTree(new Map([["a", "x"]]), { location: "here" });

async function refusal(
  layouts: readonly Layout[],
): Promise<{ code: string; message: string; hint?: string }> {
  const error = await detectLayout(tree, layouts).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isTenonError(error)) throw new Error(`expected a refusal, got ${String(error)}`);
  return { code: error.code, message: error.message, ...(error.hint && { hint: error.hint }) };
}

describe("detecting a layout", () => {
  it("takes the one that says yes over any that says maybe", async () => {
    const unsure = layout("unsure", { match: "maybe", evidence: ["perhaps"] });
    const { layout: found, evidence } = await detectLayout(tree, [unsure, layout("sure", yes("a is here"))]);
    expect({ name: found.name, evidence }).toEqual({ name: "sure", evidence: ["a is here"] });
    expect((await detectLayout(tree, [unsure])).layout.name).toBe("unsure");
  });

  it("lets a layout win over those that it refines, in any order of the list", async () => {
    const list = [
      layout("plain", yes("p")),
      layout("special", yes("s"), ["plain"]),
      layout("most", yes("m"), ["special", "plain"]),
    ];
    for (const layouts of [list, list.toReversed()]) {
      expect((await detectLayout(tree, layouts)).layout.name).toBe("most");
    }
  });

  it("does not let a layout that says no push another one out", async () => {
    const refuses = layout("special", { match: "no", evidence: ["nothing"] }, ["plain"]);
    expect((await detectLayout(tree, [refuses, layout("plain", yes("p"))])).layout.name).toBe("plain");
  });

  it("refuses two that fit equally well, with the evidence of both and the option to choose", async () => {
    expect(await refusal([layout("mine", yes("a is mine")), layout("yours", yes("a is yours"))])).toEqual({
      code: "TENON_LAYOUT_AMBIGUOUS",
      message:
        "layout: 2 layouts fit equally well, one is needed: mine: yes: a is mine | yours: yes: a is yours (here)",
      hint: "Say which one it is: --layout mine or --layout yours",
    });
  });

  it("refuses two that refine each other", async () => {
    const both = [layout("a", yes("x"), ["b"]), layout("b", yes("y"), ["a"])];
    expect((await refusal(both)).code).toBe("TENON_LAYOUT_AMBIGUOUS");
  });

  it("refuses what no layout knows, with every reason", async () => {
    const { code, message } = await refusal([
      layout("one", { match: "no", evidence: ["no config.json", "no weights"] }),
      layout("two", { match: "no", evidence: ["no tenon.json"] }),
    ]);
    expect(code).toBe("TENON_LAYOUT_UNKNOWN");
    expect(message).toBe(
      "layout: no layout fits: one: no: no config.json; no weights | two: no: no tenon.json (here)",
    );
  });

  it("refuses two layouts of one name", async () => {
    expect((await refusal([layout("hf", yes("x")), layout("hf", yes("y"))])).code).toBe(
      "TENON_LAYOUT_NAME_TWICE",
    );
  });
});
