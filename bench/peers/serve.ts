/**
 * The child's side of the bench: an engine in a process of its own answers one request at a time.
 * Runs in Deno and, bundled, in Node, for each peer in the runtime that it is made for.
 *
 * @module
 */
import process from "node:process";
import { createInterface } from "node:readline";

/** Sizes of a matrix product: [rows, inner] · [columns, inner]ᵀ. */
export interface ProductShape {
  readonly rows: number;
  readonly columns: number;
  readonly inner: number;
}

/** What the parent asks for. */
export type Request =
  /** Score these token ids, timed. */
  | { readonly ask: "score"; readonly sequences: readonly (readonly number[])[] }
  /** The scores of these token ids, however long it takes. */
  | { readonly ask: "check"; readonly sequences: readonly (readonly number[])[] }
  /** Compute a matrix product of {@link productInputs} this many times, timed. */
  | { readonly ask: "product"; readonly shape: ProductShape; readonly times: number };

/** What the child answers: the time, and scores or the product's {@link sampledOutputs}. */
export interface Reply {
  readonly milliseconds: number;
  readonly numbers: readonly number[] | null;
}

/** What the child says first. */
export type Greeting = { readonly facts: Readonly<Record<string, string>> };

/** An engine that a child process serves. A method is missing where an engine has no such thing. */
export interface Engine {
  /** What is worth knowing: versions, adapter, threads. */
  readonly facts: Readonly<Record<string, string>>;
  /** Scores, or null where the timed path makes none. */
  score?(sequences: readonly (readonly number[])[]): Promise<readonly number[] | null>;
  /** Scores, where the timed path makes none. */
  check?(sequences: readonly (readonly number[])[]): Promise<readonly number[]>;
  /** Prepares a matrix product; calling the result computes it and returns the last outputs. */
  product?(shape: ProductShape): Promise<(times: number) => Promise<readonly number[] | null>>;
}

/** Lines that begin so are ours; engines print what they like. */
export const mark = "@assay-bench ";

/** Opens an engine with the program's argument, a JSON text, and serves it until the input ends. */
export async function serve<Options>(
  open: (options: Options) => Promise<Engine>,
): Promise<void> {
  const say = (message: Greeting | Reply): void => {
    process.stdout.write(`\n${mark}${JSON.stringify(message)}\n`);
  };
  const engine = await open(JSON.parse(process.argv[2]!) as Options);
  say({ facts: engine.facts });
  for await (const line of createInterface({ input: process.stdin })) {
    say(await answer(engine, JSON.parse(line) as Request));
  }
  process.exit(0); // engines keep threads that would hold the process
}

const products = new Map<string, (times: number) => Promise<readonly number[] | null>>();

async function answer(engine: Engine, request: Request): Promise<Reply> {
  switch (request.ask) {
    case "score":
      return await timed(() => engine.score!(request.sequences));
    case "check":
      return await timed(() => (engine.check ?? engine.score)!.call(engine, request.sequences));
    case "product": {
      const key = JSON.stringify(request.shape);
      const compute = products.get(key) ?? await engine.product!(request.shape);
      products.set(key, compute);
      return await timed(() => compute(request.times));
    }
  }
}

async function timed(work: () => Promise<readonly number[] | null>): Promise<Reply> {
  const start = performance.now();
  const numbers = await work();
  return { milliseconds: performance.now() - start, numbers };
}

/** Inputs of a product, the same for every engine: small multiples of 1/64, exact in bf16. */
export function productInputs({ rows, columns, inner }: ProductShape): {
  input: Float32Array<ArrayBuffer>;
  weight: Float32Array<ArrayBuffer>;
} {
  const numbers = (count: number, factor: number): Float32Array<ArrayBuffer> =>
    Float32Array.from({ length: count }, (_, i) => ((i * factor) % 127 - 63) / 64);
  return { input: numbers(rows * inner, 31), weight: numbers(columns * inner, 57) };
}

/** Places of a product's outputs that are compared. */
export function sampledPlaces({ rows, columns }: ProductShape): [number, number][] {
  return Array.from({ length: 16 }, (_, i) => [(i * 7919) % rows, (i * 104729) % columns]);
}

/** The outputs at {@link sampledPlaces}. */
export function sampledOutputs(shape: ProductShape, outputs: ArrayLike<number>): number[] {
  return sampledPlaces(shape).map(([row, column]) => outputs[row * shape.columns + column]!);
}
