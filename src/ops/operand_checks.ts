import { AssayError } from "../error.ts";
import type { Indices, Matrix } from "./matrix.ts";

/** Rows and columns: of a matrix, a weight, or what is expected of one. */
export interface Shape {
  readonly rows: number;
  readonly columns: number;
}

function shapeError(operation: string, expected: string, found: string): AssayError {
  return new AssayError(
    "ops/shape",
    `Cannot run ${operation}: expected ${expected}, found ${found}; give it operands whose shapes ` +
      "belong together",
  );
}

function shown({ rows, columns }: Shape): string {
  return `${rows} × ${columns}`;
}

/**
 * Guards the shape of an operand.
 *
 * @param operation The operation's name, for the message; `operand` likewise.
 * @param because Where the expected shape comes from, for the message.
 * @throws {AssayError} `ops/shape` where `found` is not `expected`.
 */
export function expectShape(
  operation: string,
  operand: string,
  found: Shape,
  expected: Shape,
  because: string,
): void {
  if (found.rows === expected.rows && found.columns === expected.columns) return;
  throw shapeError(
    operation,
    `${operand} to be ${shown(expected)} (${because})`,
    `${shown(found)}`,
  );
}

/**
 * Guards the length of a list.
 *
 * @param because Where the expected length comes from, for the message.
 * @throws {AssayError} `ops/shape` where the list does not have `expected` numbers.
 */
export function expectLength(
  operation: string,
  operand: string,
  { length }: Indices,
  expected: number,
  because: string,
): void {
  if (length === expected) return;
  throw shapeError(operation, `${operand} to have ${expected} numbers (${because})`, `${length}`);
}

/**
 * Guards a number that must be whole, not below `least`, and a multiple of `step`.
 *
 * @throws {AssayError} `ops/shape`.
 */
export function expectWhole(
  operation: string,
  operand: string,
  found: number,
  { least = 1, step = 1 }: {
    readonly least?: number | undefined;
    readonly step?: number | undefined;
  } = {},
): void {
  if (Number.isInteger(found) && found >= least && found % step === 0) return;
  const expected = step === 1 ? "a whole number" : `a multiple of ${step}`;
  throw shapeError(operation, `${operand} to be ${expected} of ${least} or more`, `${found}`);
}

/**
 * Guards against an output that lies in the memory of an input: WebGPU forbids it for a whole buffer,
 * whatever the ranges.
 *
 * @throws {AssayError} `ops/shape`.
 */
export function expectApart(
  operation: string,
  output: Matrix,
  inputs: Readonly<Record<string, Matrix | undefined>>,
): void {
  for (const [name, input] of Object.entries(inputs)) {
    if (input === undefined || !input.sharesMemory(output)) continue;
    throw shapeError(
      operation,
      `the ${shown(output)} output to be another matrix than ${name}`,
      `${name}, ${shown(input)}, in the same memory`,
    );
  }
}

/**
 * Guards how many columns are padding.
 *
 * @throws {AssayError} `ops/shape` where it is no whole number below `columns`.
 */
export function expectPadding(operation: string, found: number, columns: number): void {
  if (Number.isSafeInteger(found) && found >= 0 && found < columns) return;
  throw shapeError(operation, `padding to be less than the ${columns} columns`, `${found}`);
}

/**
 * Guards the c of c · tanh(x / c).
 *
 * @throws {AssayError} `ops/shape` where it is neither 0, for none, nor a positive number.
 */
export function expectSoftcap(operation: string, found: number): void {
  if (found >= 0 && found < Infinity) return;
  throw shapeError(operation, "softcap to be 0 (none) or a positive number", `${found}`);
}

/**
 * Guards any other relation between operands.
 *
 * @throws {AssayError} `ops/shape` where it does not hold.
 */
export function expectRelation(
  operation: string,
  holds: boolean,
  expected: string,
  found: string,
): void {
  if (!holds) throw shapeError(operation, expected, found);
}
