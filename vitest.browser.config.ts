import { defineConfig, type ViteUserConfig } from "vitest/config";

// In a headless Chromium of the system; see test/browser/harness.ts.
const config: ViteUserConfig = defineConfig({
  test: {
    include: ["test/browser/**/*.test.ts"],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    maxWorkers: 1,
  },
});

export default config;
