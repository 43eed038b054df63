// The table of rooms, bottom up: what each room may import. A room that is not on a line is forbidden to it.
// ARCHITECTURE.md shows the same table and a test compares the two. "index" is src/index.ts, the public names.

/** @type {Record<string, readonly string[]>} */
const may = {
  core: [],
  bytes: ["core"],
  ops: ["core"],
  pickle: ["core", "bytes"],
  formats: ["core", "bytes", "pickle"],
  adapters: ["core"],
  layouts: ["core", "bytes", "pickle", "formats", "adapters"],
  plan: ["core", "adapters"],
  execute: ["core", "bytes", "ops", "pickle", "formats", "adapters", "layouts", "plan"],
  doctor: ["core", "adapters"],
  store: ["core", "bytes", "formats", "layouts", "plan", "execute"],
  train: ["core", "ops", "adapters"],
  serve: ["core", "bytes", "adapters", "layouts", "plan", "execute", "store"],
  verbs: ["core", "bytes", "ops", "formats", "adapters", "layouts", "plan", "execute", "doctor", "store"],
  cli: ["core", "index", "verbs", "train", "serve"],
};

/** Rooms whose place is fixed but whose folder does not exist yet. */
const planned = ["store", "train", "serve"];

/** Rooms that run in a browser: no Node API, except behind a room's `node/` door. */
const pure = [
  "core",
  "bytes",
  "ops",
  "pickle",
  "formats",
  "adapters",
  "layouts",
  "plan",
  "execute",
  "doctor",
  "train",
];

/** Rooms with a second door, `node/index.ts`, behind which Node's API may be used. */
const nodeDoors = ["bytes", "execute", "verbs"];

/** npm package → the rooms that may import it. */
const npmOwners = { re2js: ["adapters"], zod: ["layouts", "verbs"] };

module.exports = { may, planned, pure, nodeDoors, npmOwners };
