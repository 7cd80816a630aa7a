/**
 * One piece of work at a time, divided into parts that threads claim one by one. The thread that has
 * the work takes parts itself, so it never waits for a helper that has not begun; and since no part's
 * numbers depend on who computes it, the number of threads changes no bit of a result.
 *
 * State is one 64-bit word: the turn, and how many parts were claimed. A turn is odd while its
 * description is being written and even while parts may be claimed, so a helper that read half of a
 * description fails to claim a part of it: its compare-and-exchange finds another turn.
 */
import { compute } from "./parts";

/** The control block, at the beginning of memory; each word in a cache line of its own. */
const STATE: u32 = 64;
const TURN: u32 = 68; // the upper half of STATE
const FINISHED: u32 = 128;
const SLEEPING: u32 = 192;
const HELPERS: u32 = 256;
const LEAVING: u32 = 320;
const SCRATCH: u32 = 384;
const SCRATCH_BYTES: u32 = 388;
const KIND: u32 = 448;
const PARTS: u32 = 452;
const MAY_WAIT: u32 = 456;
/** Operands of the work: 32-bit words. */
const OPERANDS: u32 = 512;

/** Looks at the state before a helper sleeps: a few tens of microseconds, the time between two operations. */
const LOOKS: i32 = 20000;

/** Which helper this is; 0 is the thread that has the work. */
let self: u32 = 0;

// @ts-ignore: decorator
@inline
export function operand<T>(index: u32): T {
  return load<T>(OPERANDS + 4 * index);
}

// @ts-ignore: decorator
@inline
export function setOperand<T>(index: u32, value: T): void {
  store<T>(OPERANDS + 4 * index, value);
}

/** This thread's own memory for what it works with. */
// @ts-ignore: decorator
@inline
export function scratch(): u32 {
  return load<u32>(SCRATCH) + self * load<u32>(SCRATCH_BYTES);
}

/**
 * Tells where the threads' memories lie, one after another, and whether the thread that has the work may
 * sleep while helpers finish their parts: a page's own thread may not.
 */
export function configure(first: u32, bytes: u32, mayWait: u32): void {
  store<u32>(MAY_WAIT, mayWait);
  store<u32>(SCRATCH, first);
  store<u32>(SCRATCH_BYTES, bytes);
}

/** Opens the description of the next work: operands may be written until `share()`. */
export function describe(): void {
  const turn = atomic.load<u32>(TURN);
  atomic.store<u64>(STATE, (<u64> (turn + 1) << 32) | 0xffffffff);
}

/** Computes all parts of the work that was described, with whatever helpers there are. */
export function share(kind: u32, parts: u32): void {
  store<u32>(KIND, kind);
  store<u32>(PARTS, parts);
  atomic.store<u32>(FINISHED, 0);
  const turn = atomic.load<u32>(TURN) + 1;
  atomic.store<u64>(STATE, <u64> turn << 32);
  if (parts > 1 && atomic.load<u32>(SLEEPING) > 0) atomic.notify(TURN, -1);
  claim(turn);
  awaitParts(parts);
}

/** Waits for the parts that helpers are at. One of them may have been put off by another process. */
function awaitParts(parts: u32): void {
  for (let look = 0; look < LOOKS; look++) {
    if (atomic.load<u32>(FINISHED) == parts) return;
  }
  const mayWait = load<u32>(MAY_WAIT) != 0;
  while (true) {
    const finished = atomic.load<u32>(FINISHED);
    if (finished == parts) return;
    if (mayWait) atomic.wait<i32>(FINISHED, finished, 1000000);
  }
}

/** Claims and computes parts of a turn for as long as there are any. */
function claim(turn: u32): void {
  const kind = load<u32>(KIND);
  const parts = load<u32>(PARTS);
  while (true) {
    const state = atomic.load<u64>(STATE);
    const part = <u32> state;
    if (<u32> (state >> 32) != turn || part >= parts) return;
    if (atomic.cmpxchg<u64>(STATE, state, state + 1) != state) continue;
    compute(kind, part);
    if (atomic.add<u32>(FINISHED, 1) + 1 == parts && self != 0) atomic.notify(FINISHED, 1);
  }
}

/** Which helpers there are at the moment: a bit for each, by its index. */
export function helpers(): u32 {
  return atomic.load<u32>(HELPERS);
}

/** Has all helpers leave. */
export function leave(): void {
  atomic.store<u32>(LEAVING, 1);
  atomic.notify(TURN, -1);
}

/**
 * A helper's life: it computes parts until it is told to leave, or until there was nothing to do for so
 * many milliseconds. Where there is one of that index already, it leaves at once: two would compute in
 * the same memory of their own. One may have been started in the place of another that was slow to begin.
 */
export function help(index: u32, patience: u32): void {
  if ((atomic.or<u32>(HELPERS, 1 << index) & (1 << index)) != 0) return;
  self = index;
  let done: u32 = 0;
  while (atomic.load<u32>(LEAVING) == 0) {
    const turn = nextTurn(done, patience);
    if (turn == done) break;
    claim(turn);
    done = turn;
  }
  atomic.and<u32>(HELPERS, ~(1 << index));
}

/** Waits for an even turn after `done`; returns `done` where none came for so long. */
function nextTurn(done: u32, patience: u32): u32 {
  while (true) {
    let turn: u32 = 0;
    for (let look = 0; look < LOOKS; look++) {
      turn = atomic.load<u32>(TURN);
      if (turn != done && (turn & 1) == 0) return turn;
    }
    atomic.add<u32>(SLEEPING, 1);
    const woken = atomic.wait<i32>(TURN, turn, <i64> patience * 1000000);
    atomic.sub<u32>(SLEEPING, 1);
    if (woken == 2 || atomic.load<u32>(LEAVING) != 0) return done;
  }
}
