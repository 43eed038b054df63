import { int, list, record, tuple } from "../pickle/assemble.ts";
import { zeroFiles } from "./saves-victim.ts";
import { refusedBy, type VerbCase } from "./verb-case.ts";
import { alone } from "./victim.ts";

const hostile: VerbCase = {
  attack: "lists a parameter of more elements than can be counted",
  lay(root) {
    const wide = tuple(int(2 ** 31 - 1), int(2 ** 31 - 1), int(2 ** 31 - 1));
    const changeModel: NonNullable<Parameters<typeof zeroFiles>[0]>["changeModel"] = (draft) => {
      draft.entries["param_shapes"] = list(record({ "lm_head.weight": wide }));
    };
    return alone(root, zeroFiles({ changeModel }));
  },
  answers: refusedBy("TENON_TENSOR_TOO_LARGE"),
};
export default hostile;
