// Checks the Markdown of the project: relative links lead somewhere, ```ts blocks compile against the built types
// (but for <!-- not compiled -->), ```sh blocks marked with <!-- run --> run and print what the ```text block after them
// says, and the Chinese README keeps step with the English one. Needs a build.
import { existsSync, readFileSync } from "node:fs";
import { blocksOf, deadLinks, documents, drift } from "./markdown.ts";
import { runBlocks, typeErrors } from "./snippets.ts";

const texts = new Map(documents().map((path) => [path, readFileSync(path, "utf8")]));
const blocks = [...texts].map(([path, text]) => blocksOf(path, text));
const problems = [...texts].flatMap(([path, text]) => deadLinks(path, text));
const [english, chinese] = [texts.get("README.md"), texts.get("README.zh-CN.md")];
if (english !== undefined && chinese !== undefined) {
  problems.push(...drift(english, chinese).map((message) => `README.zh-CN.md: ${message}`));
}
if (existsSync("dist/index.d.ts")) {
  problems.push(...typeErrors(blocks.flat()), ...blocks.flatMap(runBlocks));
} else problems.push("dist/index.d.ts is not built, so that no snippet was tried: run npm run build");

for (const problem of problems) console.log(`error: ${problem}`);
console.log(`${texts.size} documents, ${blocks.flat().length} blocks of code`);
process.exit(problems.length === 0 ? 0 : 1);
