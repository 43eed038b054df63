import { memoryTree } from "../../src/bytes/index.ts";
import { openTorch, tensorsIn } from "../../src/formats/index.ts";
import { archive, archiveMembers, f32, type Member, storage, tensor } from "../formats/torch/archive.ts";
import { type Code, record } from "../pickle/assemble.ts";

/** Storage "0" of every archive here: four float32. */
export const weightBytes: Uint8Array = f32(1, 2, 3, 4);
/** A sound tensor on it. */
export const weight: Code = tensor({ storage: storage("FloatStorage", "0", 4), size: [4], stride: [1] });
/** Members of a sound archive. */
export const sound: readonly Member[] = archiveMembers({
  object: record({ w: weight }),
  storages: { "0": weightBytes },
});

/** The sound archive's members with one of them changed. */
export function changed(name: string, change: Partial<Member>): Member[] {
  return sound.map((member) => (member.name === name ? { ...member, ...change } : member));
}

/** Opens a file as torch.save's and reads every tensor of it, as a victim would. */
export async function openBytes(bytes: Uint8Array): Promise<void> {
  const source = await memoryTree(new Map([["model.pt", bytes]])).open("model.pt");
  const { object } = await openTorch(source);
  for (const [, each] of tensorsIn(object, { file: "model.pt" }))
    await each.read(0, new Uint8Array(each.byteLength));
}

/** As {@link openBytes}, an archive whose data.pkl holds `object`. */
export function openArchiveOf(object: Code): Promise<void> {
  return openBytes(archive({ object, storages: { "0": weightBytes } }));
}
