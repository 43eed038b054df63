import { it } from "vitest";
import case430 from "./430-lora-overflow.ts";
import case431 from "./431-lora-empty.ts";
import case432 from "./432-lora-segments.ts";
import case433 from "./433-lora-wrappers.ts";
import case434 from "./434-lora-many-adapters.ts";
import case435 from "./435-lora-dimensions.ts";
import case436 from "./436-lora-rank-differs.ts";
import case437 from "./437-lora-base-layers.ts";
import case438 from "./438-lora-adapters-with-base.ts";
import case439 from "./439-lora-on-itself.ts";
import case440 from "./440-output-inside.ts";
import case441 from "./441-output-source.ts";
import case442 from "./442-output-source-force.ts";
import case443 from "./443-output-parent-force.ts";
import case444 from "./444-output-root.ts";
import case445 from "./445-output-root-force.ts";
import case446 from "./446-output-link.ts";
import case447 from "./447-output-link-force.ts";
import case448 from "./448-output-file.ts";
import case449 from "./449-base-is-source.ts";
import case450 from "./450-base-is-hybrid.ts";
import case451 from "./451-base-output-force.ts";
import case452 from "./452-output-base-link-force.ts";
import { attempt } from "./verb-case.ts";

const cases = [
  case430,
  case431,
  case432,
  case433,
  case434,
  case435,
  case436,
  case437,
  case438,
  case439,
  case440,
  case441,
  case442,
  case443,
  case444,
  case445,
  case446,
  case447,
  case448,
  case449,
  case450,
  case451,
  case452,
];

it.each(cases)("a checkpoint that $attack", (hostile) => attempt(hostile));
