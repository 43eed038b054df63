// long: one literal table; a code that stood elsewhere would be missed by docs/reference/findings.md
import type { FindingKind } from "./finding-kind.ts";

type Kinds = Readonly<Record<string, FindingKind>>;

const fix = "tenon doctor SRC --fix -o OUT";
const fixWithBase = "tenon doctor SRC --base BASE --fix -o OUT";
const copyAgain = "Copy or download the file again, whole.";

/** What reading names shows (`adapters`). */
const names: Kinds = {
  TENON_NAMES_BASE_LAYER: {
    severity: "error",
    cause:
      "Base parameters are stored under PEFT's in-memory names, so transformers finds none of the wrapped weights and initialises them at random.",
    remedy: fix,
    fixable: true,
    detects: "D1",
  },
  TENON_NAMES_ADAPTER_NAME_LEFT: {
    severity: "error",
    cause:
      "LoRA names in an adapter file still carry the adapter's name, which PEFT takes off before it saves.",
    remedy: fix,
    fixable: true,
    detects: "D2",
  },
  TENON_NAMES_ADAPTER_NAME_DOUBLED: {
    severity: "error",
    cause: "The adapter's name stands twice in LoRA names, so PEFT loads none of them and only warns.",
    remedy: fix,
    fixable: true,
    detects: "D3",
  },
  TENON_NAMES_PARAMETER_SPELLING: {
    severity: "warning",
    cause: "Magnitudes or embedding factors are spelled as in memory, not as PEFT writes them to disk.",
    remedy: fix,
    fixable: true,
    detects: "D4",
  },
  TENON_NAMES_PREFIX_MISSING: {
    severity: "error",
    cause: "LoRA names lack the prefix `base_model.model.`, so PEFT loads none of them and only warns.",
    remedy: fix,
    fixable: true,
    detects: "D5",
  },
  TENON_NAMES_PREFIX_UNUSUAL: {
    severity: "error",
    cause:
      "The prefix `base_model.model.` is doubled, cut short or stands inside the name, so PEFT loads nothing.",
    remedy: fix,
    fixable: true,
    detects: "D6",
  },
  TENON_NAMES_WRAPPER: {
    severity: "error",
    cause: "Names carry the prefixes of a wrapper that was around the model when its state was saved.",
    remedy: fix,
    fixable: true,
    detects: "D7",
  },
  TENON_NAMES_OUTSIDE_MODEL: {
    severity: "warning",
    cause:
      "Parameters of the module that held the model are stored beside it and belong to no model that transformers knows.",
    remedy: "tenon split SRC -o OUT --drop NAME",
    fixable: false,
    detects: "parameters outside of the wrapped model",
  },
  TENON_NAMES_SEVERAL_MODELS: {
    severity: "error",
    cause: "Several wrapped models are stored together under the attributes of the module that held them.",
    remedy: "Save the state of each model to a file of its own.",
    fixable: false,
    detects: "several wrapped models in one state",
  },
  TENON_NAMES_SAVED_MODULES: {
    severity: "error",
    cause: "Modules of `modules_to_save` are stored twice, as the trained copy and as the frozen original.",
    remedy: fix,
    fixable: true,
    detects: "D8",
  },
  TENON_NAMES_STRAY_BIAS: {
    severity: "note",
    cause: 'PEFT\'s `bias="all"` left biases of both copies of a saved module behind, which nothing reads.',
    remedy: fix,
    fixable: true,
    detects: "D9",
  },
  TENON_NAMES_TOKEN_ADAPTER: {
    severity: "error",
    cause:
      "An embedding is stored inside the wrapper for trainable tokens, so transformers does not find it.",
    remedy: fix,
    fixable: true,
    detects: "D10",
  },
  TENON_NAMES_QUANTISED: {
    severity: "warning",
    cause: "The base is stored quantised, so only the LoRA half can be used exactly.",
    remedy: fix,
    fixable: true,
    detects: "D20",
  },
  TENON_NAMES_FOREIGN: {
    severity: "error",
    cause: "Tensors belong to another adapter type or to another ecosystem, and are not PEFT's LoRA.",
    remedy:
      "Convert it to PEFT's LoRA with the tool that wrote it. An adapter of mlx-lm is read with its adapter_config.json beside it.",
    fixable: false,
    detects: "D22",
  },
  TENON_NAMES_MOVED: {
    severity: "error",
    cause:
      "Names fit the base only after a prefix is put on or taken off, so PEFT would not find their modules.",
    remedy: fixWithBase,
    fixable: true,
    detects: "D6, D19",
  },
  TENON_NAMES_AMBIGUOUS: {
    severity: "error",
    cause: "Names fit the base in several ways, and choosing one would be a guess.",
    remedy: "Save the checkpoint again with the names of one model.",
    fixable: false,
    detects: "D6, D19",
  },
  TENON_NAMES_NOT_IN_BASE: {
    severity: "error",
    cause: "Names correspond to nothing in the base.",
    remedy: "Give the base that it was trained on: --base DIR",
    fixable: false,
    detects: "names that the base lacks",
  },
  TENON_NAMES_SAME_PARAMETER: {
    severity: "error",
    cause: "Several stored names mean the same parameter and hold different tensors.",
    remedy: "Remove the one that is out of date from the checkpoint.",
    fixable: false,
    detects: "one parameter under several names",
  },
};

/** What adapters and their configs show (`adapters`). */
const adapter: Kinds = {
  TENON_ADAPTER_CONFIG_MISSING: {
    severity: "error",
    cause: "LoRA tensors came without adapter_config.json, so their scaling is not known.",
    remedy: "tenon split SRC --adapter-config FILE -o OUT",
    fixable: false,
    detects: "no adapter_config.json",
  },
  TENON_ADAPTER_CONFIG_UNREADABLE: {
    severity: "error",
    cause: "adapter_config.json is of another type, has wrong values, or has patterns that cannot be run.",
    remedy: "tenon split SRC --adapter-config FILE -o OUT",
    fixable: false,
    detects: "adapter_config.json itself",
  },
  TENON_ADAPTER_RANK_MISMATCH: {
    severity: "error",
    cause: "LoRA tensors have another rank than the config says, so PEFT refuses to load them.",
    remedy: fix,
    fixable: true,
    detects: "D15",
  },
  TENON_ADAPTER_RANK_DOUBLED: {
    severity: "error",
    cause:
      "Every LoRA tensor has twice the config's rank: a conversion that doubled alpha too, or a config with the wrong r, and the two scale differently.",
    remedy: "tenon convert SRC --adapter-config FILE --to peft -o OUT",
    fixable: false,
    detects: "D15",
  },
  TENON_ADAPTER_PAIR_INCOMPLETE: {
    severity: "error",
    cause: "One factor of a low-rank pair is missing, and what it held is lost.",
    remedy: "tenon doctor SRC --drop NAME --fix -o OUT",
    fixable: false,
    detects: "D16",
  },
  TENON_ADAPTER_MAGNITUDE_MISSING: {
    severity: "error",
    cause: "The config says DoRA, but a module has no magnitude vector, and what it held is lost.",
    remedy: "Save the adapter again, or train the module's magnitude anew.",
    fixable: false,
    detects: "D16",
  },
  TENON_ADAPTER_SAVED_MODULE_MISSING: {
    severity: "error",
    cause: "`modules_to_save` names a module of which nothing is stored, so PEFT fails to load.",
    remedy: "tenon doctor SRC --drop NAME --fix -o OUT",
    fixable: false,
    detects: "D16",
  },
  TENON_ADAPTER_TARGET_UNMATCHED: {
    severity: "error",
    cause: "LoRA is stored for modules that the config does not target, so PEFT leaves it out in silence.",
    remedy: fix,
    fixable: true,
    detects: "D17",
  },
  TENON_ADAPTER_TARGET_ABSENT: {
    severity: "warning",
    cause: "The config targets modules of which no LoRA is stored, so PEFT puts an untrained one there.",
    remedy: fix,
    fixable: true,
    detects: "D17",
  },
  TENON_ADAPTER_TRANSPOSED: {
    severity: "error",
    cause: "LoRA factors lie the other way round: (in, r) and (r, out) in the place of (r, in) and (out, r).",
    remedy: fix,
    fixable: true,
    detects: "D18",
  },
  TENON_ADAPTER_EXPERT_LAYOUT: {
    severity: "note",
    cause: "The adapter and the base keep their experts in different layouts, fused and one by one.",
    remedy: "tenon merge BASE SRC -o OUT",
    fixable: false,
    detects: "D19",
  },
  TENON_ADAPTER_REWRITES_BASE: {
    severity: "warning",
    cause: "The adapter's initialisation changed the base weights, so the original base alone is not enough.",
    remedy: "tenon merge BASE SRC -o OUT --initial-adapter DIR",
    fixable: false,
    detects: "D23",
  },
  TENON_ADAPTER_STORED_TWICE: {
    severity: "warning",
    cause: "The same adapter lies at the top and in a folder of its name; the one at the top counts.",
    remedy: fix,
    fixable: true,
    detects: "D24",
  },
  TENON_ADAPTER_NAME_SHADOWS: {
    severity: "warning",
    cause: "The adapter's name is also a part of module paths or of `lora_`, and PEFT then loses keys.",
    remedy: "Rename the adapter's folder.",
    fixable: false,
    detects: "an adapter's name inside of other names",
  },
  TENON_ADAPTER_UNKNOWN_KEYS: {
    severity: "note",
    cause: "adapter_config.json has keys that tenon does not know; they are kept as they are.",
    remedy: "Look whether a newer tenon knows them.",
    fixable: false,
    detects: "unknown keys",
  },
  TENON_ADAPTER_TRAINED_BASE: {
    severity: "note",
    cause: "The adapter file carries base parameters that were trained beside LoRA.",
    remedy: "tenon split SRC -o OUT",
    fixable: false,
    detects: "a hybrid in one PEFT directory",
  },
};

/** What the base shows, alone, with its adapter and against the base that was given. */
const base: Kinds = {
  TENON_BASE_LORA_LEFT: {
    severity: "error",
    cause:
      "The base is whole under plain names and LoRA is stored too: only the original base can tell whether it is merged.",
    remedy: "tenon doctor SRC --base BASE",
    fixable: false,
    detects: "D11",
  },
  TENON_BASE_LORA_UNMERGED: {
    severity: "error",
    cause:
      "LoRA lies beside plain weights that equal the original base, so a loader drops it without a word.",
    remedy: fixWithBase,
    fixable: true,
    detects: "D11",
  },
  TENON_MERGED_ALREADY: {
    severity: "error",
    cause: "The weights already hold the adapter, so merging would add it a second time.",
    remedy: fixWithBase,
    fixable: true,
    detects: "D11",
  },
  TENON_MERGED_TWICE: {
    severity: "error",
    cause: "The weights equal the base with the adapter added twice.",
    remedy: "tenon merge BASE ADAPTER -o OUT",
    fixable: false,
    detects: "merged twice",
  },
  TENON_BASE_TRAINED: {
    severity: "note",
    cause: "Base parameters differ from the base that was given: they were trained too.",
    remedy: "tenon split SRC --base BASE -o OUT",
    fixable: false,
    detects: "parameters that moved, by their bits",
  },
  TENON_BASE_LORA_TRAINED: {
    severity: "error",
    cause:
      "LoRA lies beside plain weights that are neither the base nor the base with LoRA merged: it was trained on.",
    remedy: "Ask who saved it whether LoRA was merged; if it was, leave LoRA out: --drop adapters",
    fixable: false,
    detects: "D11",
  },
  TENON_BASE_PARTIAL: {
    severity: "warning",
    cause: "Parameters of the base that was given are not stored, so the source stands on that base.",
    remedy: fixWithBase,
    fixable: true,
    detects: "parameters that only the base has",
  },
  TENON_BASE_WRONG: {
    severity: "error",
    cause: "It was not trained on the base that was given: shapes, names or digests do not fit.",
    remedy: "Give the base that it was trained on: --base DIR",
    fixable: false,
    detects: "shapes and digests of another base",
  },
  TENON_BASE_OTHER_NAME: {
    severity: "note",
    cause: "The config names another base than the one given, whose shapes fit.",
    remedy: "Give the base that the config names, if it is another one: --base DIR",
    fixable: false,
    detects: "`base_model_name_or_path`",
  },
  TENON_EMBEDDING_RESIZED: {
    severity: "warning",
    cause: "An embedding has another number of rows than `vocab_size` says.",
    remedy: fix,
    fixable: true,
    detects: "D13",
  },
  TENON_ADAPTER_EMBEDDING_RESIZED: {
    severity: "warning",
    cause:
      "The adapter carries embeddings with another number of rows than the base has, so PEFT fails to load it.",
    remedy: "tenon merge BASE SRC -o OUT",
    fixable: false,
    detects: "D13",
  },
  TENON_TIE_STORED_TWICE: {
    severity: "note",
    cause: "config.json ties the embeddings, and both are stored; a loader reads one of them.",
    remedy: "Leave it as it is: one of them is read.",
    fixable: false,
    detects: "D14",
  },
  TENON_TIE_BROKEN: {
    severity: "error",
    cause:
      "config.json ties the embeddings, but two different ones are stored, and a loader drops one of them.",
    remedy: fix,
    fixable: true,
    detects: "D14",
  },
};

/** What the bytes show. */
const data: Kinds = {
  TENON_CHECKPOINT_EMPTY: {
    severity: "error",
    cause: "The source holds neither base nor adapters, optimizer or trainer state.",
    remedy: "Point at the directory or file that holds the weights.",
    fixable: false,
    detects: "an optimizer's file alone, a file without tensors",
  },
  TENON_TENSOR_EMPTY: {
    severity: "error",
    cause: "Tensors have no elements, as ZeRO-3 leaves them when a model is saved without gathering.",
    remedy: "Point at the run's global_step folder, which has the weights, or save again with them gathered.",
    fixable: false,
    detects: "D12",
  },
  TENON_TENSOR_NAN: {
    severity: "error",
    cause: "Tensors hold NaN, which spreads to everything that is computed from them.",
    remedy: "Go back to a checkpoint from before the training diverged.",
    fixable: false,
    detects: "D21",
  },
  TENON_TENSOR_INF: {
    severity: "error",
    cause: "Tensors hold infinities, which become NaN when they are computed with.",
    remedy: "Go back to a checkpoint from before the training diverged.",
    fixable: false,
    detects: "D21",
  },
  TENON_DTYPE_MIXED: {
    severity: "warning",
    cause: "Tensors of one kind have different dtypes, as a save from several places leaves them.",
    remedy: "Use it as it is: merging computes in f32 whatever the dtypes are.",
    fixable: false,
    detects: "D21",
  },
};

/** What files show (`layouts`, and the damage that formats step over). */
const files: Kinds = {
  TENON_WEIGHTS_PASSED_OVER: {
    severity: "warning",
    cause:
      "The source holds more weight files than are read; others come first by the rules of transformers and PEFT.",
    remedy: "Move the files that are out of date elsewhere.",
    fixable: false,
    detects: "weight files beside those that are read",
  },
  TENON_DCP_OBJECTS_LEFT: {
    severity: "note",
    cause:
      "A distributed checkpoint keeps state that JSON has no word for (tensors outside of the model, objects); it is not read, and a conversion is refused until it is dropped.",
    remedy: "Weights are not concerned. To resume with it, use torch.",
    fixable: false,
    detects: "objects beside model and optimizer",
  },
  TENON_OPTIMIZER_SEVERAL: {
    severity: "warning",
    cause:
      "The save holds several optimizers; the first alone is read, and a conversion with the optimizer is refused.",
    remedy:
      "Weights are not concerned. To resume with all of them, use accelerate; if the others belong to other models, move their files elsewhere.",
    fixable: false,
    detects: "several optimizers in a save of accelerate",
  },
  TENON_OPTIMIZER_STATE_LEFT: {
    severity: "warning",
    cause:
      "The optimizer keeps values that are neither tensors nor numbers which f32 holds exactly; they are not read, and a conversion with the optimizer is refused.",
    remedy: "Weights are not concerned. To resume with it, use the framework that saved it.",
    fixable: false,
    detects: "optimizers with lists, objects or tensors among their settings",
  },
  TENON_OPTIMIZER_STEP_DIFFERS: {
    severity: "warning",
    cause:
      "The optimizer counted other steps than the Trainer, so it may be of another run, or was begun anew on the way.",
    remedy: "Look whether the files are of one save; to go on with a fresh optimizer, --drop optimizer",
    fixable: false,
    detects: "an optimizer of another step or run",
  },
  TENON_RANDOM_STATES_LACKING: {
    severity: "warning",
    cause:
      "Random states of some workers are missing; transformers and accelerate go on without them, and data and dropout are others than in the run.",
    remedy: "Copy the files of every worker: each node may have kept its own on its disk.",
    fixable: false,
    detects: "random states of all workers",
  },
  TENON_TRAINING_DOCUMENT_LEFT: {
    severity: "warning",
    cause:
      "A schedule, loss scaler, random state or registered object holds what JSON has no word for; it is not read, and a conversion with the trainer's state is refused.",
    remedy: "Weights are not concerned. To resume with it, use the framework that saved it.",
    fixable: false,
    detects:
      "schedules with objects or with keys that are no text; accelerate's sampler.bin and custom_checkpoint files",
  },
  TENON_DCP_METADATA_MISSING: {
    severity: "error",
    cause: "A folder of FSDP has no `.metadata`, which is written last: the save did not finish.",
    remedy: "Go back to the checkpoint before it.",
    fixable: false,
    detects: "a save that was interrupted",
  },
  TENON_DCP_FILE_MISSING: {
    severity: "error",
    cause: "The file of a rank is not there, and what lies in it cannot be read.",
    remedy: "Copy the files of every rank: each node may have kept its own on its disk.",
    fixable: false,
    detects: "files of a rank",
  },
  TENON_DCP_FILE_SHORT: {
    severity: "error",
    cause: "The file of a rank was cut short, and what lies past its end cannot be read.",
    remedy: copyAgain,
    fixable: false,
    detects: "files of a rank",
  },
  TENON_FSDP_SLICE: {
    severity: "error",
    cause:
      "Only one rank's slice of each parameter was stored (accelerate #4206, FULL_STATE_DICT of FSDP2); the other slices are lost.",
    remedy: "Save again with an accelerate that has the fix, or with SHARDED_STATE_DICT.",
    fixable: false,
    detects: "shapes that are a fraction of the model's",
  },
  TENON_STEPS_PASSED_OVER: {
    severity: "note",
    cause:
      "The source holds checkpoints of more steps than the one that is read; the reasons are among the facts.",
    remedy: "To read another, point at its folder.",
    fixable: false,
    detects: "several checkpoints in one directory",
  },
  TENON_ZERO_TAGS_PASSED_OVER: {
    severity: "note",
    cause: "There are more saves of DeepSpeed than the one that is read; the reasons are among the facts.",
    remedy: "To read another, point at its folder.",
    fixable: false,
    detects: "several saves in one directory",
  },
  TENON_ZERO_MAPPINGS_DISAGREE: {
    severity: "warning",
    cause:
      "DeepSpeed's slice mappings place parameters otherwise than the shapes do (round_robin_gradients), so its converter to universal checkpoints, which follows them, mixes parameters up; here the shapes are followed.",
    remedy: "Do not use ds_to_universal on it; read it with tenon.",
    fixable: false,
    detects: "round_robin_gradients",
  },
  TENON_ZERO_FROZEN_LEFT_OUT: {
    severity: "note",
    cause: "The save left frozen parameters out (exclude_frozen_parameters), so it is not a whole model.",
    remedy: "Give the model that it was trained from: --base DIR",
    fixable: false,
    detects: "exclude_frozen_parameters",
  },
  TENON_ZERO_STATE_PASSED_OVER: {
    severity: "warning",
    cause:
      "The optimizer keeps state that belongs to a whole flat buffer; no parameter has a part of it, so it is not read, and a conversion with the optimizer is refused.",
    remedy: "Weights are not concerned. To resume with it, use DeepSpeed.",
    fixable: false,
    detects: "optimizers with factored or quantised state",
  },
  TENON_ZERO_RUN_STATE_PASSED_OVER: {
    severity: "note",
    cause:
      "The run keeps state that JSON has no word for (tensors, objects); it is not read, and a conversion is refused until it is dropped.",
    remedy: "Weights are not concerned. To resume with it, use DeepSpeed.",
    fixable: false,
    detects: "client state with objects",
  },
  TENON_ZERO_SETTINGS_ABSENT: {
    severity: "note",
    cause: "An elastic save of DeepSpeed keeps no hyper-parameters of the param groups.",
    remedy: "Take learning rates and decay from the recipe of the run.",
    fixable: false,
    detects: "elastic_checkpoint",
  },
  TENON_ZERO_OPTIMIZER_UNNAMED: {
    severity: "note",
    cause:
      "A DeepSpeed save without ZeRO keeps a fused optimizer in flat buffers without names or shapes; its state is not read, and a conversion with the optimizer is refused.",
    remedy: "Weights are not concerned. To resume with it, use DeepSpeed.",
    fixable: false,
    detects: "ZeRO stage 0",
  },
  TENON_WEIGHTS_IN_SHARDS: {
    severity: "warning",
    cause: "DeepSpeed kept weights in folders of its own, which --layout leaves unread.",
    remedy: "Leave out --layout, or point at the folder: it is read as zero.",
    fixable: false,
    detects: "D12",
  },
  TENON_INDEX_TENSOR_UNLISTED: {
    severity: "warning",
    cause: "A shard holds tensors that the index does not list, so transformers does not load them.",
    remedy: fix,
    fixable: true,
    detects: "the index of shards",
  },
  TENON_INDEX_TENSOR_ABSENT: {
    severity: "error",
    cause: "The index lists tensors that their shard does not hold.",
    remedy: copyAgain,
    fixable: false,
    detects: "the index of shards",
  },
  TENON_SHARD_MISSING: {
    severity: "error",
    cause: "A shard is named and not there.",
    remedy: "Copy or download the missing file.",
    fixable: false,
    detects: "missing shard",
  },
  TENON_SHARD_DUPLICATE_TENSOR: {
    severity: "error",
    cause: "A tensor is stored in two shards.",
    remedy: "Remove the shard that is out of date.",
    fixable: false,
    detects: "one tensor in two shards",
  },
  TENON_SAFETENSORS_TRUNCATED: {
    severity: "error",
    cause: "A file ends before its last tensor does.",
    remedy: copyAgain,
    fixable: false,
    detects: "truncated shard",
  },
  TENON_SAFETENSORS_TRAILING_BYTES: {
    severity: "error",
    cause: "Bytes follow the last tensor of a file, and other readers refuse it.",
    remedy: copyAgain,
    fixable: false,
    detects: "trailing bytes",
  },
  TENON_PICKLE_OPAQUE: {
    severity: "note",
    cause:
      "A pickle holds objects of classes that tenon does not know, which were kept as records and not run.",
    remedy: "Nothing, as long as the tensors are there; convert it to safetensors before anybody loads it.",
    fixable: false,
    detects: "unknown classes in a pickle",
  },
  TENON_STATE_DICT_LOOSE_TENSORS: {
    severity: "warning",
    cause: "Tensors lie beside the dict that holds the model and are not part of it.",
    remedy: "Save the state dict of the model alone, if it misses them.",
    fixable: false,
    detects: "tensors beside the state dict",
  },
  TENON_TRAINED_BASE_LOST: {
    severity: "error",
    cause: "The optimizer trained parameters that the checkpoint does not hold: their weights are lost.",
    remedy:
      "Look for a state dict of the same run, and split that; from the next run on, save the whole model.",
    fixable: false,
    detects: "moments of parameters that were not saved",
  },
  TENON_MANIFEST_FILE_MISSING: {
    severity: "error",
    cause: "A file that tenon.json lists is not there.",
    remedy: "Copy or download the missing file.",
    fixable: false,
    detects: "tenon.json",
  },
  TENON_MANIFEST_SIZE_DIFFERS: {
    severity: "error",
    cause: "A file has another size than tenon.json says.",
    remedy: copyAgain,
    fixable: false,
    detects: "tenon.json",
  },
};

/** Code → what it means and what to do, in the order in which findings are listed. */
export const findingKinds: Kinds = { ...files, ...names, ...adapter, ...base, ...data };

/** The same table by groups, for the reference. */
export const findingGroups: readonly {
  readonly title: string;
  readonly kinds: Kinds;
}[] = [
  { title: "Files", kinds: files },
  { title: "Names", kinds: names },
  { title: "Adapters", kinds: adapter },
  { title: "The base", kinds: base },
  { title: "Values", kinds: data },
];
