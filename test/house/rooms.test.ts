import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { describe, expect, it } from "vitest";

interface Rooms {
  readonly may: Readonly<Record<string, readonly string[]>>;
  readonly planned: readonly string[];
  readonly pure: readonly string[];
}
const { may, planned, pure } = createRequire(import.meta.url)("../../.dependency-cruiser.rooms.cjs") as Rooms;
const headings = ["Knows", "May import", "Never", "Touch freely", "Touch with care", "To add one"];
const built = Object.keys(may).filter((room) => !planned.includes(room));

/** Rows of the table below a heading: cells trimmed, code marks removed. */
function tableBelow(text: string, heading: string): string[][] {
  const section = text.slice(text.indexOf(`\n${heading}\n`));
  const rows = section
    .split("\n")
    .slice(2)
    .join("\n")
    .split(/\n#/)[0]
    ?.match(/^\|.*\|$/gm);
  return (rows ?? []).slice(2).map((row) =>
    row
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim().replaceAll("`", "")),
  );
}

describe("the rooms", () => {
  const rows = tableBelow(readFileSync("ARCHITECTURE.md", "utf8"), "## The rooms");

  it("are in ARCHITECTURE.md in the order of the rule's table, and nothing else is", () => {
    expect(rows.map(([room]) => room)).toEqual(Object.keys(may));
  });

  it("may import what ARCHITECTURE.md says they may", () => {
    const documented = Object.fromEntries(
      rows.map(([room, , mayImport]) => [
        room,
        mayImport === "nothing" ? [] : mayImport?.split(", ").map((name) => name.trim()),
      ]),
    );
    expect(documented).toEqual(may);
  });

  it("run in a browser where ARCHITECTURE.md says so", () => {
    const documented = rows.filter(([, , , browser]) => browser?.startsWith("yes")).map(([room]) => room);
    expect(documented.sort()).toEqual([...pure].sort());
  });

  it("only import downwards: each room names rooms above it in the table", () => {
    const order = Object.keys(may);
    const upward = order.flatMap((room, index) =>
      (may[room] ?? [])
        .filter((other) => other !== "index" && order.indexOf(other) >= index)
        .map((other) => `${room} → ${other}`),
    );
    expect(upward).toEqual([]);
  });

  it("are the folders of src, and planned ones have no folder yet", () => {
    const folders = readdirSync("src", { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && existsSync(`src/${entry.name}/index.ts`))
      .map(({ name }) => name);
    expect(folders.sort()).toEqual([...built].sort());
  });

  it("each have a line in src/README.md", () => {
    const text = readFileSync("src/README.md", "utf8");
    expect(Object.keys(may).filter((room) => !text.includes(`\`${room}/\``))).toEqual([]);
  });
});

describe.each(built)("room %s", (room) => {
  it("has a door", () => {
    expect(existsSync(`src/${room}/index.ts`)).toBe(true);
  });

  it("has a README of at most 20 lines with the agreed headings in order", () => {
    const text = readFileSync(`src/${room}/README.md`, "utf8");
    expect(text.trimEnd().split("\n").length).toBeLessThanOrEqual(20);
    const found = headings.filter((heading) =>
      new RegExp(`^(#+ |[-*] )?(\\*\\*)?${heading}\\b`, "m").test(text),
    );
    expect(found).toEqual(headings);
    const places = headings.map((heading) =>
      text.search(new RegExp(`^(#+ |[-*] )?(\\*\\*)?${heading}\\b`, "m")),
    );
    expect(places).toEqual([...places].sort((a, b) => a - b));
  });
});
