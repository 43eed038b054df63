export type Json = null | boolean | number | string | readonly Json[] | JsonRecord;
/** A JSON object. Parsed records have a null prototype, so `__proto__` is an ordinary key. */
export interface JsonRecord {
  readonly [key: string]: Json;
}
