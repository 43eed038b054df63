// torch.save before 1.6 and with _use_new_zipfile_serialization=False: five pickles back to back, then raw storages.
import { FormatError, UnsupportedError } from "../../core/index.ts";
import {
  PickleMap,
  type PickleValue,
  type Unpickled,
  type UnpickleOptions,
  unpickle,
} from "../../pickle/index.ts";
import type { TorchContent } from "./content.ts";
import { legacyFirstBytes, pickleBytesLimit } from "./limits.ts";
import { persistentLoader, type StorageFinder } from "./persistent.ts";
import { tensorConstructors } from "./rebuild.ts";
import type { StorageData } from "./storage.ts";
import type { TorchFileContext } from "./tensor.ts";
import type { SourceWindow } from "./window.ts";
import { legacyMagicNumber, legacyProtocol } from "./wire.ts";

/** Reads the five pickles and the element counts before the storages. No storage is read. */
export async function openLegacy(window: SourceWindow, signal?: AbortSignal): Promise<TorchContent> {
  const pickles = new PickleSequence(window, signal);
  const magic = await pickles.next("magic number", {});
  if (magic.value !== legacyMagicNumber) bad(window, "does not start with torch's magic number");
  const protocol = await pickles.next("protocol version", {});
  if (protocol.value !== legacyProtocol) {
    const message = `torch: legacy protocol ${String(protocol.value)}; ${legacyProtocol} is known (${window.path})`;
    throw new UnsupportedError("TENON_TORCH_VERSION", message, { details: { path: window.path } });
  }
  checkSystem(window, (await pickles.next("system information", {})).value);
  const context: TorchFileContext = { window, isBigEndian: false };
  const storages = new Map<string, StorageData>();
  const object = await pickles.next("object", () => {
    storages.clear();
    return {
      constructors: tensorConstructors(context),
      persistentLoad: persistentLoader(finder(storages), window.path, 6),
    };
  });
  const keys = await pickles.next("storage keys", {});
  await placeStorages(window, keys.value, storages, pickles.at, signal);
  return { object: object.value, globals: object.globals };
}

type RunOptions = Omit<UnpickleOptions, "file" | "byteOffset" | "allowTrailing">;

/** Pickles one after another at the start of a file, read in growing pieces: none says how long it is. */
class PickleSequence {
  /** Where the next one starts. */
  at = 0;
  private bytes = new Uint8Array(0);
  private readonly window: SourceWindow;
  private readonly signal: AbortSignal | undefined;

  constructor(window: SourceWindow, signal: AbortSignal | undefined) {
    this.window = window;
    this.signal = signal;
  }

  /** @param options made anew for each attempt, when it is a function: a short attempt leaves nothing behind */
  async next(what: string, options: RunOptions | (() => RunOptions)): Promise<Unpickled> {
    for (;;) {
      try {
        const run = unpickle(this.bytes, {
          ...(typeof options === "function" ? options() : options),
          file: `${what} of ${this.window.path}`,
          byteOffset: this.at,
          allowTrailing: true,
        });
        this.at += run.byteLength;
        return run;
      } catch (error) {
        const endsEarly = error instanceof FormatError && error.code === "TENON_PICKLE_TRUNCATED";
        if (!endsEarly || !(await this.grow())) throw error;
      }
    }
  }

  private async grow(): Promise<boolean> {
    const most = Math.min(this.window.byteLength, pickleBytesLimit);
    const length = Math.min(most, Math.max(legacyFirstBytes, this.bytes.byteLength * 2));
    if (length <= this.bytes.byteLength) return false;
    const bytes = new Uint8Array(length);
    bytes.set(this.bytes);
    await this.window.read(this.bytes.byteLength, bytes.subarray(this.bytes.byteLength), this.signal);
    this.bytes = bytes;
    return true;
  }
}

/**
 * `{protocol_version, little_endian, type_sizes}` of the machine that saved. None of it matters to the reader: torch
 * writes counts and elements little-endian on every machine (torch/csrc/generic/serialization.cpp, writeFileRaw).
 */
function checkSystem(window: SourceWindow, system: PickleValue): void {
  if (!(system instanceof PickleMap) || typeof system.get("little_endian") !== "boolean")
    bad(window, "has no system information");
}

function finder(storages: Map<string, StorageData>): StorageFinder {
  return ({ key, byteLength, elementBytes, location }) => {
    const known = storages.get(key);
    if (known !== undefined) return known;
    const data: StorageData = {
      key,
      byteLength,
      elementBytes,
      element: undefined,
      problem:
        location === "meta"
          ? { kind: "meta", complaint: "is on the meta device: its values were never saved" }
          : undefined,
      dataOffset: undefined,
      locate: () => {
        if (data.dataOffset !== undefined) return Promise.resolve(data.dataOffset);
        return Promise.reject(new Error(`internal: storage ${key} was not placed`));
      },
    };
    storages.set(key, data);
    return data;
  };
}

/**
 * Each storage is an int64 element count and its elements, in the order of the key list. The counts must be those of
 * the persistent ids, so that offsets follow from them.
 */
async function placeStorages(
  window: SourceWindow,
  keys: PickleValue,
  storages: ReadonlyMap<string, StorageData>,
  start: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (!Array.isArray(keys)) bad(window, "has no list of storages");
  const counts = new CountReader(window, signal);
  let at = start;
  for (const key of keys) {
    const data = typeof key === "string" ? storages.get(key) : undefined;
    if (data === undefined || data.dataOffset !== undefined)
      bad(
        window,
        `lists storage ${JSON.stringify(String(key))}, which ${data === undefined ? "no tensor has" : "it lists twice"}`,
      );
    const found = await counts.read(at);
    const elementBytes = data.elementBytes;
    if (found * BigInt(elementBytes) !== BigInt(data.byteLength))
      bad(
        window,
        `gives storage ${data.key} ${found} elements of ${elementBytes} bytes, its tensors need ${data.byteLength} bytes`,
      );
    data.dataOffset = at + 8;
    at += 8 + data.byteLength;
    if (at > window.byteLength)
      bad(window, `ends inside storage ${data.key}: byte ${at} is needed, ${window.byteLength} are there`);
  }
  const missing = [...storages.values()].find(
    (data) => data.dataOffset === undefined && data.problem === undefined,
  );
  if (missing !== undefined) bad(window, `lacks storage ${missing.key} (truncated save?)`);
}

/** Reads 8-byte counts in rising order through one block: many small storages need few reads. */
class CountReader {
  private block: Uint8Array = new Uint8Array(0);
  private start = 0;
  private readonly window: SourceWindow;
  private readonly signal: AbortSignal | undefined;

  constructor(window: SourceWindow, signal: AbortSignal | undefined) {
    this.window = window;
    this.signal = signal;
  }

  async read(at: number): Promise<bigint> {
    if (at + 8 > this.window.byteLength) bad(this.window, `ends before a storage's count at byte ${at}`);
    if (at < this.start || at + 8 > this.start + this.block.byteLength) {
      this.block = await this.window.bytes(at, Math.min(4096, this.window.byteLength - at), this.signal);
      this.start = at;
    }
    return new DataView(this.block.buffer).getBigInt64(at - this.start, true);
  }
}

function bad(window: SourceWindow, complaint: string): never {
  throw new FormatError("TENON_TORCH_LEGACY", `torch: legacy file ${complaint} (${window.path})`, {
    details: { path: window.path },
  });
}
