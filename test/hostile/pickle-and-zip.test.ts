import { expect, it } from "vitest";
import case200 from "./200-pickle-os-system.ts";
import case201 from "./201-pickle-posix.ts";
import case202 from "./202-pickle-stack-global-eval.ts";
import case203 from "./203-pickle-python2-exec.ts";
import case204 from "./204-pickle-named-only.ts";
import case205 from "./205-pickle-dotted-name.ts";
import case206 from "./206-pickle-torch-hub.ts";
import case207 from "./207-pickle-import.ts";
import case208 from "./208-pickle-getattr.ts";
import case209 from "./209-pickle-attrgetter.ts";
import case210 from "./210-pickle-partial.ts";
import case211 from "./211-pickle-nested.ts";
import case212 from "./212-pickle-runpy.ts";
import case213 from "./213-pickle-dunder.ts";
import case214 from "./214-pickle-function-type.ts";
import case215 from "./215-pickle-numpy-load.ts";
import case216 from "./216-pickle-module-alias.ts";
import case217 from "./217-pickle-inst.ts";
import case218 from "./218-pickle-obj.ts";
import case219 from "./219-pickle-ext.ts";
import case220 from "./220-pickle-text-opcode.ts";
import case221 from "./221-pickle-call-of-call.ts";
import case222 from "./222-pickle-persistent.ts";
import case223 from "./223-pickle-module-source.ts";
import case224 from "./224-pickle-cycle.ts";
import case225 from "./225-pickle-depth.ts";
import case226 from "./226-pickle-marks.ts";
import case227 from "./227-pickle-billion-laughs.ts";
import case228 from "./228-pickle-encode-bomb.ts";
import case229 from "./229-pickle-bytearray.ts";
import case230 from "./230-pickle-long-string.ts";
import case231 from "./231-pickle-long-integer.ts";
import case232 from "./232-pickle-negative-length.ts";
import case233 from "./233-pickle-frame.ts";
import case234 from "./234-pickle-memo-gap.ts";
import case235 from "./235-pickle-trailing.ts";
import case236 from "./236-pickle-duplicate-key.ts";
import case237 from "./237-pickle-proto.ts";
import case238 from "./238-pickle-unhashable.ts";
import case239 from "./239-pickle-build.ts";
import case240 from "./240-tensor-expanded.ts";
import case241 from "./241-tensor-outside.ts";
import case242 from "./242-tensor-negative-offset.ts";
import case243 from "./243-tensor-negative-stride.ts";
import case244 from "./244-tensor-overflow.ts";
import case245 from "./245-tensor-stride-overflow.ts";
import case246 from "./246-tensor-many-dimensions.ts";
import case247 from "./247-tensor-key-path.ts";
import case248 from "./248-tensor-storage-larger.ts";
import case249 from "./249-tensor-two-types.ts";
import case250 from "./250-tensor-unknown-rebuilder.ts";
import case260 from "./260-zip-bomb.ts";
import case261 from "./261-zip-encrypted.ts";
import case262 from "./262-zip-overlap.ts";
import case263 from "./263-zip-duplicate.ts";
import case264 from "./264-zip-parent-path.ts";
import case265 from "./265-zip-absolute-path.ts";
import case266 from "./266-zip-nul-name.ts";
import case267 from "./267-zip-windows-path.ts";
import case268 from "./268-zip-local-name.ts";
import case269 from "./269-zip-local-flags.ts";
import case270 from "./270-zip-size-lie.ts";
import case271 from "./271-zip-stored-lie.ts";
import case272 from "./272-zip-entry-count.ts";
import case273 from "./273-zip-directory-size.ts";
import case274 from "./274-zip-directory-offset.ts";
import case275 from "./275-zip-locator.ts";
import case276 from "./276-zip-locator-overflow.ts";
import case277 from "./277-zip-two-pickles.ts";
import case278 from "./278-zip-checksum.ts";
import case279 from "./279-zip-torchscript.ts";
import case280 from "./280-legacy-count.ts";
import case281 from "./281-legacy-key-list.ts";
import case282 from "./282-legacy-system.ts";
import case284 from "./284-legacy-view-outside.ts";
import case285 from "./285-legacy-tar.ts";

/** Long enough for any of them on a busy machine; short enough to notice a hang or an allocation by a number in a file. */
const limitMs = 2000;

const cases = [
  case200,
  case201,
  case202,
  case203,
  case204,
  case205,
  case206,
  case207,
  case208,
  case209,
  case210,
  case211,
  case212,
  case213,
  case214,
  case215,
  case216,
  case217,
  case218,
  case219,
  case220,
  case221,
  case222,
  case223,
  case224,
  case225,
  case226,
  case227,
  case228,
  case229,
  case230,
  case231,
  case232,
  case233,
  case234,
  case235,
  case236,
  case237,
  case238,
  case239,
  case240,
  case241,
  case242,
  case243,
  case244,
  case245,
  case246,
  case247,
  case248,
  case249,
  case250,
  case260,
  case261,
  case262,
  case263,
  case264,
  case265,
  case266,
  case267,
  case268,
  case269,
  case270,
  case271,
  case272,
  case273,
  case274,
  case275,
  case276,
  case277,
  case278,
  case279,
  case280,
  case281,
  case282,
  case284,
  case285,
];

it.each(cases)("a file that $attack", async ({ refusal, run }) => {
  const started = performance.now();
  if (refusal === undefined) await run();
  else await expect(run()).rejects.toMatchObject({ code: refusal, isTenonError: true });
  expect(performance.now() - started).toBeLessThan(limitMs);
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
});
