export type { HttpOptions } from "./options.ts";
export { httpTree } from "./tree.ts";
export { wellKnownNames } from "./well-known-names.ts";
