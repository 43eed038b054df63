import { describe, expect, it } from "vitest";
import { columns, left, lineWidth, listed, right, shortened, wrapped } from "../../src/cli/columns.ts";
import { Sections } from "../../src/cli/sections.ts";

describe("columns", () => {
  it("are aligned, text to the left and numbers to the right, without blanks at the end", () => {
    expect(
      columns([
        [left("q_proj"), right("2"), left("BF16")],
        [left("v"), right("126"), left("")],
      ]),
    ).toEqual(["q_proj    2  BF16", "v       126"]);
    expect(columns([])).toEqual([]);
  });

  it("stay in the line by cutting the middle out of the first, unless there is room", () => {
    const rows = [[left(`model.${"x".repeat(200)}.weight`), right("1")]];
    const [line = ""] = columns(rows, "    ");
    expect(line).toHaveLength(lineWidth);
    expect(line).toMatch(/^ {4}model\.x+…x+\.weight {2}1$/);
    expect(columns(rows, "", Number.POSITIVE_INFINITY)[0]).toContain("x".repeat(200));
  });
});

describe("text", () => {
  it("is broken at blanks, and a long word stays whole", () => {
    expect(wrapped("a bb ccc dddd", 6)).toEqual(["a bb", "ccc", "dddd"]);
    expect(wrapped(`a ${"x".repeat(9)} b`, 6)).toEqual(["a", "x".repeat(9), "b"]);
  });

  it("is not broken inside a short fact", () => {
    const facts = Array.from({ length: 12 }, () => "4.37 GB BF16");
    const lines = new Sections().list("base", facts).toText().split("\n");
    expect(lines.length).toBeGreaterThan(1);
    for (const line of lines) expect(line).toMatch(/^(base)? +4\.37 GB BF16(, 4\.37 GB BF16)*,?$/);
  });

  it("names the first few, and counts the rest", () => {
    expect(listed(["a", "b"], 3)).toBe("a, b");
    expect(listed(["a", "b", "c"], 2)).toBe("a, b and 1 more");
    expect(listed(["a"], 3, 40)).toBe("a and 39 more");
    expect(shortened("model.layers.0.weight", 11)).toBe("model…eight");
  });
});

describe("sections", () => {
  it("keep a command on one line, and count rows past the limit", () => {
    const command = `tenon doctor ${"x".repeat(200)}`;
    expect(new Sections().say("a", "b").command(command).toText()).toBe(
      `a           b\n              ${command}`,
    );
    const rows = Array.from({ length: 30 }, (_, index) => [left(`${index}`)]);
    expect(new Sections().table(rows, { more: "kinds" }).toText()).toMatch(/ {4}23\n {4}and 6 more kinds$/);
    expect(new Sections().fullTable(rows).toText().split("\n")).toHaveLength(30);
  });

  it("are coloured by what they say, where that is asked for", () => {
    const sections = new Sections().say("error", "TENON_X").say("", "cause").say("source", "here");
    expect(sections.toText()).not.toContain("\u001b");
    expect(sections.toText(true).split("\n")).toEqual([
      "\u001b[1;31merror      \u001b[0m TENON_X",
      "            cause",
      "\u001b[1msource     \u001b[0m here",
    ]);
  });

  it("put a blank between a long label and its text", () => {
    expect(new Sections().say("a-very-long-label", "text").toText()).toBe("a-very-long-label text");
  });
});
