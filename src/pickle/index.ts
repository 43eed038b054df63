export type { CallContext, PickleConstructor } from "./construct.ts";
export type { PickleLimits } from "./limits.ts";
export type { PersistentLoad } from "./machine.ts";
export { NumpyArray, NumpyDType, NumpyScalar } from "./numpy.ts";
export { type Unpickled, type UnpickleOptions, unpickle } from "./unpickle.ts";
export {
  describe,
  HostValue,
  OpaqueObject,
  PickleGlobal,
  PickleMap,
  PickleRecord,
  PickleTuple,
  type PickleValue,
} from "./values.ts";
export { writePickle } from "./write.ts";
export { PersistentId, PickleFloat, PickleObject } from "./written.ts";
