import type { FuzzTarget } from "../target.ts";
import { directoryTarget } from "./directory.ts";
import { dcpTarget, universalTarget, zeroTarget } from "./distributed.ts";
import { certificateTarget, indexTarget, manifestTarget } from "./documents.ts";
import { jsonTarget } from "./json.ts";
import { loraConfigTarget } from "./lora-config.ts";
import { pickleTarget } from "./pickle.ts";
import { safetensorsTarget } from "./safetensors.ts";
import { torchLegacyTarget, torchZipTarget } from "./torch.ts";
import { torchWriterTarget } from "./torch-writer.ts";

/** Every parser of untrusted bytes or text, and the verbs on whole directories. One added here is fuzzed by `npm run fuzz` and replayed by the tests. */
export const targets: readonly FuzzTarget[] = [
  jsonTarget,
  safetensorsTarget,
  pickleTarget,
  torchZipTarget,
  torchLegacyTarget,
  loraConfigTarget,
  indexTarget,
  manifestTarget,
  certificateTarget,
  directoryTarget,
  torchWriterTarget,
  zeroTarget,
  universalTarget,
  dcpTarget,
];
