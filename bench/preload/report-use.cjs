// Loaded before the measured program: as it exits, it writes what it used to file descriptor 3, as JSON.
const { readFileSync, writeSync } = require("node:fs");
const { isMainThread } = require("node:worker_threads");

// Linux: the high-water mark of this program's own memory. `maxRSS` also counts the process that started it.
function peakBytes() {
  try {
    const kilobytes = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
    if (kilobytes !== undefined) return Number(kilobytes) * 1024;
  } catch {}
  return process.resourceUsage().maxRSS * 1024;
}

if (isMainThread) {
  process.on("exit", () => {
    const { user, system } = process.cpuUsage();
    const skippedSyncs = globalThis.tenonBenchSkippedSyncs ?? 0;
    writeSync(
      3,
      JSON.stringify({
        peakBytes: peakBytes(),
        userSeconds: user / 1e6,
        systemSeconds: system / 1e6,
        skippedSyncs,
      }),
    );
  });
}
