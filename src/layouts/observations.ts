export type LayoutObservationCode =
  | "TENON_WEIGHTS_PASSED_OVER"
  | "TENON_WEIGHTS_IN_SHARDS"
  | "TENON_INDEX_TENSOR_UNLISTED"
  | "TENON_PICKLE_OPAQUE"
  | "TENON_STATE_DICT_LOOSE_TENSORS"
  | "TENON_TRAINED_BASE_LOST"
  | "TENON_DCP_OBJECTS_LEFT"
  | "TENON_OPTIMIZER_SEVERAL"
  | "TENON_OPTIMIZER_STATE_LEFT"
  | "TENON_TRAINING_DOCUMENT_LEFT"
  | "TENON_STEPS_PASSED_OVER"
  | "TENON_ZERO_TAGS_PASSED_OVER"
  | "TENON_ZERO_MAPPINGS_DISAGREE"
  | "TENON_ZERO_FROZEN_LEFT_OUT"
  | "TENON_ZERO_STATE_PASSED_OVER"
  | "TENON_ZERO_RUN_STATE_PASSED_OVER"
  | "TENON_ZERO_SETTINGS_ABSENT"
  | "TENON_ZERO_OPTIMIZER_UNNAMED";

/** Every observation that this room makes by itself, with its meaning in one line. The doctor turns them into findings. */
export const layoutObservations: Readonly<Record<LayoutObservationCode, string>> = {
  TENON_WEIGHTS_PASSED_OVER:
    "The source holds more weight files than are read; another one of them came first.",
  TENON_WEIGHTS_IN_SHARDS: "DeepSpeed kept weights in folders of its own, which --layout leaves unread.",
  TENON_INDEX_TENSOR_UNLISTED: "A shard holds tensors that the index does not list; they are read.",
  TENON_PICKLE_OPAQUE: "A pickle holds objects of classes that tenon does not know; they were not run.",
  TENON_STATE_DICT_LOOSE_TENSORS:
    "Tensors lie beside the dict that holds the model; they are not part of it.",
  TENON_TRAINED_BASE_LOST:
    "The optimizer trained parameters that the checkpoint does not hold: their weights are lost.",
  TENON_DCP_OBJECTS_LEFT:
    "State that JSON has no word for (tensors outside of the model, objects); it is not read.",
  TENON_OPTIMIZER_SEVERAL: "The save holds several optimizers; the first alone is read.",
  TENON_OPTIMIZER_STATE_LEFT:
    "The optimizer's file holds values that are neither tensors nor numbers which f32 holds exactly; they are not read.",
  TENON_TRAINING_DOCUMENT_LEFT:
    "A schedule, loss scaler, random state or registered object holds what JSON has no word for; it is not read.",
  TENON_STEPS_PASSED_OVER: "The source holds checkpoints of more steps than the one that is read.",
  TENON_ZERO_TAGS_PASSED_OVER: "The source holds more saves of DeepSpeed than the one that is read.",
  TENON_ZERO_MAPPINGS_DISAGREE:
    "DeepSpeed's slice mappings place parameters otherwise than the shapes do; the shapes are followed.",
  TENON_ZERO_FROZEN_LEFT_OUT: "Frozen parameters were left out of the save; it stands on a base.",
  TENON_ZERO_STATE_PASSED_OVER:
    "Optimizer state that belongs to a whole flat buffer and to no parameter in it; it is not read.",
  TENON_ZERO_RUN_STATE_PASSED_OVER: "State of the run that JSON has no word for; it is not read.",
  TENON_ZERO_SETTINGS_ABSENT: "An elastic save keeps no hyper-parameters of the param groups.",
  TENON_ZERO_OPTIMIZER_UNNAMED:
    "A save without ZeRO keeps a fused optimizer in flat buffers, which nothing names; its state is not read.",
};
