/**
 * ONNX Runtime: for the web (WebGPU, WASM) in Deno or Node, and its native build for Node.
 *
 * @module
 */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { type Engine, productInputs, type ProductShape, sampledOutputs, serve } from "./serve.ts";

/** How to open ONNX Runtime. */
export interface OnnxRuntimeOptions {
  /** The folder in which the peers' packages are installed. */
  readonly packages: string;
  readonly build: "webgpu" | "wasm" | "wasm-node" | "node";
  readonly threads: number;
  /** The model to score with. */
  readonly model?: string;
  /** Heads and their size, for the empty cache that the model takes. */
  readonly keyHeads: number;
  readonly headDim: number;
  /** One-product models by `rows×columns×inner`. */
  readonly products?: Readonly<Record<string, string>>;
}

/** The little of the packages' interface that is used here. */
interface Tensor {
  readonly data: Float32Array;
}
interface Session {
  run(feeds: Record<string, Tensor>): Promise<Record<string, Tensor>>;
}
interface Ort {
  readonly Tensor: new (type: string, data: unknown, shape: readonly number[]) => Tensor;
  readonly InferenceSession: {
    create(model: string | Uint8Array, options: Record<string, unknown>): Promise<Session>;
  };
  readonly env: { wasm: Record<string, unknown>; versions?: Record<string, string> };
}

/** Which file of `onnxruntime-web` each build is, and the WASM it needs. */
const webBuilds = {
  "webgpu": ["ort.webgpu.bundle.min.mjs", "ort-wasm-simd-threaded.asyncify.wasm"],
  "wasm": ["ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"],
  "wasm-node": ["ort.node.min.mjs", undefined],
} as const;

async function load({ packages, build, threads }: OnnxRuntimeOptions): Promise<Ort> {
  if (build === "node") {
    return createRequire(join(packages, "package.json"))("onnxruntime-node") as Ort;
  }
  const [script, binary] = webBuilds[build];
  const folder = join(packages, "node_modules/onnxruntime-web/dist");
  const module = await import(pathToFileURL(join(folder, script)).href);
  const ort = (module.default ?? module) as Ort;
  ort.env.wasm.numThreads = threads;
  if (binary !== undefined) {
    ort.env.wasm.wasmBinary = (await readFile(join(folder, binary))).buffer;
  }
  return ort;
}

async function open(options: OnnxRuntimeOptions): Promise<Engine> {
  const ort = await load(options);
  const provider = options.build === "webgpu"
    ? "webgpu"
    : options.build === "node"
    ? "cpu"
    : "wasm";
  const createSession = async (path: string): Promise<Session> =>
    await ort.InferenceSession.create(
      options.build === "node" ? path : new Uint8Array(await readFile(path)),
      {
        executionProviders: [provider],
        intraOpNumThreads: options.threads,
        graphOptimizationLevel: "all",
      },
    );
  const facts = { provider, threads: `${options.threads}`, runtime: runtimeName() };
  if (options.model === undefined) {
    return { facts, product: (shape) => product(ort, createSession, options, shape) };
  }
  const session = await createSession(options.model);
  return {
    facts,
    score: async (sequences) => {
      const scores: number[] = [];
      for (const ids of sequences) {
        const outputs = await session.run(feeds(ort, ids, options));
        scores.push(outputs["score.out"]!.data[0]!);
      }
      return scores;
    },
  };
}

function runtimeName(): string {
  return "Deno" in globalThis ? "Deno" : `Node ${process.versions.node}`;
}

function feeds(
  ort: Ort,
  ids: readonly number[],
  { keyHeads, headDim }: OnnxRuntimeOptions,
): Record<string, Tensor> {
  const empty = (): Tensor =>
    new ort.Tensor("float32", new Float32Array(0), [1, keyHeads, 0, headDim]);
  const int32 = (number: number): Tensor => new ort.Tensor("int32", Int32Array.of(number), [1]);
  return {
    input_ids: new ort.Tensor("int64", BigInt64Array.from(ids, BigInt), [1, ids.length]),
    past_key: empty(),
    past_value: empty(),
    last_position: int32(ids.length - 1),
    total_length: int32(ids.length),
  };
}

async function product(
  ort: Ort,
  createSession: (path: string) => Promise<Session>,
  { products }: OnnxRuntimeOptions,
  shape: ProductShape,
) {
  const { rows, columns, inner } = shape;
  const session = await createSession(products![`${rows}×${columns}×${inner}`]!);
  const { input } = productInputs(shape);
  return async (times: number): Promise<readonly number[]> => {
    let outputs: Record<string, Tensor> = {};
    for (let i = 0; i < times; i++) {
      outputs = await session.run({ input: new ort.Tensor("float32", input, [rows, inner]) });
    }
    return sampledOutputs(shape, outputs["output"]!.data);
  };
}

await serve(open);
