#!/usr/bin/env node
import { readFileSync } from "node:fs";
import process from "node:process";
import { main } from "./cli/index.ts";

const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
  readonly version: string;
};
// Set, not exit(): what is still on its way to a pipe gets there.
process.exitCode = await main(process.argv.slice(2), manifest.version);
