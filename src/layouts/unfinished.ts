// What each trainer writes last: without it a save was interrupted, whatever else is there.
import { isZeroFile } from "./distributed-names.ts";

/**
 * What ends a save, by its writer. Sources: transformers 5.18 `Trainer._save_checkpoint` (model, optimizer, random states,
 * then this file); accelerate 1.15 `save_accelerator_state` (random states of a process after everything else).
 */
const endings = [
  { name: "trainer_state.json", writer: "the Trainer" },
  { name: "random_states_0.pkl", writer: "accelerate" },
] as const;

type Ending = (typeof endings)[number];

/**
 * Why the save in a folder cannot have ended; undefined where names show nothing of the kind. DCP's `.metadata` is not listed,
 * because of its dot: the reader asks for it.
 * @param paths relative to the folder
 * @param isOfRun whether another folder of the run has a file of this name
 */
export function unfinishedReason(
  paths: readonly string[],
  isOfRun: (name: string) => boolean,
): string | undefined {
  if (endings.some(({ name }) => paths.includes(name))) return undefined;
  const [trainer, accelerate] = endings;
  if (paths.some((path) => trainerFile.test(path))) return lacks(trainer);
  if (paths.some((path) => accelerateFile.test(path))) return lacks(accelerate);
  const tags = new Set(paths.filter(isInTag).map((path) => path.slice(0, path.indexOf("/"))));
  if (tags.size > 0 && !paths.includes("latest"))
    return `latest is missing, which DeepSpeed writes when ${[...tags].join(", ")} is whole`;
  const usual = tags.size > 0 ? undefined : endings.find(({ name }) => isOfRun(name));
  return usual && lacks(usual);
}

function lacks({ name, writer }: Ending): string {
  return `${name} is missing, which ${writer} writes last`;
}

const trainerFile = /^(?:optimizer\.pt|scheduler\.pt|rng_state(?:_\d+)?\.pth|training_args\.bin)$/;
const accelerateFile =
  /^(?:(?:optimizer|scheduler|sampler)(?:_\d+)?\.bin|optimizer_\d+\/.+|pytorch_model_fsdp.*)$/;

function isInTag(path: string): boolean {
  const [folder = "", name = "", ...more] = path.split("/");
  return folder !== "" && more.length === 0 && isZeroFile(name);
}
