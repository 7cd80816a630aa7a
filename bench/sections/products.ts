import type { FloatDtype } from "../../src/checkpoint/tensor.ts";
import type { EngineProgram } from "../engine_process.ts";
import type { AssayOptions } from "../peers/assay.ts";
import type { GpuJsOptions } from "../peers/gpu_js.ts";
import type { OnnxRuntimeOptions } from "../peers/onnxruntime.ts";
import { productInputs, type ProductShape, sampledPlaces } from "../peers/serve.ts";
import { type Contestant, measureInTurns, type Outcome } from "../rounds.ts";
import { type Bench, type Section, table } from "../section.ts";
import { formatNumber, formatSpread, type Spread, spread } from "../statistics.ts";

/** Shapes of products that are measured. */
export const productShapes: readonly ProductShape[] = [
  { rows: 64, columns: 256, inner: 1024 },
  { rows: 256, columns: 2048, inner: 1024 },
  { rows: 256, columns: 1024, inner: 1024 },
  { rows: 256, columns: 4096, inner: 4096 },
  { rows: 1024, columns: 4096, inner: 4096 },
];
const peerShape: ProductShape = { rows: 512, columns: 2048, inner: 1024 };
/** A shape that takes no time. */
export const quickShape: ProductShape = { rows: 32, columns: 256, inner: 256 };

/** The matrix product alone, against other libraries. */
export const products: Section = {
  title: "Matrix products",

  async measure(bench) {
    const ours = await measureOurs(bench);
    const peers = await measurePeers(bench);
    return [
      "Assay's `matmul` on weights in each stored type, f32 activations and sums, GFLOP/s: median " +
      `(least–most) of ${bench.settings.rounds} rounds.`,
      ours,
      "The same product in other libraries, f32. They take arrays and give arrays, as their " +
      "interfaces do; Assay's operands lie on the device, as in a model.",
      peers,
    ].join("\n\n");
  },
};

/** A shape's name. */
export function productName({ rows, columns, inner }: ProductShape): string {
  return `${rows}×${columns}×${inner}`;
}

/** Multiplications and additions of a product. */
export function productOperations({ rows, columns, inner }: ProductShape): number {
  return 2 * rows * columns * inner;
}

/** About a quarter of a second of work at 30 GFLOP/s, so that waiting for the queue weighs little. */
function repetitions(shape: ProductShape): number {
  return Math.max(2, Math.min(24, Math.round(7.5e9 / productOperations(shape))));
}

function assayProgram(options: AssayOptions): () => Promise<EngineProgram> {
  return () => Promise.resolve({ file: "assay.ts", runtime: "deno", options });
}

async function measureOurs({ settings: { rounds, quick }, onProgress }: Bench): Promise<string> {
  const types: readonly FloatDtype[] = quick ? ["BF16"] : ["F32", "F16", "BF16"];
  const measured = quick ? [quickShape] : productShapes;
  const rows: string[][] = [];
  for (const shape of measured) {
    const times = repetitions(shape);
    const contestants = types.map((type): Contestant => ({
      name: `${productName(shape)}, ${type}`,
      program: assayProgram({ weights: type }),
      requests: [{ ask: "product", shape, times }],
    }));
    const outcomes = await measureInTurns(contestants, {
      rounds,
      firstRequests: [{ ask: "product", shape, times: 1 }],
      onProgress,
    });
    rows.push([productName(shape), ...outcomes.map((outcome) => cell(outcome, shape, times))]);
  }
  return table(["rows × columns × inner", ...types], rows);
}

function speeds({ milliseconds }: Outcome, shape: ProductShape, times: number): Spread {
  return spread(milliseconds.map((time) => times * productOperations(shape) / time / 1e6));
}

function cell(outcome: Outcome, shape: ProductShape, times: number): string {
  if (outcome.failure !== undefined) return `not measured: ${outcome.failure}`;
  return formatSpread(speeds(outcome, shape, times));
}

/** A library, and how often it multiplies in one measurement. */
interface Library {
  readonly program: () => Promise<EngineProgram>;
  readonly times: number;
}

function libraries(bench: Bench, shape: ProductShape): Record<string, Library> {
  const { packages, cores } = bench;
  const ort = (build: OnnxRuntimeOptions["build"], threads: number): Library => ({
    program: async () => {
      const products = { [productName(shape)]: await onnxProduct(bench, shape) };
      const options = { packages, build, threads, heads: 0, headDim: 0, products };
      return { file: "onnxruntime.ts", runtime: build === "node" ? "node" : "deno", options };
    },
    times: 1,
  });
  const gpuJs: GpuJsOptions = { packages };
  const times = repetitions(shape);
  return {
    "Assay, f32": { program: assayProgram({ weights: "F32" }), times },
    "Assay, bf16": { program: assayProgram({ weights: "BF16" }), times },
    "ONNX Runtime Web, WebGPU": ort("webgpu", 1),
    "ONNX Runtime Web, WASM, 1 thread": ort("wasm", 1),
    "onnxruntime-node, CPU": ort("node", cores),
    "gpu.js, WebGPU": {
      program: () => Promise.resolve({ file: "gpu_js.ts", runtime: "deno", options: gpuJs }),
      times: 1,
    },
  };
}

async function measurePeers(bench: Bench): Promise<string> {
  const { settings: { rounds, quick }, onProgress } = bench;
  const shape = quick ? quickShape : peerShape;
  const all = Object.entries(libraries(bench, shape));
  const contestants = all.map(([name, { program, times }]): Contestant => ({
    name,
    program,
    requests: [{ ask: "product", shape, times }],
  }));
  const firstRequests = [{ ask: "product", shape, times: 1 }] as const;
  const outcomes = await measureInTurns(contestants, { rounds, firstRequests, onProgress });
  const expected = expectedOutputs(shape);
  const rows = outcomes.map((outcome, i) => {
    const found = outcome.numbers ?? [NaN];
    const worst = Math.max(...found.map((number, j) => Math.abs(number - expected[j]!)));
    return [outcome.name, cell(outcome, shape, all[i]![1].times), formatNumber(worst)];
  });
  return table([`${productName(shape)}`, "GFLOP/s: median (least–most)", "largest error"], rows);
}

/** ONNX multiplies by [inner, columns]. */
function onnxProduct({ files }: Bench, shape: ProductShape): Promise<string> {
  const { columns, inner } = shape;
  const { weight } = productInputs(shape);
  const turned = Float32Array.from(
    weight,
    (_, i) => weight[(i % columns) * inner + Math.floor(i / columns)]!,
  );
  return files.onnxProduct(shape, turned);
}

function expectedOutputs(shape: ProductShape): number[] {
  const { input, weight } = productInputs(shape);
  const { inner } = shape;
  return sampledPlaces(shape).map(([row, column]) => {
    let sum = 0;
    for (let k = 0; k < inner; k++) sum += input[row * inner + k]! * weight[column * inner + k]!;
    return sum;
  });
}
