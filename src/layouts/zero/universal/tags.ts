// Which of several universal folders of a directory is read.
import { readDocument } from "../../../bytes/index.ts";
import type { CheckpointFiles } from "../../checkpoint-files.ts";
import { textOf } from "../../documents.ts";
import { latestBytesLimit } from "../limits.ts";
import { refusal } from "./refusals.ts";
import { latestName, modelRanks, optimizerFile } from "./wire.ts";

interface Skipped {
  readonly tag: string;
  readonly reason: string;
}

interface Choice {
  readonly tag: string;
  readonly skipped: readonly Skipped[];
}

const hint = "Point at the folder that you mean.";

/** Folders of a source that hold parameters; "" for the source itself. */
export function universalFolders(paths: readonly string[]): readonly string[] {
  const found = paths.map((path) => /^(?:([^/]+)\/)?zero\/[^/]+\/fp32\.pt$/.exec(path));
  return [...new Set(found.flatMap((match) => (match === null ? [] : [match[1] ?? ""])))];
}

/**
 * The source itself; else the folder that `latest_universal` names, which the converter writes last; else the newest by its
 * number whose files are all there by their names. What is passed over is observed.
 * @throws FormatError TENON_UNIVERSAL_LATEST
 */
export async function universalTag(files: CheckpointFiles, paths: readonly string[]): Promise<string> {
  const folders = universalFolders(paths);
  if (folders.includes("")) return "";
  const { tag, skipped } = paths.includes(latestName)
    ? await namedByLatest(files, folders)
    : newest(folders, paths, files.tree.location);
  if (skipped.length > 0)
    files.notices.note({
      code: "TENON_ZERO_TAGS_PASSED_OVER",
      names: skipped.map((other) => other.tag),
      facts: { read: tag, reasons: skipped.map((other) => `${other.tag}: ${other.reason}`) },
    });
  return tag;
}

async function namedByLatest({ tree }: CheckpointFiles, folders: readonly string[]): Promise<Choice> {
  const latest = textOf(await readDocument(tree, latestName, latestBytesLimit), latestName).trim();
  if (!folders.includes(latest)) {
    const what = `${latestName} names ${JSON.stringify(latest)}, which is no folder with parameters here; there are: ${folders.join(", ")}`;
    throw refusal("TENON_UNIVERSAL_LATEST", what, latestName, { latest, folders }, hint);
  }
  const reason = `${latestName} names ${latest}`;
  return { tag: latest, skipped: folders.filter((tag) => tag !== latest).map((tag) => ({ tag, reason })) };
}

function newest(folders: readonly string[], paths: readonly string[], location: string): Choice {
  const steps = folders.map((tag) => ({ tag, match: /^(.*?)(\d+)(\D*)$/.exec(tag) }));
  const series = new Set(steps.map(({ tag, match }) => (match === null ? tag : `${match[1]}#${match[3]}`)));
  if (series.size > 1) {
    const what = `${folders.join(", ")} all hold parameters, and no ${latestName} says which one counts`;
    throw refusal("TENON_UNIVERSAL_LATEST", what, location, { folders }, hint);
  }
  const ordered = steps.sort((one, other) => Number(other.match?.[2]) - Number(one.match?.[2]));
  const lacking = ordered.map(({ tag }) => ({ tag, reason: lackingIn(tag, paths) }));
  const at = Math.max(
    0,
    lacking.findIndex(({ reason }) => reason === undefined),
  );
  const tag = lacking[at]?.tag ?? "";
  const skipped = lacking
    .map((each, index) => ({ tag: each.tag, reason: each.reason ?? `${tag} is newer`, index }))
    .filter(({ index }) => index !== at);
  return { tag, skipped: skipped.map(({ index: _, ...rest }) => rest) };
}

/** What a folder lacks by the names in it. */
function lackingIn(tag: string, paths: readonly string[]): string | undefined {
  const own = paths.filter((path) => path.startsWith(`${tag}/`)).map((path) => path.slice(tag.length + 1));
  if (own.some((path) => path.startsWith("tmp/"))) return "the converter's own tmp folder is still here";
  if (!own.includes(optimizerFile)) return `${optimizerFile} is missing`;
  return own.some((path) => modelRanks(path) !== undefined) ? undefined : "no *_model_states.pt is in it";
}
