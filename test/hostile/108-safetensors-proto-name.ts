import type { HostileCase } from "./hostile-case.ts";
import { entry, openFileOf } from "./safetensors-file.ts";

const hostile: HostileCase = {
  attack: "names a tensor and a metadata key __proto__, to change every object of the program",
  refusal: undefined,
  async run() {
    const header = `{"__metadata__":{"__proto__":"x"},${entry("__proto__", "U8", [1], 0, 1)}}`;
    const { tensors, metadata } = await openFileOf(header, 1);
    if (tensors[0]?.name !== "__proto__" || Object.keys(metadata)[0] !== "__proto__")
      throw new Error("it was lost");
    if (Object.keys(Object.getPrototypeOf({}) as object).length > 0) throw new Error("it had an effect");
  },
};
export default hostile;
