// Which save of a directory is read: DeepSpeed keeps one folder a save, called a tag, and `latest` names one of them.
import { readDocument, type SourceTree } from "../../bytes/index.ts";
import { type FileEntry, FormatError } from "../../core/index.ts";
import { zeroTagFolders } from "../distributed-names.ts";
import { textOf } from "../documents.ts";
import { latestBytesLimit } from "./limits.ts";
import { type TagFile, tagFileOf } from "./wire.ts";

/** One save. */
export interface TagPlace {
  /** The folder's name; "" when the source itself is the folder. */
  readonly tag: string;
  /** What stands before a file's name: "" or `<tag>/`. */
  readonly directory: string;
  readonly files: readonly TagFile[];
}

/** The saves of a source that may be read, the one to be tried first standing first. */
export interface TagChoice {
  readonly places: readonly TagPlace[];
  /** Tags that are not tried, each with the reason. */
  readonly passedOver: readonly { readonly tag: string; readonly reason: string }[];
}

/**
 * `latest` decides where there is one: DeepSpeed writes it when everything else is written. Otherwise the saves are tried
 * from the one with the largest number on.
 * @throws FormatError TENON_ZERO_LATEST_DANGLING
 */
export async function findTags(tree: SourceTree, listed: readonly FileEntry[]): Promise<TagChoice> {
  const paths = listed.map(({ path }) => path);
  const here = placeIn(paths, "");
  if (here.files.some(({ kind }) => kind === "model" || kind === "optimizer"))
    return { places: [here], passedOver: [] };
  const tags = [...zeroTagFolders(paths)].sort(newestFirst);
  if (!paths.includes("latest")) return { places: tags.map((tag) => placeIn(paths, tag)), passedOver: [] };
  const latest = textOf(await readDocument(tree, "latest", latestBytesLimit), "latest").trim();
  if (!tags.includes(latest)) {
    const message = `zero: latest names ${JSON.stringify(latest)}, which is no folder with a save here; tags: ${tags.join(", ")} (latest)`;
    throw new FormatError("TENON_ZERO_LATEST_DANGLING", message, {
      details: { latest, tags },
      hint: "Point at the folder of the save that you mean.",
    });
  }
  const place = placeIn(paths, latest);
  const newer = new Set(tags.slice(0, tags.indexOf(latest)));
  const passedOver = tags
    .filter((tag) => tag !== latest)
    .map((tag) => ({
      tag,
      reason: newer.has(tag) ? newerReason(placeIn(paths, tag), place) : `latest names ${latest}`,
    }));
  return { places: [place], passedOver };
}

/** `latest` is written when a save is whole, so a newer one is none, or somebody has set `latest` back. */
function newerReason({ files }: TagPlace, { tag, files: whole }: TagPlace): string {
  const here = new Set(files.map(({ path }) => path));
  const lacking = whole.map(({ path }) => path).filter((path) => !here.has(path));
  const [first, ...more] = lacking;
  if (first === undefined) return `newer and with every file that ${tag} has, but latest names ${tag}`;
  const others = more.length > 0 ? ` and ${more.length} more files` : "";
  return `newer, but without ${first}${others}, and latest names ${tag}`;
}

function placeIn(paths: readonly string[], tag: string): TagPlace {
  const directory = tag === "" ? "" : `${tag}/`;
  const files = paths
    .filter((path) => path.startsWith(directory))
    .map((path) => tagFileOf(path.slice(directory.length)))
    .filter((file) => file !== undefined);
  return { tag, directory, files };
}

function newestFirst(one: string, other: string): number {
  const number = (tag: string): number => Number(/(\d+)$/.exec(tag)?.[1] ?? -1);
  return number(other) - number(one) || (one < other ? 1 : -1);
}
