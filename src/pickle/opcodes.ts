/**
 * Opcodes of pickle protocols 0 to 5, with their names in CPython's `Lib/pickletools.py`. A frozen fact.
 * `READS` are executed; `REFUSED` are real opcodes that no checkpoint writer emits for data, or that carry code,
 * text-mode numbers or external references; anything else is no opcode at all.
 */
export const Op = {
  PROTO: 0x80, FRAME: 0x95, STOP: 0x2e, MARK: 0x28,
  NONE: 0x4e, NEWTRUE: 0x88, NEWFALSE: 0x89,
  BININT: 0x4a, BININT1: 0x4b, BININT2: 0x4d, LONG1: 0x8a, LONG4: 0x8b, BINFLOAT: 0x47,
  BINSTRING: 0x54, SHORT_BINSTRING: 0x55, BINUNICODE: 0x58, SHORT_BINUNICODE: 0x8c, BINUNICODE8: 0x8d,
  BINBYTES: 0x42, SHORT_BINBYTES: 0x43, BINBYTES8: 0x8e, BYTEARRAY8: 0x96,
  EMPTY_TUPLE: 0x29, TUPLE: 0x74, TUPLE1: 0x85, TUPLE2: 0x86, TUPLE3: 0x87,
  EMPTY_LIST: 0x5d, APPEND: 0x61, APPENDS: 0x65,
  EMPTY_DICT: 0x7d, SETITEM: 0x73, SETITEMS: 0x75,
  EMPTY_SET: 0x8f, ADDITEMS: 0x90, FROZENSET: 0x91,
  BINPUT: 0x71, LONG_BINPUT: 0x72, MEMOIZE: 0x94, BINGET: 0x68, LONG_BINGET: 0x6a,
  GLOBAL: 0x63, STACK_GLOBAL: 0x93, REDUCE: 0x52, NEWOBJ: 0x81, NEWOBJ_EX: 0x92, BUILD: 0x62, BINPERSID: 0x51,
} as const; // biome-ignore format: a table

const refused: Readonly<Record<number, string>> = {
  48: "POP", 49: "POP_MARK", 50: "DUP", 70: "FLOAT", 73: "INT", 76: "LONG", 80: "PERSID",
  83: "STRING", 86: "UNICODE", 100: "DICT", 103: "GET", 105: "INST", 108: "LIST", 111: "OBJ",
  112: "PUT", 130: "EXT1", 131: "EXT2", 132: "EXT4", 151: "NEXT_BUFFER", 152: "READONLY_BUFFER",
}; // biome-ignore format: a table

const names = new Map<number, string>([
  ...Object.entries(Op).map(([name, code]): [number, string] => [code, name]),
  ...Object.entries(refused).map(([code, name]): [number, string] => [Number(code), name]),
]);

/** `GLOBAL`, or `0xff` for a byte that is no opcode. */
export function opcodeName(opcode: number): string {
  return names.get(opcode) ?? `0x${opcode.toString(16).padStart(2, "0")}`;
}

/** Whether the byte is an opcode of pickle, executed here or not. */
export function isOpcode(opcode: number): boolean {
  return names.has(opcode);
}
