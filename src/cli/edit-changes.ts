// Changes of an edit, as flags spell them.
import { readFile } from "node:fs/promises";
import {
  isTenonError,
  type Json,
  type JsonRecord,
  parseJson,
  parseJsonRecord,
  UsageError,
} from "../core/index.ts";
import type { EditChanges } from "../verbs/index.ts";
import type { Call } from "./command.ts";

type Options = Call["options"];

/** @throws UsageError TENON_OPTION_VALUE, TENON_OPTION_MISSING, TENON_OPTION_FILE; FormatError for a bad config */
export async function editChanges({ options }: Call): Promise<EditChanges> {
  const { freeze, unfreeze, group, move, set, seed, truncate } = options;
  const added = await addedAdapter(options);
  return {
    ...(freeze && { freeze }),
    ...(unfreeze && { unfreeze }),
    ...(group !== undefined && { paramGroup: wholeNumber(group, "group", group) }),
    ...(options["remove-adapter"] && { removeAdapters: options["remove-adapter"] }),
    ...(added && { addAdapters: [added] }),
    ...(options["lora-rank"] && { loraRanks: options["lora-rank"].map(loraRank) }),
    ...(truncate && { truncate }),
    ...(seed !== undefined && { seed: wholeNumber(seed, "seed", seed) }),
    ...(move && { moves: move.map(moveOf) }),
    ...(set && { settings: set.map(settingOf) }),
    ...(options["new-group"] && { newGroups: options["new-group"].map(newGroup) }),
  };
}

async function addedAdapter(
  options: Options,
): Promise<NonNullable<EditChanges["addAdapters"]>[number] | undefined> {
  const { like } = options;
  const name = options["add-adapter"];
  if (name === undefined && like === undefined) return undefined;
  if (name === undefined || like === undefined) {
    const missing = name === undefined ? "add-adapter" : "like";
    throw new UsageError("TENON_OPTION_MISSING", `edit: --${missing} is missing`, {
      details: { verb: "edit", option: missing },
      hint: "--add-adapter NAME goes with --like OTHER or --like FILE.json.",
    });
  }
  return { name, like: like.endsWith(".json") ? await readConfig(like) : like };
}

async function readConfig(file: string): Promise<JsonRecord> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    const { code = "cannot be read" } = cause as NodeJS.ErrnoException;
    throw new UsageError("TENON_OPTION_FILE", `--like: ${code} (${file})`, {
      details: { option: "like", path: file, found: code },
      hint: "Give an adapter that is there, or the path of an adapter_config.json.",
      cause,
    });
  }
  return parseJsonRecord(text, { file });
}

/** `NAME=R`; the last `=` counts. */
function loraRank(text: string): { readonly adapter: string; readonly loraRank: number } {
  const [adapter, rank] = halves(text, "lora-rank", "NAME=R");
  return { adapter, loraRank: wholeNumber(rank, "lora-rank", text) };
}

function moveOf(text: string): { readonly pattern: string; readonly paramGroup: number } {
  const [pattern, group] = halves(text, "move", "PATTERN=N");
  return { pattern, paramGroup: wholeNumber(group, "move", text) };
}

function settingOf(text: string): {
  readonly paramGroup: number;
  readonly key: string;
  readonly value: Json;
} {
  const [, group = "", key = "", value = ""] = /^(\d+):([^=]+)=(.+)$/.exec(text) ?? [];
  if (key === "") throw badValue("set", text, "N:KEY=VALUE, such as 0:lr=1e-4");
  return { paramGroup: Number(group), key, value: jsonOf(value, "set", text) };
}

/** `lr=1e-4,betas=[0.9,0.95]`: commas inside brackets do not separate. */
function newGroup(text: string): JsonRecord {
  const settings = Object.create(null) as Record<string, Json>;
  for (const part of text.split(/,(?![^[]*\])/)) {
    const [, key = "", value = ""] = /^([^=]+)=(.+)$/.exec(part) ?? [];
    if (key === "" || Object.hasOwn(settings, key))
      throw badValue("new-group", text, "KEY=VALUE,…, each key once, such as lr=1e-4,weight_decay=0");
    settings[key] = jsonOf(value, "new-group", text);
  }
  return settings;
}

/** A value as JSON has it; an exponent may stand without a point, as in Python. */
function jsonOf(value: string, flag: string, text: string): Json {
  try {
    return parseJson(value, { file: `--${flag}` });
  } catch (error) {
    if (!isTenonError(error)) throw error;
    throw badValue(flag, text, "a value as JSON spells it: 1e-4, true, [0.9,0.95]");
  }
}

function halves(text: string, flag: string, allowed: string): [string, string] {
  const at = text.lastIndexOf("=");
  if (at < 1) throw badValue(flag, text, allowed);
  return [text.slice(0, at), text.slice(at + 1)];
}

function wholeNumber(text: string, flag: string, whole: string): number {
  if (!/^\d{1,15}$/.test(text)) throw badValue(flag, whole, "a whole number of 0 or more");
  return Number(text);
}

function badValue(flag: string, found: string, allowed: string): UsageError {
  const message = `--${flag}: ${JSON.stringify(found)} is not allowed; it takes ${allowed}`;
  return new UsageError("TENON_OPTION_VALUE", message, { details: { option: flag, found, allowed } });
}
