const units = ["B", "kB", "MB", "GB", "TB", "PB"] as const;

/** `4.37 GB`: three digits that count, decimal units as disks are sold. */
export function bytesText(bytes: number): string {
  return scaled(bytes, 1000, units);
}

/** `8.03 B` parameters read as "billion": `8.03 G` would be taken for bytes. */
export function countText(count: number): string {
  if (count < 10_000) return String(count);
  return scaled(count, 1000, ["", "k", "M", "B", "T", "Q"]);
}

function scaled(amount: number, step: number, names: readonly string[]): string {
  let value = amount;
  let at = 0;
  // 999.5 would print as 1000.
  while (value >= 999.5 && at < names.length - 1) {
    value /= step;
    at += 1;
  }
  const digits = at === 0 ? String(Math.round(value)) : digitsOf(value);
  return `${digits} ${names[at] ?? ""}`.trimEnd();
}

function digitsOf(value: number): string {
  return value.toFixed(value < 9.995 ? 2 : value < 99.95 ? 1 : 0);
}

/** `0.4 s`, `12 s`, `3 min 05 s`, `2 h 10 min`. */
export function secondsText(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, "0")} min`;
}

/** `1 tensor`, `3 tensors`. */
export function counted(count: number, one: string, many: string = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
