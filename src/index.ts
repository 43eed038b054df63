// The public names, for Node. src/browser.ts has the same for a browser.

import { type Tenon, tenonOn } from "./verbs/index.ts";
import { nodeHost } from "./verbs/node/index.ts";

const here = tenonOn(nodeHost());

/** @see Tenon.open */
export const open: Tenon["open"] = here.open;
/** @see Tenon.inspect */
export const inspect: Tenon["inspect"] = here.inspect;
/** @see Tenon.diagnose */
export const diagnose: Tenon["diagnose"] = here.diagnose;
/** @see Tenon.repair */
export const repair: Tenon["repair"] = here.repair;
/** @see Tenon.merge */
export const merge: Tenon["merge"] = here.merge;
/** @see Tenon.split */
export const split: Tenon["split"] = here.split;
/** @see Tenon.convert */
export const convert: Tenon["convert"] = here.convert;
/** @see Tenon.edit */
export const edit: Tenon["edit"] = here.edit;
/** @see Tenon.diff */
export const diff: Tenon["diff"] = here.diff;
/** @see Tenon.verify */
export const verify: Tenon["verify"] = here.verify;

export * from "./verbs/index.ts";
