import type { LoadOptions } from "../../mod.ts";
import type { EngineProgram } from "../engine_process.ts";
import { operationsPerToken } from "../models/model_shape.ts";
import type { AssayOptions } from "../peers/assay.ts";
import type { LlamaCppOptions } from "../peers/llama_cpp.ts";
import type { OnnxRuntimeOptions } from "../peers/onnxruntime.ts";
import type { Request } from "../peers/serve.ts";
import type { Bench } from "../section.ts";

/**
 * Assay on the bench's model.
 *
 * @param options How it is loaded; its backend is the bench's where they name none.
 * @param environment Variables to set; by default Assay sets what it would set for a user.
 */
export async function assayProgram(
  bench: Bench,
  options: LoadOptions = {},
  environment: Readonly<Record<string, string>> = {},
): Promise<EngineProgram> {
  const { given } = bench.files;
  const { backend } = bench.settings;
  const program: AssayOptions = {
    checkpoint: await bench.files.checkpoint(),
    options: { ...(backend && { backend }), ...options },
    conversations: given && `${given.folder}/${conversationsFile}`,
  };
  return { file: "assay.ts", runtime: "deno", options: program, environment };
}

/** The conversations of a given model, with their ids. */
export const conversationsFile = "golden.json";

/** Work after which Assay has chosen the tiles of its products, in operations. */
const tuned = 3e11;

/** Warms Assay up with one sequence, over and over, until it has chosen its tiles. */
export function warmUp(
  { settings: { quick }, files: { shape } }: Bench,
  sequence: readonly number[],
): Request[] {
  const operations = sequence.length * operationsPerToken(shape);
  const times = quick ? 1 : Math.ceil(tuned / operations);
  return Array.from({ length: times }, () => ({ ask: "score", sequences: [sequence] }));
}

/** Has lavapipe compute with vectors of 256 bits, its own default, where Assay would widen them. */
export const narrowVectors = { LP_NATIVE_VECTOR_WIDTH: "256" } as const;

/** ONNX Runtime on the same model. */
export async function onnxRuntimeProgram(
  bench: Bench,
  build: OnnxRuntimeOptions["build"],
  threads: number,
): Promise<EngineProgram> {
  const { heads, keyHeads, hidden } = bench.files.shape;
  const options: OnnxRuntimeOptions = {
    packages: bench.packages,
    build,
    threads,
    model: await bench.files.onnx(),
    keyHeads,
    headDim: hidden / heads,
  };
  const runtime = build === "webgpu" || build === "wasm" ? "deno" : "node";
  return { file: "onnxruntime.ts", runtime, options };
}

/** What the parent of `pytorch.py` sends. */
export interface PyTorchOptions {
  readonly checkpoint: string;
  readonly dtype: "float32" | "bfloat16";
  readonly threads: number;
}

/** PyTorch through transformers on the same checkpoint. */
export async function pytorchProgram(
  bench: Bench,
  dtype: PyTorchOptions["dtype"],
): Promise<EngineProgram> {
  const checkpoint = await bench.files.checkpoint();
  const options: PyTorchOptions = { checkpoint, dtype, threads: bench.cores };
  // transformers prints a bar of its own while it loads.
  const environment = { HF_HUB_DISABLE_PROGRESS_BARS: "1" };
  return { file: "pytorch.py", runtime: "python", options, environment };
}

/** llama.cpp on the same model. */
export async function llamaCppProgram(
  bench: Bench,
  device: LlamaCppOptions["device"],
  type: "F32" | "F16" | "BF16",
  maxTokens: number,
): Promise<EngineProgram> {
  const options: LlamaCppOptions = {
    packages: bench.packages,
    device,
    threads: bench.cores,
    model: await bench.files.gguf(type),
    maxTokens,
    head: await bench.files.head(),
  };
  // Without it llama.cpp passes software devices over.
  const environment = device === "vulkan" ? { GGML_VK_VISIBLE_DEVICES: "0" } : {};
  return { file: "llama_cpp.ts", runtime: "node", options, environment };
}
