import { canonicalName } from "../adapters/index.ts";
import type { AdapterComponent, AdapterModule, Entry, Role, Tensor } from "../core/index.ts";
import type { Components } from "./drops.ts";

/** The master of an adapter's tensor, by canonical name; undefined where there is none. */
export type FindMaster = (name: string, tensor: Tensor) => Tensor | undefined;

/** An adapter with masters in the place of the tensors that they stand for; the rest stays. */
export function adapterWithMasters(adapter: AdapterComponent, find: FindMaster): AdapterComponent {
  const masters = new Map<string, Tensor>();
  for (const { entry, name } of namedEntries(adapter)) {
    const master = find(name, entry.tensor);
    if (master !== undefined) masters.set(entry.tensor.id, master);
  }
  if (masters.size === 0) return adapter;
  const put = (tensor: Tensor): Tensor => masters.get(tensor.id) ?? tensor;
  return {
    ...adapter,
    modules: new Map([...adapter.modules].map(([key, module]) => [key, moduleWith(module, put)])),
    replacements: adapter.replacements.map((each) => ({ ...each, tensor: put(each.tensor) })),
    tokenDeltas: new Map([...adapter.tokenDeltas].map(([path, tensor]) => [path, put(tensor)])),
    entries: adapter.entries.map((each) => ({ ...each, tensor: put(each.tensor) })),
  };
}

/** Canonical names of the tensors of a checkpoint's adapters, chosen or not. */
export function namesOfAdapters({ adapters }: Components): ReadonlySet<string> {
  return new Set([...adapters.values()].flatMap((adapter) => namedEntries(adapter).map(({ name }) => name)));
}

/** Modules to save go by their plain name on disk, and by their adapter's in a live model. */
function namedEntries(adapter: AdapterComponent): { readonly entry: Entry; readonly name: string }[] {
  const saved = new Set(
    adapter.replacements.filter(({ kind }) => kind === "modulesToSave").map(({ tensor }) => tensor.id),
  );
  return adapter.entries.map((entry) => {
    const role: Role = saved.has(entry.tensor.id) ? "modulesToSave" : entry.meaning.role;
    return { entry, name: canonicalName({ ...entry.meaning, role, adapter: adapter.name }) };
  });
}

function moduleWith(
  { path, nesting, ...tensors }: AdapterModule,
  put: (tensor: Tensor) => Tensor,
): AdapterModule {
  const replaced = Object.entries(tensors).map(([slot, tensor]) => [slot, put(tensor)] as const);
  return { path, nesting, ...Object.fromEntries(replaced) };
}
