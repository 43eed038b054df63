import { defineConfig, type ViteUserConfig } from "vitest/config";

// Against the real Python tools in .venv (scripts/venv.sh); each test starts a Python process.
const config: ViteUserConfig = defineConfig({
  test: {
    include: ["test/interop/**/*.test.ts"],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    maxWorkers: 1,
  },
});

export default config;
