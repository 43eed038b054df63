import { type ErrorDetails, PlanError } from "../core/index.ts";

/** Most names in the details of one error. */
export const namesListed = 1000;

/** An error with the code of what reading observed. */
export function planError(
  code: string,
  message: string,
  extras: { readonly details: ErrorDetails; readonly hint: string },
): PlanError {
  return new PlanError(code, message, extras);
}
