// Reads the project's Markdown for the checks: which documents there are, their fenced blocks, their links.
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { filesBelow } from "./tree.ts";

export interface Block {
  readonly path: string;
  /** Line of the opening fence, from 1. */
  readonly line: number;
  readonly language: string;
  readonly code: string;
  /** Words of the `<!-- … -->` directly above, or none. */
  readonly mark: string;
}

/** The documents people read; generated API pages and fixtures are not among them. */
export function documents(): string[] {
  const root = ["README.md", "README.zh-CN.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "GLOSSARY.md"];
  const more = ["CHANGELOG.md", "SECURITY.md", ...filesBelow("docs", ".md"), ...filesBelow("src", ".md")];
  const rest = [
    ...filesBelow("examples", ".md"),
    ...filesBelow("bench", ".md"),
    ...filesBelow("test", ".md"),
  ];
  return [...root, ...more, ...rest].filter((path) => existsSync(path) && !path.startsWith("docs/api/"));
}

/** Fenced blocks of a document, in order. */
export function blocksOf(path: string, text: string): Block[] {
  const blocks: Block[] = [];
  const lines = text.split("\n");
  for (let index = 0; index < lines.length; index += 1) {
    const fence = /^(\s*)(```+)([\w-]*)/.exec(lines[index] ?? "");
    if (fence === null) continue;
    const start = index;
    const indent = fence[1]?.length ?? 0;
    const code: string[] = [];
    for (index += 1; index < lines.length && lines[index]?.trim() !== fence[2]; index += 1) {
      code.push((lines[index] ?? "").slice(indent));
    }
    const above = lines.slice(0, start).findLast((line) => line.trim() !== "") ?? "";
    const mark = /^\s*<!--\s*(.*?)\s*-->\s*$/.exec(above)?.[1] ?? "";
    blocks.push({ path, line: start + 1, language: fence[3] ?? "", code: code.join("\n"), mark });
  }
  return blocks;
}

/** Relative links of a document that lead nowhere: to a file that is missing, or to a heading that is not in it. */
export function deadLinks(path: string, text: string): string[] {
  const prose = text.replaceAll(/^(```+)[\s\S]*?^\1/gm, "").replaceAll(/`[^`\n]*`/g, "");
  const dead: string[] = [];
  for (const [, target = ""] of prose.matchAll(/\[[^\]]*\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)/g)) {
    if (/^[a-z][a-z0-9+.-]*:/i.test(target)) continue;
    const [file = "", anchor] = target.split("#", 2);
    const destination = file === "" ? path : join(dirname(path), decodeURIComponent(file));
    if (!existsSync(destination)) dead.push(`${path}: ${target}: no such file`);
    else if (anchor !== undefined && statSync(destination).isFile() && destination.endsWith(".md")) {
      const anchors = [...readFileSync(destination, "utf8").matchAll(/^#{1,6} (.*)$/gm)].map(([, title]) =>
        anchorOf(title as string),
      );
      if (!anchors.includes(anchor)) dead.push(`${path}: ${target}: no such heading`);
    }
  }
  return dead;
}

/** The anchor that GitHub makes of a heading. */
function anchorOf(title: string): string {
  return title
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
    .replaceAll(/\s/g, "-");
}

/** What a translation has otherwise than its original: headings by level, and every block of code. */
export function drift(original: string, translation: string): string[] {
  const levels = (text: string): string =>
    text
      .replaceAll(/^(```+)[\s\S]*?^\1/gm, "")
      .match(/^#{1,6} /gm)
      ?.join("") ?? "";
  const codes = (text: string): string[] =>
    blocksOf("", text)
      .filter(({ language }) => language === "ts" || language === "sh")
      .map(({ code }) => code.replaceAll(/\s*(#|\/\/) .*$/gm, ""));
  const found: string[] = [];
  if (levels(original) !== levels(translation))
    found.push("the headings are not the same in number and level");
  const [theirs, ours] = [codes(original), codes(translation)];
  if (theirs.length !== ours.length)
    found.push(`${ours.length} blocks of code, the original has ${theirs.length}`);
  else {
    const first = theirs.findIndex((code, index) => code !== ours[index]);
    if (first >= 0) found.push(`block of code ${first + 1} differs from the original:\n${ours[first]}`);
  }
  return found;
}
