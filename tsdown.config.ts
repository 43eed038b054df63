import { defineConfig, type UserConfig } from "tsdown";

// Every entry becomes dist/<name>.js with its declarations beside it; shared code goes into chunks next to them.
const entries: Record<string, string> = {
  index: "src/index.ts",
  browser: "src/browser.ts",
  cli: "src/cli.ts",
  worker: "src/execute/node/worker.ts",
};

const config: UserConfig = defineConfig({
  entry: entries,
  format: "esm",
  platform: "neutral",
  target: "node20",
  dts: true,
  clean: true,
  hash: true,
  outExtensions: () => ({ js: ".js", dts: ".d.ts" }),
  // What a program or a page loads; the declarations keep them.
  outputOptions: { comments: { jsdoc: false } },
  deps: { neverBundle: [/^node:/] },
});

export default config;
