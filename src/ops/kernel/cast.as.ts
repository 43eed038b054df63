// Casts of runs of elements. Counts are padded by the caller's arena to whole blocks of 64 bytes, so that the tail of a
// run is done lane by lane on a copy in scratch: nothing behind the destination is touched.
import { halves, loadHigh, loadLow } from "./round.as";
import { SCRATCH_TILE } from "./scratch.as";

// @ts-ignore: decorator
@inline function eight<S, T>(from: usize, to: usize): void {
  const x = loadLow<S>(from), y = loadHigh<S>(from);
  if (isFloat<T>()) { v128.store(to, x); v128.store(to, y, 16); }
  else v128.store(to, halves<T>(x, y));
}

function cast<S, T>(from: usize, to: usize, count: u32): void {
  const full = count & ~7, tail = count & 7;
  for (let i: u32 = 0; i < full; i += 8, from += 8 * sizeof<S>(), to += 8 * sizeof<T>()) eight<S, T>(from, to);
  if (!tail) return;
  memory.fill(SCRATCH_TILE, 0, 64);
  memory.copy(SCRATCH_TILE, from, tail * sizeof<S>());
  eight<S, T>(SCRATCH_TILE, SCRATCH_TILE + 64);
  memory.copy(to, SCRATCH_TILE + 64, tail * sizeof<T>());
}

export function bf16ToF32(from: usize, to: usize, count: u32): void { cast<u16, f32>(from, to, count); }
export function f16ToF32(from: usize, to: usize, count: u32): void { cast<i16, f32>(from, to, count); }
export function f32ToBf16(from: usize, to: usize, count: u32): void { cast<f32, u16>(from, to, count); }
export function f32ToF16(from: usize, to: usize, count: u32): void { cast<f32, i16>(from, to, count); }
export function bf16ToF16(from: usize, to: usize, count: u32): void { cast<u16, i16>(from, to, count); }
export function f16ToBf16(from: usize, to: usize, count: u32): void { cast<i16, u16>(from, to, count); }
