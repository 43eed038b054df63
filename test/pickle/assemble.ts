// Writes pickles opcode by opcode, as no pickler would: what a test wants, an attack wants too.
const text = new TextEncoder();

export type Code = readonly number[];

function u32(value: number): number[] {
  return [
    value % 256,
    Math.floor(value / 256) % 256,
    Math.floor(value / 65536) % 256,
    Math.floor(value / 2 ** 24) % 256,
  ];
}

export const proto = (version: number): Code => [0x80, version];
export const none: Code = [0x4e];
export const yes: Code = [0x88];
export const no: Code = [0x89];
export const mark: Code = [0x28];
export const stop: Code = [0x2e];
export const buildOp: Code = [0x62];

export function str(value: string): Code {
  const bytes = text.encode(value);
  return [0x58, ...u32(bytes.length), ...bytes];
}

/** Any safe integer: BININT where it fits, else LONG1 of 8 bytes. */
export function int(value: number | bigint): Code {
  if (typeof value === "number" && Math.abs(value) < 2 ** 31)
    return [0x4a, ...u32(value < 0 ? value + 2 ** 32 : value)];
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigInt64(0, BigInt(value), true);
  return [0x8a, 8, ...bytes];
}

export function float(value: number): Code {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value);
  return [0x47, ...bytes];
}

export function bytes(value: readonly number[]): Code {
  return [0x42, ...u32(value.length), ...value];
}

export function global(module: string, name: string): Code {
  return [0x63, ...text.encode(`${module}\n${name}\n`)];
}

export function stackGlobal(module: string, name: string): Code {
  return [...str(module), ...str(name), 0x93];
}

export function tuple(...items: Code[]): Code {
  return [0x28, ...items.flat(), 0x74];
}

export function list(...items: Code[]): Code {
  return [0x5d, 0x28, ...items.flat(), 0x65];
}

export function dict(...pairs: (readonly [Code, Code])[]): Code {
  return [0x7d, 0x28, ...pairs.flat(2), 0x75];
}

/** A dict with string keys. */
export function record(entries: Readonly<Record<string, Code>>): Code {
  return dict(...Object.entries(entries).map(([key, value]) => [str(key), value] as const));
}

export function call(callee: Code, ...args: Code[]): Code {
  return [...callee, ...tuple(...args), 0x52];
}

export function build(object: Code, state: Code): Code {
  return [...object, ...state, 0x62];
}

export function put(index: number): Code {
  return [0x71, index];
}

export function get(index: number): Code {
  return [0x68, index];
}

export function persistent(id: Code): Code {
  return [...id, 0x51];
}

/** A whole pickle, protocol 2. */
export function pickle(value: Code, version = 2): Uint8Array {
  return Uint8Array.from([...proto(version), ...value, ...stop]);
}
