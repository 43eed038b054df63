import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { blocksOf, deadLinks, documents, drift } from "../../scripts/markdown.ts";
import { exitCodeOf, runBlocks, saysSo, typeErrors } from "../../scripts/snippets.ts";

const fence = "```";

describe("the checker of documents", () => {
  it("finds blocks with their language, line and mark", () => {
    const text = `# A\n\n<!-- run: exit 3 -->\n${fence}sh\ntenon x\n${fence}\n\ntext\n\n${fence}ts\nlet a;\n${fence}\n`;
    expect(blocksOf("a.md", text)).toEqual([
      { path: "a.md", line: 4, language: "sh", code: "tenon x", mark: "run: exit 3" },
      { path: "a.md", line: 10, language: "ts", code: "let a;", mark: "" },
    ]);
  });

  it("knows which marks run a block, and to which exit", () => {
    expect(["run", "run: exit 3", "", "not compiled"].map(exitCodeOf)).toEqual([0, 3, undefined, undefined]);
  });

  it("finds a link to a missing file or heading, not one inside code", () => {
    const text = `[a](LICENSE) [b](nowhere.md) [c](ARCHITECTURE.md#the-rooms) [d](ARCHITECTURE.md#no-such) \`[e](x.md)\``;
    expect(deadLinks("README.md", text)).toEqual([
      "README.md: nowhere.md: no such file",
      "README.md: ARCHITECTURE.md#no-such: no such heading",
    ]);
  });

  it("compares output loosely: numbers and spaces may differ, words and their order may not", () => {
    expect(saysSo("read 12 MB in 3.4 s\n…\ndone", "start\nread   7 MB in 0.1 s\nmore\ndone")).toBeUndefined();
    expect(saysSo("merged … tensors", "merged 3 of 4 tensors")).toBeUndefined();
    expect(saysSo("done\nread", "read\ndone")).toBe("read");
    expect(saysSo("read 12 MB", "wrote 12 MB")).toBe("read 12 MB");
  });

  it("runs a block in a copy of the checkout and reports a wrong exit or a missing line", () => {
    const block = (code: string, mark: string) => ({ path: "a.md", line: 1, language: "sh", code, mark });
    const says = (code: string) => ({ path: "a.md", line: 9, language: "text", code, mark: "" });
    expect(runBlocks([block("ls package.json; touch left", "run"), says("package.json")])).toEqual([]);
    expect(runBlocks([block("exit 3", "run")])[0]).toMatch(/^a\.md:1: exit 3, not 0/);
    expect(runBlocks([block("echo yes", "run"), says("no")])[0]).toMatch(/^a\.md:9: not printed: no/);
    expect(existsSync("left")).toBe(false);
  });

  it("runs a ts block as a module that imports the package", () => {
    const code =
      'import { tenonVersion } from "tenon";\nconst said: string = tenonVersion;\nconsole.log("version", said);';
    const block = { path: "a.md", line: 1, language: "ts", code, mark: "run" };
    const says = { path: "a.md", line: 9, language: "text", code: "version 0.1.0", mark: "" };
    expect(runBlocks([block, says])).toEqual([]);
    expect(runBlocks([{ ...block, code: "process.exit(3);" }])[0]).toMatch(/^a\.md:1: exit 3, not 0/);
  });

  it("compiles a ts block and reports the line of the document", () => {
    const block = {
      path: "a.md",
      line: 10,
      language: "ts",
      code: "const a = 1;\nconst b: string = 2;",
      mark: "",
    };
    const [error, ...others] = typeErrors([block, { ...block, mark: "not compiled" }]);
    expect(error).toMatch(/^a\.md:12: .*'number' is not assignable/);
    expect(others).toEqual([]);
  });

  it("sees when a translation loses a heading or changes code, but not when it translates a comment", () => {
    const original = `# A\n\n## B\n\n${fence}sh\ntenon x # look\n${fence}\n`;
    expect(drift(original, `# 甲\n\n## 乙\n\n${fence}sh\ntenon x # 看\n${fence}\n`)).toEqual([]);
    expect(drift(original, `# 甲\n\n${fence}sh\ntenon x\n${fence}\n`)).toHaveLength(1);
    expect(drift(original, `# 甲\n\n## 乙\n\n${fence}sh\ntenon y\n${fence}\n`)[0]).toMatch(/block of code 1/);
  });
});

it.each(documents())("%s has no dead link", (path) => {
  expect(deadLinks(path, readFileSync(path, "utf8"))).toEqual([]);
});

const running = documents().filter((path) =>
  blocksOf(path, readFileSync(path, "utf8")).some(({ mark }) => exitCodeOf(mark) !== undefined),
);
it.each(running)(
  "%s: its commands do what it says",
  (path) => {
    expect(runBlocks(blocksOf(path, readFileSync(path, "utf8")))).toEqual([]);
  },
  300_000,
);

it("every ts block compiles against the built types", () => {
  const blocks = documents().flatMap((path) => blocksOf(path, readFileSync(path, "utf8")));
  expect(typeErrors(blocks)).toEqual([]);
}, 120_000);

it("README.zh-CN.md keeps step with README.md", () => {
  const read = (path: string): string => (existsSync(path) ? readFileSync(path, "utf8") : "");
  expect(drift(read("README.md"), read("README.zh-CN.md"))).toEqual([]);
});
