/** A safetensors file from the text of its header and the bytes of its data section, whatever nonsense they are. */
export function fileOf(
  header: string | Uint8Array,
  data: Uint8Array | number = 0,
  headerBytes?: bigint,
): Uint8Array {
  const text = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const section = typeof data === "number" ? new Uint8Array(data) : data;
  const bytes = new Uint8Array(8 + text.length + section.length);
  new DataView(bytes.buffer).setBigUint64(0, headerBytes ?? BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(section, 8 + text.length);
  return bytes;
}

/** One entry of a header. */
export function entry(
  name: string,
  dtype: string,
  shape: readonly number[],
  begin: number,
  end: number,
): string {
  return `${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [begin, end] })}`;
}
