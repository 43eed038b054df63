export type LayoutObservationCode =
  | "TENON_WEIGHTS_PASSED_OVER"
  | "TENON_WEIGHTS_IN_SHARDS"
  | "TENON_INDEX_TENSOR_UNLISTED"
  | "TENON_PICKLE_OPAQUE"
  | "TENON_STATE_DICT_LOOSE_TENSORS"
  | "TENON_TRAINED_BASE_LOST"
  | "TENON_DCP_OBJECTS_LEFT";

/** Every observation that this room makes by itself, with its meaning in one line. The doctor turns them into findings. */
export const layoutObservations: Readonly<Record<LayoutObservationCode, string>> = {
  TENON_WEIGHTS_PASSED_OVER:
    "The source holds more weight files than are read; another one of them came first.",
  TENON_WEIGHTS_IN_SHARDS: "DeepSpeed or FSDP kept weights in folders of their own, which are not read here.",
  TENON_INDEX_TENSOR_UNLISTED: "A shard holds tensors that the index does not list; they are read.",
  TENON_PICKLE_OPAQUE: "A pickle holds objects of classes that tenon does not know; they were not run.",
  TENON_STATE_DICT_LOOSE_TENSORS:
    "Tensors lie beside the dict that holds the model; they are not part of it.",
  TENON_TRAINED_BASE_LOST:
    "The optimizer trained parameters that the checkpoint does not hold: their weights are lost.",
  TENON_DCP_OBJECTS_LEFT:
    "State that JSON has no word for (tensors outside of the model, objects); it is not read.",
};
