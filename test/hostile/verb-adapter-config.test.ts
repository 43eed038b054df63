import { it } from "vitest";
import case340 from "./340-config-regex-bomb.ts";
import case341 from "./341-config-rank-bomb.ts";
import case342 from "./342-config-exclude-bomb.ts";
import case343 from "./343-config-lookbehind.ts";
import case344 from "./344-config-backreference.ts";
import case345 from "./345-config-repetition.ts";
import case346 from "./346-config-alternatives.ts";
import case347 from "./347-config-pattern-long.ts";
import case348 from "./348-config-many-patterns.ts";
import case349 from "./349-config-many-targets.ts";
import case350 from "./350-config-patterns-times-modules.ts";
import case351 from "./351-config-targets-times-modules.ts";
import case352 from "./352-config-rank-zero.ts";
import case353 from "./353-config-rank-negative.ts";
import case354 from "./354-config-rank-huge.ts";
import case355 from "./355-config-rank-nan.ts";
import case356 from "./356-config-alpha-infinite.ts";
import case357 from "./357-config-alpha-overflow.ts";
import case358 from "./358-config-alpha-text.ts";
import case359 from "./359-config-deep.ts";
import case360 from "./360-config-duplicate-key.ts";
import case361 from "./361-config-huge.ts";
import case362 from "./362-config-list.ts";
import case363 from "./363-config-wrong-types.ts";
import case364 from "./364-config-proto.ts";
import case365 from "./365-config-null.ts";
import case366 from "./366-config-alpha-huge.ts";
import case367 from "./367-config-layers-many.ts";
import case368 from "./368-config-type-proto.ts";
import case369 from "./369-config-targets-by-type.ts";
import case370 from "./370-tokens-negative.ts";
import case371 from "./371-tokens-far.ts";
import case372 from "./372-tokens-twice.ts";
import case373 from "./373-tokens-count.ts";
import case374 from "./374-tokens-fraction.ts";
import { attempt } from "./verb-case.ts";

const cases = [
  case340,
  case341,
  case342,
  case343,
  case344,
  case345,
  case346,
  case347,
  case348,
  case349,
  case350,
  case351,
  case352,
  case353,
  case354,
  case355,
  case356,
  case357,
  case358,
  case359,
  case360,
  case361,
  case362,
  case363,
  case364,
  case365,
  case366,
  case367,
  case368,
  case369,
  case370,
  case371,
  case372,
  case373,
  case374,
];

it.each(cases)("a checkpoint that $attack", (hostile) => attempt(hostile));
