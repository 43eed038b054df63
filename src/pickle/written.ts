// Values that only a writer meets: what a reader turns into something simpler.
import { HostValue, type PickleMap, type PickleTuple, type PickleValue } from "./values.ts";

/** A reference that the reader resolves by itself (BINPERSID): torch names storages so. */
export class PersistentId extends HostValue {
  readonly what = "a persistent id";
  readonly id: PickleValue;

  constructor(id: PickleValue) {
    super();
    this.id = id;
  }

  override children(): readonly PickleValue[] {
    return [this.id];
  }
}

/** A Python float. A plain number becomes an int when it is whole, which is another value to `type()` and to JSON. */
export class PickleFloat extends HostValue {
  readonly what = "a float";
  readonly value: number;

  constructor(value: number) {
    super();
    this.value = value;
  }
}

/**
 * An object as `object.__reduce_ex__(2)` gives it: made by its class without a call of `__init__`, then given its state.
 * Dataclasses are pickled so.
 */
export class PickleObject extends HostValue {
  readonly what = "an object";
  /** `module name` of the class. */
  readonly global: string;
  readonly args: PickleTuple;
  readonly state: PickleMap | PickleTuple | undefined;

  constructor(global: string, args: PickleTuple, state?: PickleMap | PickleTuple) {
    super();
    this.global = global;
    this.args = args;
    this.state = state;
  }

  override children(): readonly PickleValue[] {
    return this.state === undefined ? [this.args] : [this.args, this.state];
  }
}
