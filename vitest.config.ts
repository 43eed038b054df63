import { defineConfig, type ViteUserConfig } from "vitest/config";

// What a user's machine can run: no Python, no browser, no network.
const config: ViteUserConfig = defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/interop/**", "test/browser/**", "test/damage/**", "**/node_modules/**"],
    setupFiles: ["test/house/quiet.ts", "test/house/offline.ts"],
    testTimeout: 30_000,
    maxWorkers: 2,
  },
});

export default config;
