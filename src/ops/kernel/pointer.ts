/** A byte address in a kernel's memory; valid until it is released. Survives growth, unlike a view. */
export type Pointer = number;
