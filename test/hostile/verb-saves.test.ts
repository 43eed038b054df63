import { it } from "vitest";
import case460 from "./460-zero-link-out.ts";
import case461 from "./461-zero-latest-traversal.ts";
import case462 from "./462-zero-latest-long.ts";
import case463 from "./463-zero-workers.ts";
import case464 from "./464-zero-shared-circle.ts";
import case465 from "./465-zero-shape-overflow.ts";
import case470 from "./470-dcp-link-out.ts";
import case471 from "./471-dcp-path-traversal.ts";
import case472 from "./472-dcp-metadata-link.ts";
import case475 from "./475-universal-latest-traversal.ts";
import case476 from "./476-universal-link-out.ts";
import case480 from "./480-steps-link-out.ts";
import case481 from "./481-steps-many.ts";
import { attempt } from "./verb-case.ts";

const cases = [
  case460,
  case461,
  case462,
  case463,
  case464,
  case465,
  case470,
  case471,
  case472,
  case475,
  case476,
  case480,
  case481,
];

it.each(cases)("a checkpoint that $attack", (hostile) => attempt(hostile));
