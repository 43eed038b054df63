import { HostValue, type PickleValue } from "../../pickle/index.ts";
import type { ElementType } from "./wire.ts";

/** Bytes that tensors view: one member of a zip archive, or one record of a legacy file. */
export interface StorageData {
  /** Unique within the file; the first part of {@link Tensor.storage}. */
  readonly key: string;
  /** Bytes that the pickle says there are. */
  readonly byteLength: number;
  /** Bytes of one element as the storage's type counts them; 1 for an untyped storage. */
  readonly elementBytes: number;
  /** Element type that every tensor on it must have; set by the first. */
  element: ElementType | undefined;
  /** Why it cannot be read, as a complaint about a tensor. */
  problem: StorageProblem | undefined;
  /** Where the bytes start in the window, once known. */
  dataOffset: number | undefined;
  /** Finds `dataOffset`. */
  locate(signal?: AbortSignal): Promise<number>;
}

export interface StorageProblem {
  readonly kind: "missing" | "size" | "meta" | "element";
  readonly complaint: string;
}

/** What a persistent id stands for while the pickle is read. */
export class TorchStorage extends HostValue {
  readonly what = "a storage";
  readonly data: StorageData;
  /** Undefined for an untyped storage. */
  readonly element: ElementType | undefined;
  /** A legacy storage may be a view of another: bytes before it. */
  readonly byteOffset: number;
  readonly byteLength: number;

  constructor(data: StorageData, element: ElementType | undefined, byteOffset: number, byteLength: number) {
    super();
    this.data = data;
    this.element = element;
    this.byteOffset = byteOffset;
    this.byteLength = byteLength;
  }
}

export function isCount(value: PickleValue | undefined): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
