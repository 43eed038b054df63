import { expect, it } from "vitest";
import case100 from "./100-safetensors-overlap.ts";
import case101 from "./101-safetensors-out-of-file.ts";
import case102 from "./102-safetensors-header-2-64.ts";
import case103 from "./103-safetensors-header-longer-than-file.ts";
import case104 from "./104-safetensors-shape-overflow.ts";
import case105 from "./105-safetensors-rounded-offset.ts";
import case106 from "./106-safetensors-duplicate-key.ts";
import case107 from "./107-safetensors-duplicate-key-escaped.ts";
import case108 from "./108-safetensors-proto-name.ts";
import case109 from "./109-safetensors-deep-json.ts";
import case110 from "./110-safetensors-unknown-dtype.ts";
import case111 from "./111-safetensors-metadata-objects.ts";
import case112 from "./112-safetensors-payload-in-gap.ts";
import case113 from "./113-safetensors-payload-at-end.ts";
import case114 from "./114-safetensors-half-character.ts";
import case115 from "./115-safetensors-long-string.ts";
import case116 from "./116-safetensors-not-utf8.ts";
import case117 from "./117-safetensors-negative-size.ts";
import case120 from "./120-path-parent.ts";
import case121 from "./121-path-absolute.ts";
import case122 from "./122-path-nul.ts";
import case123 from "./123-path-windows.ts";
import case124 from "./124-link-out.ts";
import case125 from "./125-link-directory-out.ts";
import case126 from "./126-link-to-device.ts";
import case127 from "./127-named-pipe.ts";
import case128 from "./128-link-out-of-hub-cache.ts";
import case130 from "./130-output-traversal.ts";
import case131 from "./131-output-case-collision.ts";
import case140 from "./140-http-endless.ts";
import case141 from "./141-http-redirect-to-file.ts";
import case142 from "./142-http-absurd-size.ts";

/** Long enough for any of them on a busy machine; short enough to notice a hang or an allocation by a number in a file. */
const limitMs = 2000;

const cases = [
  case100,
  case101,
  case102,
  case103,
  case104,
  case105,
  case106,
  case107,
  case108,
  case109,
  case110,
  case111,
  case112,
  case113,
  case114,
  case115,
  case116,
  case117,
  case120,
  case121,
  case122,
  case123,
  case124,
  case125,
  case126,
  case127,
  case128,
  case130,
  case131,
  case140,
  case141,
  case142,
];

it.each(cases)("a file that $attack", async ({ refusal, run }) => {
  const started = performance.now();
  if (refusal === undefined) await run();
  else await expect(run()).rejects.toMatchObject({ code: refusal, isTenonError: true });
  expect(performance.now() - started).toBeLessThan(limitMs);
});
