import { FormatError } from "../core/index.ts";
import { Op, opcodeName } from "./opcodes.ts";
import type { PickleReader } from "./reader.ts";

type Scalar = null | boolean | number | bigint | string | Uint8Array;

/** The value of an opcode that carries it; undefined for every other opcode. */
export function readScalar(opcode: number, reader: PickleReader, integerBytes: number): Scalar | undefined {
  switch (opcode) {
    case Op.NONE:
      return null;
    case Op.NEWTRUE:
      return true;
    case Op.NEWFALSE:
      return false;
    case Op.BININT:
      return reader.i32();
    case Op.BININT1:
      return reader.u8();
    case Op.BININT2:
      return reader.u16();
    case Op.LONG1:
      return reader.integer(reader.u8());
    case Op.LONG4:
      return reader.integer(signedLength(reader, integerBytes));
    case Op.BINFLOAT:
      return reader.f64();
    case Op.SHORT_BINSTRING:
    case Op.SHORT_BINUNICODE:
      return reader.text(reader.u8());
    case Op.BINSTRING:
      return reader.text(signedLength(reader, Number.MAX_SAFE_INTEGER));
    case Op.BINUNICODE:
      return reader.text(reader.u32());
    case Op.BINUNICODE8:
      return reader.text(reader.u64());
    case Op.SHORT_BINBYTES:
      return reader.copy(reader.u8());
    case Op.BINBYTES:
      return reader.copy(reader.u32());
    case Op.BINBYTES8:
    case Op.BYTEARRAY8:
      return reader.copy(reader.u64());
    default:
      return undefined;
  }
}

function signedLength(reader: PickleReader, limit: number): number {
  const length = reader.i32();
  if (length >= 0 && length <= limit) return length;
  const message = `pickle: ${opcodeName(reader.opcode)} at byte ${reader.opcodeAt} has a length of ${length}; at most ${limit} (${reader.file})`;
  throw new FormatError("TENON_PICKLE_LIMIT", message, {
    details: { position: reader.opcodeAt, file: reader.file },
  });
}
