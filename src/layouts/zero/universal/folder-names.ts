import { isTenonError, PlanError, safeFileName } from "../../../core/index.ts";

/** A parameter's name is a folder's. @throws PlanError TENON_UNIVERSAL_FOLDER_NAME */
export function refuseFolders(names: readonly string[]): void {
  const seen = new Map<string, string>();
  for (const name of names) {
    if (!isFolder(name)) throw refusal(`${JSON.stringify(name)} cannot be the name of a folder`, [name]);
    // Some file systems fold case and the composition of letters.
    const folded = name.normalize("NFC").toLowerCase();
    const other = seen.get(folded);
    if (other !== undefined) {
      const what = `${JSON.stringify(other)} and ${JSON.stringify(name)} would be one folder where case does not count`;
      throw refusal(what, [other, name]);
    }
    seen.set(folded, name);
  }
}

function isFolder(name: string): boolean {
  try {
    return safeFileName(name, "the model") === name;
  } catch (error) {
    if (isTenonError(error)) return false;
    throw error;
  }
}

function refusal(what: string, names: readonly string[]): PlanError {
  return new PlanError("TENON_UNIVERSAL_FOLDER_NAME", `universal: ${what}`, {
    details: { names },
    hint: "Rename the adapter or the parameter, or write the layout tenon or dcp.",
  });
}
