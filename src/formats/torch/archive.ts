// torch.save since 1.6: a zip archive with one folder, which holds data.pkl and one member a storage.
import { FormatError, UnsupportedError } from "../../core/index.ts";
import { unpickle } from "../../pickle/index.ts";
import type { TorchContent } from "./content.ts";
import { headerReadsAtOnce, pickleBytesLimit, textMemberBytesLimit } from "./limits.ts";
import { persistentLoader, type StorageFinder } from "./persistent.ts";
import { tensorConstructors } from "./rebuild.ts";
import type { StorageData } from "./storage.ts";
import type { TorchFileContext } from "./tensor.ts";
import type { SourceWindow } from "./window.ts";
import { archiveVersionLimit } from "./wire.ts";
import { readZipDirectory, type ZipEntry } from "./zip-directory.ts";
import { locateMember, readMember } from "./zip-member.ts";

type Members = ReadonlyMap<string, ZipEntry>;

/** Reads the structure of a zip archive: the directory, data.pkl, and small members. No storage is read. */
export async function openArchive(window: SourceWindow, signal?: AbortSignal): Promise<TorchContent> {
  const members = await readZipDirectory(window, signal);
  const folder = archiveFolder(window, members);
  await checkVersions(window, members, folder, signal);
  const isBigEndian = await readByteOrder(window, members, folder, signal);
  const entry = members.get(`${folder}/data.pkl`) as ZipEntry;
  if (entry.byteLength > pickleBytesLimit) {
    const message = `torch: data.pkl has ${entry.byteLength} bytes; at most ${pickleBytesLimit} are read (${window.path})`;
    throw new FormatError("TENON_TORCH_PICKLE_TOO_LARGE", message, {
      details: { byteLength: entry.byteLength, limit: pickleBytesLimit, path: window.path },
    });
  }
  const bytes = await readMember(window, entry, signal);
  const context: TorchFileContext = { window, isBigEndian };
  const storages = new Map<string, StorageData>();
  const { value, globals } = unpickle(bytes, {
    file: `data.pkl of ${window.path}`,
    constructors: tensorConstructors(context),
    persistentLoad: persistentLoader(finder(window, members, folder, storages), window.path, 5),
  });
  if (window.source.localPath !== undefined) await locateAll([...storages.values()], signal);
  return { object: value, globals };
}

/** The top folder: the file's stem as it was saved, or `archive`. */
function archiveFolder(window: SourceWindow, members: Members): string {
  const pickles = [...members.keys()].filter((name) => /^[^/]+\/data\.pkl$/.test(name));
  const [only] = pickles;
  if (only === undefined || pickles.length > 1) {
    const message = `torch: not a torch.save archive: ${pickles.length} data.pkl members (${window.path})`;
    throw new FormatError("TENON_TORCH_NOT_AN_ARCHIVE", message, {
      details: { members: pickles.length, path: window.path },
    });
  }
  const folder = only.slice(0, only.indexOf("/"));
  // TorchScript keeps compiled code and a second pickle in the same kind of archive.
  if (members.has(`${folder}/constants.pkl`)) {
    const message = `torch: a TorchScript archive, which holds compiled code; save the state dict instead (${window.path})`;
    throw new UnsupportedError("TENON_TORCH_SCRIPT", message, { details: { path: window.path } });
  }
  return folder;
}

async function readText(
  window: SourceWindow,
  members: Members,
  name: string,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const entry = members.get(name);
  if (entry === undefined) return undefined;
  const text =
    entry.byteLength > textMemberBytesLimit
      ? `${entry.byteLength} bytes`
      : String.fromCharCode(...(await readMember(window, entry, signal)));
  return text.trimEnd();
}

async function checkVersions(
  window: SourceWindow,
  members: Members,
  folder: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const version = await readText(window, members, `${folder}/version`, signal);
  const isKnown =
    version === undefined || (/^\d{1,2}$/.test(version) && Number(version) <= archiveVersionLimit);
  const format = await readText(window, members, `${folder}/.format_version`, signal);
  if (isKnown && (format === undefined || format === "1")) return;
  const found = isKnown ? `format version ${JSON.stringify(format)}` : `version ${JSON.stringify(version)}`;
  const message = `torch: ${found}; versions up to ${archiveVersionLimit} and format version 1 are known (${window.path})`;
  throw new UnsupportedError("TENON_TORCH_VERSION", message, { details: { found, path: window.path } });
}

/** Missing means little: files from before torch 2.1 have no such member. */
async function readByteOrder(
  window: SourceWindow,
  members: Members,
  folder: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const order = await readText(window, members, `${folder}/byteorder`, signal);
  if (order === undefined || order === "little") return false;
  if (order === "big") return true;
  const message = `torch: byte order ${JSON.stringify(order)}; little and big are known (${window.path})`;
  throw new FormatError("TENON_TORCH_BYTE_ORDER", message, { details: { order, path: window.path } });
}

/** Storages by key, made when a persistent id first names them. */
function finder(
  window: SourceWindow,
  members: Members,
  folder: string,
  storages: Map<string, StorageData>,
): StorageFinder {
  return ({ key, byteLength, elementBytes, location }) => {
    const known = storages.get(key);
    if (known !== undefined) return known;
    const entry = members.get(`${folder}/data/${key}`);
    const data: StorageData = {
      key,
      byteLength,
      elementBytes,
      element: undefined,
      problem: undefined,
      dataOffset: undefined,
      locate: async (signal) => {
        if (entry === undefined) throw new Error(`internal: storage ${key} has no member`);
        data.dataOffset ??= await locateMember(window, entry, signal);
        return data.dataOffset;
      },
    };
    if (location === "meta") {
      data.problem = { kind: "meta", complaint: "is on the meta device: its values were never saved" };
    } else if (entry === undefined) {
      const complaint = `needs storage ${key}, which the archive lacks (truncated save?)`;
      data.problem = { kind: "missing", complaint };
    } else if (entry.byteLength !== byteLength) {
      const complaint = `needs storage ${key} with ${byteLength} bytes, the archive has ${entry.byteLength}`;
      data.problem = { kind: "size", complaint };
    }
    storages.set(key, data);
    return data;
  };
}

async function locateAll(storages: readonly StorageData[], signal: AbortSignal | undefined): Promise<void> {
  // Placeholders of ZeRO-3 have no bytes, and there are thousands of them in a file.
  const sound = storages.filter((data) => data.problem === undefined && data.byteLength > 0);
  for (let at = 0; at < sound.length; at += headerReadsAtOnce)
    await Promise.all(sound.slice(at, at + headerReadsAtOnce).map((data) => data.locate(signal)));
}
