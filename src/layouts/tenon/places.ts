// Where things lie in a tenon checkpoint. Frozen: version 1 of the layout.

/** Tensors of the base that differ from what it stands on, by canonical name. */
export const deltaName = "base/delta.safetensors";

/** `<canonical name>/<state>`: `model.norm.weight/exp_avg`. */
export const optimizerTensorsName = "optimizer/optimizer.safetensors";

/** Param groups by canonical name, in order. */
export const optimizerDocumentName = "optimizer/optimizer.json";

/** JSON documents of the trainer by the file name that it gave them. */
export const trainerDocumentName = "trainer/trainer.json";
