import { it } from "vitest";
import case300 from "./300-index-parent.ts";
import case301 from "./301-index-absolute.ts";
import case302 from "./302-index-backslash.ts";
import case303 from "./303-index-nul.ts";
import case304 from "./304-index-link-out.ts";
import case305 from "./305-index-directory.ts";
import case306 from "./306-index-other-tensors.ts";
import case307 from "./307-index-proto.ts";
import case308 from "./308-index-wrong-types.ts";
import case309 from "./309-index-itself.ts";
import case310 from "./310-index-config.ts";
import case311 from "./311-index-huge.ts";
import case312 from "./312-index-many.ts";
import case313 from "./313-index-proto-map.ts";
import case320 from "./320-adapter-name-path.ts";
import case321 from "./321-adapter-name-absolute.ts";
import case322 from "./322-adapter-name-dots.ts";
import case323 from "./323-adapter-name-device.ts";
import case324 from "./324-adapter-name-empty.ts";
import case325 from "./325-adapter-name-long.ts";
import case326 from "./326-adapter-name-proto.ts";
import case327 from "./327-adapter-name-case.ts";
import case328 from "./328-adapter-name-backslash.ts";
import case329 from "./329-adapter-name-long-for-files.ts";
import case330 from "./330-adapter-name-control.ts";
import case331 from "./331-adapter-name-drive.ts";
import case332 from "./332-adapter-folder-proto.ts";
import case333 from "./333-adapter-folder-link.ts";
import case334 from "./334-adapter-folder-case.ts";
import case335 from "./335-adapter-file-link.ts";
import case336 from "./336-adapter-name-newline.ts";
import case337 from "./337-adapter-name-slash-dots.ts";
import { attempt } from "./verb-case.ts";

const cases = [
  case300,
  case301,
  case302,
  case303,
  case304,
  case305,
  case306,
  case307,
  case308,
  case309,
  case310,
  case311,
  case312,
  case313,
  case320,
  case321,
  case322,
  case323,
  case324,
  case325,
  case326,
  case327,
  case328,
  case329,
  case330,
  case331,
  case332,
  case333,
  case334,
  case335,
  case336,
  case337,
];

it.each(cases)("a checkpoint that $attack", (hostile) => attempt(hostile));
