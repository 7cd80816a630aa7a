/**
 * What a runtime's outcomes are beside Deno's: the cells of the table in `docs/reference/runtimes.md`.
 *
 * @module
 */
import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import type { Outcome, Outcomes } from "./run_programs.ts";

/** What a public module does in a runtime. */
export interface Cell {
  readonly loads: boolean;
  /** The code of the error that its program ended with, where it did. */
  readonly error?: string;
  /** Names of what was found with the bits of Deno, as floats. */
  readonly same: readonly string[];
  /** Names of what differs from Deno's in the last bits of numbers: by no more than {@link lastBits}. */
  readonly near: readonly string[];
  /** Names of what its program left out, since the runtime has no folder to write into. */
  readonly missing: readonly string[];
}

/** What two ways of rounding a product and its sum may make of a score, relative to max(1, |score|). */
const lastBits = 5e-6;

/**
 * Compares.
 *
 * @throws {AssertionError} Where something differs by more than last bits.
 */
export function cellsOf(outcomes: Outcomes, deno: Outcomes): Record<string, Cell> {
  return Object.fromEntries(
    Object.entries(deno).map(([module, expected]) => [
      module,
      cellOf(module, outcomes[module] ?? { loads: false }, expected),
    ]),
  );
}

function cellOf(module: string, { loads, findings, error }: Outcome, expected: Outcome): Cell {
  const cell = { loads, same: [] as string[], near: [] as string[], missing: [] as string[] };
  if (findings === undefined) return loads && error !== undefined ? { ...cell, error } : cell;
  for (const [name, wanted] of Object.entries(expected.findings ?? {})) {
    const found = findings[name];
    if (found === undefined) cell.missing.push(name);
    else if (isDeepStrictEqual(asFloats(found), asFloats(wanted))) cell.same.push(name);
    else {
      assertNear(found, wanted, `${module}, ${name}`);
      cell.near.push(name);
    }
  }
  return cell;
}

/** Numbers as floats: engines' own `Math.exp` and the like differ in a double's last bit. */
function asFloats(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_, of) => typeof of === "number" ? Math.fround(of) : of),
  );
}

function assertNear(found: unknown, wanted: unknown, where: string): void {
  if (typeof wanted === "number" && typeof found === "number") {
    const off = Math.abs(found - wanted) / Math.max(1, Math.abs(wanted));
    assert.ok(off <= lastBits, `${where}: expected ${wanted}, found ${found}`);
  } else if (typeof wanted === "object" && wanted !== null) {
    assert.deepEqual(Object.keys(found ?? {}), Object.keys(wanted), where);
    for (const [key, value] of Object.entries(wanted)) {
      assertNear((found as Record<string, unknown>)[key], value, `${where}, ${key}`);
    }
  } else assert.deepEqual(found, wanted, where);
}
