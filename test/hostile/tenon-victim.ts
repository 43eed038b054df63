import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { tenonOn } from "../../src/verbs/index.ts";
import { inlineHost } from "../verbs/tenon.ts";
import { alone, lay, model, stateDict } from "./victim.ts";

const tenon = tenonOn(inlineHost);

// biome-ignore lint/suspicious/noExplicitAny: an attacker writes what no schema allows.
type Manifest = any;

/** A tenon checkpoint in `source/`, with what the attack makes of its tenon.json. */
export async function whole(
  root: string,
  change: (manifest: Manifest) => unknown,
): Promise<{ readonly source: string }> {
  const hybrid = await lay(join(root, "hybrid"), stateDict("default"));
  const source = join(root, "source");
  await tenon.split(hybrid, { output: source });
  await edit(join(source, "tenon.json"), change);
  return { source };
}

/** The same, of which only what differs from the model in `base/` is stored. */
export async function delta(
  root: string,
  change: (manifest: Manifest) => unknown,
): Promise<{ readonly source: string }> {
  const hybrid = await lay(join(root, "hybrid"), stateDict("default"));
  const base = await lay(join(root, "base"), model());
  const source = join(root, "source");
  await tenon.split(hybrid, { output: source, base });
  await edit(join(source, "tenon.json"), change);
  return { source };
}

/** A merged model in `source/`, with what the attack makes of its certificate.json. */
export async function certified(
  root: string,
  change: (certificate: Manifest) => unknown,
): Promise<{ readonly source: string }> {
  const { source: hybrid } = await alone(join(root, "hybrid"), stateDict("default"));
  const source = join(root, "source");
  await tenon.merge(hybrid, { output: source });
  await edit(join(source, "certificate.json"), change);
  return { source };
}

/** `change` edits the document in place, or returns another one, or text. */
async function edit(path: string, change: (document: Manifest) => unknown): Promise<void> {
  const document: Manifest = JSON.parse(await readFile(path, "utf8"));
  const changed = change(document) ?? document;
  await writeFile(path, typeof changed === "string" ? changed : JSON.stringify(changed));
}
