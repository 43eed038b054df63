import { defineConfig, type ViteUserConfig } from "vitest/config";

// What needs the built command line, a C compiler and a name space of its own: kills and failing disks.
const config: ViteUserConfig = defineConfig({
  test: {
    include: ["test/damage/**/*.test.ts"],
    testTimeout: 300_000,
    hookTimeout: 60_000,
    maxWorkers: 1,
  },
});

export default config;
