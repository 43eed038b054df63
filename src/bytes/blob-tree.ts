import { ResourceError } from "../core/index.ts";
import { type MappedFile, MappedTree } from "./mapped-tree.ts";
import { pastEnd } from "./range.ts";
import type { ByteSource, SourceTree } from "./source.ts";

/** A blob under a relative path of the caller's choice. */
export interface NamedBlob {
  readonly path: string;
  readonly blob: Blob;
}

export interface BlobTreeOptions {
  /** Names the tree in messages and ids; trees that are used together need different ones. Default: `dropped:<n>`. */
  readonly location?: string;
}

let count = 0;

/**
 * Files that a person dropped on or chose in a page: a FileList, an array of Files, or blobs with paths. The directory that
 * `<input webkitdirectory>` puts before every path is taken off. One File without a directory is a single-file tree.
 * @throws FormatError TENON_PATH_UNSAFE, UsageError TENON_SOURCE_NAME_TWICE
 */
export function blobTree(
  files: Iterable<File | NamedBlob>,
  options: BlobTreeOptions = {},
): SourceTree & AsyncDisposable {
  const all = [...files];
  const named = all.map(toNamed);
  const first = all[0];
  const isSingleFile =
    all.length === 1 && first instanceof Blob && !(named[0] as NamedBlob).path.includes("/");
  const paths = withoutCommonDirectory(all, named);
  const location = options.location ?? `dropped:${++count}`;
  return new MappedTree(
    location,
    isSingleFile,
    paths.map(({ path, blob }) => [path, mapped(blob)]),
  );
}

function toNamed(file: File | NamedBlob): NamedBlob {
  if (!(file instanceof Blob)) return file;
  return { path: file.webkitRelativePath || file.name, blob: file };
}

/** Only what the browser put there is taken off: paths that the caller chose stay as they are. */
function withoutCommonDirectory(
  files: readonly (File | NamedBlob)[],
  named: readonly NamedBlob[],
): readonly NamedBlob[] {
  const directory = named[0]?.path.split("/", 1)[0];
  const isCommon = named.every(({ path }) => path.startsWith(`${directory}/`));
  if (!isCommon || !files.every((file) => file instanceof Blob)) return named;
  return named.map(({ path, blob }) => ({ path: path.slice(`${directory}/`.length), blob }));
}

function mapped(blob: Blob): MappedFile {
  return {
    byteLength: blob.size,
    async read(byteOffset: number, into: Uint8Array, source: ByteSource): Promise<void> {
      let bytes: ArrayBuffer;
      try {
        bytes = await blob.slice(byteOffset, byteOffset + into.length).arrayBuffer();
      } catch (cause) {
        // Browsers refuse to read a File that changed on the disk after it was chosen.
        throw new ResourceError(
          "TENON_BYTES_READ",
          `read: the browser cannot read the file (${source.path})`,
          {
            cause,
            details: { path: source.path },
            hint: "Choose the files again: they may have changed since.",
          },
        );
      }
      if (bytes.byteLength !== into.length) {
        throw pastEnd(source.path, byteOffset, into.length, byteOffset + bytes.byteLength);
      }
      into.set(new Uint8Array(bytes));
    },
  };
}
