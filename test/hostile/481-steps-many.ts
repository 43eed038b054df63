import { refusedBy, type VerbCase } from "./verb-case.ts";
import { alone } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has a hundred steps, none of them finished",
  lay(root) {
    const folders = Array.from(
      { length: 100 },
      (_, step) => [`checkpoint-${step}/optimizer.pt`, ""] as const,
    );
    return alone(root, Object.fromEntries(folders));
  },
  answers: refusedBy("TENON_STEPS_INCOMPLETE"),
};
export default hostile;
