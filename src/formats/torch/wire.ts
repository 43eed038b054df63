// Facts about torch.save files on disk. Sources: torch/serialization.py, torch/_utils.py, torch/storage.py (2.13),
// and files written by torch 1.4 to 2.13.
import type { DType } from "../../core/index.ts";

/** Start of the first pickle of a legacy file: the integer 0x1950a86a20f9469cfc6c as LONG1, after `80 <protocol>`. */
export const legacyMagic: readonly number[] = [
  0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19,
];
/** The same integer, as the machine reads it. */
export const legacyMagicNumber: bigint = 0x1950a86a20f9469cfc6cn;
/** `protocol_version`, second and third pickle of a legacy file. */
export const legacyProtocol = 1001;
/** An uncompressed tar (torch before 0.1.10) says so here. */
export const tarMagic = { byteOffset: 257, text: "ustar" } as const;

export interface ElementType {
  /** As torch prints it, without `torch.`. */
  readonly name: string;
  readonly bytes: number;
  /** Absent: torch has it and safetensors has not; recognised and refused by name. */
  readonly dtype?: DType;
}

function element(name: string, bytes: number, dtype?: DType): ElementType {
  return dtype === undefined ? { name, bytes } : { name, bytes, dtype };
}

/** `torch <dtype>` globals, by name. */
export const elementTypes: ReadonlyMap<string, ElementType> = new Map(
  [
    element("float64", 8, "F64"), element("float32", 4, "F32"), element("float16", 2, "F16"),
    element("bfloat16", 2, "BF16"), element("int64", 8, "I64"), element("int32", 4, "I32"),
    element("int16", 2, "I16"), element("int8", 1, "I8"), element("uint8", 1, "U8"), element("bool", 1, "BOOL"),
    element("uint16", 2, "U16"), element("uint32", 4, "U32"), element("uint64", 8, "U64"),
    element("complex64", 8, "C64"), element("float8_e4m3fn", 1, "F8_E4M3"), element("float8_e5m2", 1, "F8_E5M2"),
    element("float8_e4m3fnuz", 1, "F8_E4M3FNUZ"), element("float8_e5m2fnuz", 1, "F8_E5M2FNUZ"),
    element("float8_e8m0fnu", 1, "F8_E8M0"),
    element("complex128", 16), element("complex32", 4), element("float4_e2m1fn_x2", 1),
    element("qint8", 1), element("quint8", 1), element("qint32", 4), element("quint4x2", 1), element("quint2x4", 1),
    element("bits1x8", 1), element("bits2x4", 1), element("bits4x2", 1), element("bits8", 1), element("bits16", 2),
    ...[1, 2, 3, 4, 5, 6, 7].flatMap((bits) => [element(`int${bits}`, 1), element(`uint${bits}`, 1)]),
  ].map((type) => [type.name, type]),
); // biome-ignore format: a table

/** The dtype of a torch one (`bfloat16`); undefined for one that is not read. */
export function torchDType(name: string): DType | undefined {
  return elementTypes.get(name)?.dtype;
}

/** The torch name of a dtype (`bfloat16`); undefined for one that torch has not. */
export function torchDTypeName(dtype: DType): string | undefined {
  return [...elementTypes.values()].find((type) => type.dtype === dtype)?.name;
}

const storageElements: Readonly<Record<string, string>> = {
  DoubleStorage: "float64", FloatStorage: "float32", HalfStorage: "float16", BFloat16Storage: "bfloat16",
  LongStorage: "int64", IntStorage: "int32", ShortStorage: "int16", CharStorage: "int8", ByteStorage: "uint8",
  BoolStorage: "bool", ComplexFloatStorage: "complex64", ComplexDoubleStorage: "complex128", QInt8Storage: "qint8",
  QUInt8Storage: "quint8", QInt32Storage: "qint32", QUInt4x2Storage: "quint4x2", QUInt2x4Storage: "quint2x4",
}; // biome-ignore format: a table

/** The storage class that torch writes for an element type; types without one have untyped storages. */
export const storageClasses: ReadonlyMap<string, string> = new Map(
  Object.entries(storageElements).map(([storage, name]) => [name, storage]),
);

/**
 * Element type by the storage class that a persistent id names, keyed `module name`. `torch.cuda` classes are those
 * of files saved from a GPU by torch before 0.4. An untyped storage counts bytes.
 */
export const storageTypes: ReadonlyMap<string, ElementType | "untyped"> = new Map<
  string,
  ElementType | "untyped"
>([
  ["torch.storage UntypedStorage", "untyped"],
  ["torch UntypedStorage", "untyped"],
  ...Object.entries(storageElements).flatMap(([storage, name]): [string, ElementType][] => {
    const type = elementTypes.get(name) as ElementType;
    return [
      [`torch ${storage}`, type],
      [`torch.cuda ${storage}`, type],
    ];
  }),
]);

/**
 * Keys under which training scripts put a model's state dict: Lightning (`state_dict`), DeepSpeed (`module`), and
 * the habits of plain torch scripts.
 */
export const stateDictContainers: ReadonlySet<string> = new Set([
  "state_dict", "model", "module", "model_state_dict",
]); // biome-ignore format: a list

/** Zip record signatures (PKWARE APPNOTE 4.3). */
export const zipSignature = {
  local: 0x04034b50,
  descriptor: 0x08074b50,
  central: 0x02014b50,
  end: 0x06054b50,
  end64: 0x06064b50,
  end64Locator: 0x07064b50,
} as const;

/** caffe2/serialize/versions.h kMaxSupportedFileFormatVersion. */
export const archiveVersionLimit = 10;

/** General purpose bits: sizes and checksum follow the data; the name is UTF-8. */
export const zipFlags = { hasDescriptor: 0x0008, utf8: 0x0800 } as const;

/** caffe2/serialize/inline_container.h kFieldAlignment: what makes a file mappable into memory. */
export const storageAlignment = 64;

/** Bytes of a local header before its name. */
export const zipLocalBytes = 30;
