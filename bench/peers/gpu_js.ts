/**
 * gpu.js, the best-known library of GPU arithmetic in JavaScript, on the matrix product.
 *
 * @module
 */
import { createRequire } from "node:module";
import { join } from "node:path";
import { type Engine, productInputs, type ProductShape, sampledOutputs, serve } from "./serve.ts";

/** How to open gpu.js. */
export interface GpuJsOptions {
  /** The folder in which the peers' packages are installed. */
  readonly packages: string;
}

/** The little of the package's interface that is used here. */
type Kernel = (a: unknown, b: unknown) => Float32Array[] | Promise<Float32Array[]>;
interface Gpu {
  readonly mode: string;
  createKernel(source: unknown, settings: Record<string, unknown>): Kernel;
}

/** gpu.js compiles a function's source text. */
const dot = `function (a, b) {
  let sum = 0;
  for (let k = 0; k < this.constants.inner; k++) {
    sum += a[this.thread.y][k] * b[this.thread.x][k];
  }
  return sum;
}`;

function open({ packages }: GpuJsOptions): Promise<Engine> {
  const { GPU, input: matrix } = createRequire(join(packages, "package.json"))("gpu.js");
  const gpu: Gpu = new GPU({ mode: "webgpu" }); // never chosen by itself
  return Promise.resolve({
    facts: { mode: gpu.mode },
    product: (shape: ProductShape) => {
      const { rows, columns, inner } = shape;
      const kernel = gpu.createKernel(dot, { constants: { inner }, output: [columns, rows] });
      const numbers = productInputs(shape);
      const a = matrix(numbers.input, [inner, rows]);
      const b = matrix(numbers.weight, [inner, columns]);
      return Promise.resolve(async (times: number) => {
        let outputs: Float32Array[] = [];
        for (let i = 0; i < times; i++) outputs = await kernel(a, b);
        return sampledOutputs(
          shape,
          outputs.flatMap((row) => [...row]),
        );
      });
    },
  });
}

await serve(open);
