import { FormatError } from "../core/index.ts";
import { opcodeName } from "./opcodes.ts";

// A byte order mark in a name is part of the name: ignoreBOM keeps it.
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A cursor over the bytes of one pickle; every step is checked against the end. */
export class PickleReader {
  /** Next byte. */
  at: number;
  /** Where the opcode being executed stands, relative to the pickle. */
  opcodeAt = 0;
  opcode = 0;
  readonly start: number;
  readonly end: number;
  readonly file: string;
  private readonly bytes: Uint8Array;
  private readonly view: DataView;

  constructor(bytes: Uint8Array, start: number, file: string) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = start;
    this.start = start;
    this.end = bytes.byteLength;
    this.file = file;
  }

  nextOpcode(): number {
    this.opcodeAt = this.at - this.start;
    this.opcode = this.u8();
    return this.opcode;
  }

  u8(): number {
    return this.bytes[this.take(1)] as number;
  }

  u16(): number {
    return this.view.getUint16(this.take(2), true);
  }

  i32(): number {
    return this.view.getInt32(this.take(4), true);
  }

  u32(): number {
    return this.view.getUint32(this.take(4), true);
  }

  u64(): number {
    const value = this.view.getBigUint64(this.take(8), true);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) this.truncated();
    return Number(value);
  }

  /** Python floats are pickled big-endian, alone among all numbers. */
  f64(): number {
    return this.view.getFloat64(this.take(8), false);
  }

  /** Two's complement, little-endian; no bytes mean 0. */
  integer(byteLength: number): number | bigint {
    const from = this.take(byteLength);
    if (byteLength === 0) return 0;
    let digits = "";
    for (let i = from + byteLength - 1; i >= from; i--) {
      digits += (this.bytes[i] as number).toString(16).padStart(2, "0");
    }
    const value = BigInt.asIntN(byteLength * 8, BigInt(`0x${digits}`));
    const small = Number(value);
    return Number.isSafeInteger(small) ? small : value;
  }

  text(byteLength: number): string {
    const from = this.take(byteLength);
    if (byteLength <= 64) {
      const ascii = this.shortAscii(from, byteLength);
      if (ascii !== undefined) return ascii;
    }
    try {
      return utf8.decode(this.bytes.subarray(from, from + byteLength));
    } catch (cause) {
      const message = `pickle: ${opcodeName(this.opcode)} at byte ${this.opcodeAt} holds text that is not UTF-8 (${this.file})`;
      throw new FormatError("TENON_PICKLE_TEXT", message, {
        details: { position: this.opcodeAt, file: this.file },
        cause,
      });
    }
  }

  /** A copy: the pickle's own buffer may be reused or released. */
  copy(byteLength: number): Uint8Array {
    const from = this.take(byteLength);
    return this.bytes.slice(from, from + byteLength);
  }

  /** A line of GLOBAL, without its end. */
  line(limitBytes: number): string {
    const stop = this.bytes.indexOf(0x0a, this.at);
    if (stop < 0) this.truncated();
    if (stop - this.at > limitBytes) {
      const message = `pickle: ${opcodeName(this.opcode)} at byte ${this.opcodeAt} has a name of ${stop - this.at} bytes; at most ${limitBytes} (${this.file})`;
      throw new FormatError("TENON_PICKLE_TEXT", message, {
        details: { position: this.opcodeAt, file: this.file },
      });
    }
    const text = this.text(stop - this.at);
    this.at++;
    return text;
  }

  truncated(): never {
    const message = `pickle: ends early at byte ${this.end - this.start}, inside ${opcodeName(this.opcode)} (${this.file})`;
    throw new FormatError("TENON_PICKLE_TRUNCATED", message, {
      details: { position: this.end - this.start, file: this.file },
    });
  }

  private take(byteLength: number): number {
    const from = this.at;
    if (byteLength > this.end - from) this.truncated();
    this.at = from + byteLength;
    return from;
  }

  private shortAscii(from: number, byteLength: number): string | undefined {
    let text = "";
    for (let i = from; i < from + byteLength; i++) {
      const code = this.bytes[i] as number;
      if (code >= 128) return undefined;
      text += String.fromCharCode(code);
    }
    return text;
  }
}
