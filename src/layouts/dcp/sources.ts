import type { ByteSource } from "../../bytes/index.ts";
import { FormatError, safeRelativePath } from "../../core/index.ts";
import type { CheckpointFiles } from "../checkpoint-files.ts";
import type { Metadata } from "./metadata.ts";
import type { Place } from "./place.ts";

/** The data files of one DCP folder, each opened when it is first read. */
export class ItemFiles {
  readonly #files: CheckpointFiles;
  readonly #folder: string;
  readonly #opened = new Map<string, Promise<ByteSource>>();

  /** @param folder with a slash at its end; "" for the checkpoint itself */
  constructor(files: CheckpointFiles, folder: string) {
    this.#files = files;
    this.#folder = folder;
  }

  readonly open = (file: string, signal?: AbortSignal): Promise<ByteSource> => {
    const known = this.#opened.get(file);
    if (known !== undefined) return known;
    const opening = this.#files.source(this.#folder + file, signal);
    this.#opened.set(file, opening);
    return opening;
  };

  /**
   * Compares the places of all items with the files that are there, without opening any.
   * @returns names of the items that cannot be read, where damage is stepped over
   * @throws FormatError TENON_DCP_FILE_MISSING, TENON_DCP_FILE_SHORT, TENON_DCP_OVERLAP, TENON_PATH_UNSAFE
   */
  async check(metadata: Metadata, path: string): Promise<ReadonlySet<string>> {
    const lost = new Set<string>();
    for (const [file, items] of itemsByFile(metadata)) {
      const found = await this.#files.tree.find(this.#folder + safeRelativePath(file, path));
      const size = found?.byteLength ?? 0;
      const beyond = items.filter(({ byteOffset, byteLength }) => byteOffset + byteLength > size);
      for (const { name } of beyond) lost.add(name);
      if (beyond.length > 0) this.#complain(file, found?.byteLength, beyond, path);
      checkOverlap(items, file, path);
    }
    return lost;
  }

  #complain(file: string, size: number | undefined, beyond: readonly Item[], path: string): void {
    const names = [...new Set(beyond.map(({ name }) => name))];
    const end = Math.max(...beyond.map(({ byteOffset, byteLength }) => byteOffset + byteLength));
    const details = {
      file,
      items: beyond.length,
      path,
      ...(size !== undefined && { byteLength: size, end }),
    };
    const error =
      size === undefined
        ? new FormatError(
            "TENON_DCP_FILE_MISSING",
            `dcp: ${JSON.stringify(file)} is not there, and ${beyond.length} items lie in it (${path})`,
            { details, hint: "Copy the files of every rank: each node may have kept its own on its disk." },
          )
        : new FormatError(
            "TENON_DCP_FILE_SHORT",
            `dcp: ${JSON.stringify(file)} has ${size} bytes, items in it end at ${end} (${path})`,
            { details, hint: "Copy the file again: it was cut short." },
          );
    this.#files.notices.damage(error, names);
  }
}

interface Item extends Place {
  readonly name: string;
}

function itemsByFile({ tensors, objects }: Metadata): Map<string, Item[]> {
  const byFile = new Map<string, Item[]>();
  const add = (name: string, place: Place): void => {
    const items = byFile.get(place.file);
    const item = { ...place, name };
    if (items === undefined) byFile.set(place.file, [item]);
    else items.push(item);
  };
  for (const [name, { chunks }] of tensors) for (const { place } of chunks) add(name, place);
  for (const [name, place] of objects) add(name, place);
  return byFile;
}

function checkOverlap(items: readonly Item[], file: string, path: string): void {
  const ordered = [...items].sort((a, b) => a.byteOffset - b.byteOffset);
  for (const [at, item] of ordered.entries()) {
    const next = ordered[at + 1];
    if (next === undefined || item.byteOffset + item.byteLength <= next.byteOffset) continue;
    const message = `dcp: ${JSON.stringify(item.name)} and ${JSON.stringify(next.name)} share bytes of ${file} (${path})`;
    throw new FormatError("TENON_DCP_OVERLAP", message, {
      details: { names: [item.name, next.name], file, path },
      hint: "The file is damaged or was put together by hand: save the checkpoint again.",
    });
  }
}
