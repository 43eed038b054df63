import type { Draft, OutputFile } from "../../core/index.ts";
import type { ArrangeOptions } from "../layout.ts";
import { liveModel, refusePartialBase } from "../live-model.ts";
import { modelDocuments } from "../model-documents.ts";
import { distinctNames } from "../wrapped-names.ts";

/** Not `model.safetensors`, which would make a transformers directory of it. */
const fileName = "state_dict.safetensors";

/**
 * One file with the names that `model.state_dict()` of a live PeftModel has, and beside it what the names do not say:
 * config.json and adapter_config.json (that of an adapter not called `default` in a folder of its name).
 * Without adapters the names are the base model's own. As a file for torch.load it is the tensors alone, with tied weights
 * under both of their names.
 * @throws PlanError TENON_LAYOUT_NEEDS_WHOLE_BASE for part of a base, TENON_LAYOUT_SAME_NAME
 */
export function arrangeStateDict(draft: Draft, options: ArrangeOptions = {}): readonly OutputFile[] {
  refusePartialBase("state-dict", draft);
  const { entries, aliases } = liveModel(draft);
  if (options.isTorchFile === true)
    return [
      {
        kind: "tensors",
        path: "state_dict.pt",
        format: "torch",
        entries: distinctNames("state-dict", entries),
        metadata: {},
        aliases,
      },
    ];
  return [
    {
      kind: "tensors",
      path: fileName,
      format: "safetensors",
      entries: distinctNames("state-dict", entries),
      metadata: { format: "pt" },
    },
    ...modelDocuments(draft),
  ];
}
