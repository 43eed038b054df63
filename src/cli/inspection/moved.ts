import type { MovedInspection } from "../../verbs/index.ts";
import { counted } from "../amounts.ts";
import { left, listed, right } from "../columns.ts";
import type { Sections } from "../sections.ts";

export function sayMoved(sections: Sections, moved: MovedInspection): void {
  const { base, compared, equal, changed, kinds, addedNames, missingNames, reshaped } = moved;
  const bits = `${changed} of ${counted(compared, "parameter")} changed, ${equal} equal bit for bit`;
  sections.say("moved", compared === 0 ? "nothing to compare: no parameter is in both" : bits);
  sections.say("", `against ${base}`);
  sections.table(
    kinds
      .filter((kind) => kind.changed > 0)
      .map((kind) => [left(kind.kind), right(`${kind.changed} of ${kind.compared}`)]),
    { more: "kinds" },
  );
  if (addedNames.length > 0) sections.say("", `not in the base: ${listed(addedNames, 4)}`);
  if (missingNames.length > 0) sections.say("", `only in the base: ${listed(missingNames, 4)}`);
  if (reshaped.length > 0)
    sections.say(
      "",
      `other shapes: ${listed(
        reshaped.map(
          ({ name, shape, baseShape }) => `${name} [${shape.join(", ")}] for [${baseShape.join(", ")}]`,
        ),
        2,
      )}`,
    );
}
