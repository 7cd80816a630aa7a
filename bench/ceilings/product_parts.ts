/**
 * What holds the `texture` kernels' matrix product below the software adapter's ceiling: the product
 * with one part of its work left out at a time, in turns. The results of the mutilated kernels mean
 * nothing; their times tell what the part costs. By processor time, which other work disturbs less
 * than the clock.
 *
 *   deno run --allow-all bench/ceilings/product_parts.ts [rounds]
 *
 * @module
 */
import process from "node:process";
import { matmulTextureShader } from "../../shaders/shaders.ts";
import { Device } from "../../src/gpu/device.ts";
import { textureLanes } from "../../src/gpu/kernel_set.ts";
import { Recorder } from "../../src/gpu/recorder.ts";
import type { Shader, ShaderConstants } from "../../src/gpu/shader_source.ts";
import { registerLoop } from "../../src/ops/checks/adapter_peak.ts";
import { GpuBackend } from "../../src/ops/gpu_backend.ts";
import { median } from "../statistics.ts";

const [rows, columns, inner] = [256, 2048, 1024];

/** Texts of the kernel and what stands in for them. */
const parts = {
  weights: [
    /textureLoad\(weight, (vec2<u32>\(.*\))\);/g,
    "vec4<u32>(step + 0x3f803f80u) + $1.xyxy;",
  ],
  inputs: [/textureLoad\(input, (vec2<u32>\(.*\))\);/g, "vec4<f32>($1.xyxy);"],
  shuffles: [/subgroupShuffle\((held\[.*?\]\[.*?\]), i % SUBGROUP\)/g, "$1"],
  // A turn for every weight texel, and no more than one turn.
  turns: [/step < steps;/g, "step < min(steps, 1u);"],
} as const;

type Part = keyof typeof parts;

/** Reads of both textures after the loop, so that no binding is left out. */
const kept = "  sums[0] += textureLoad(input, vec2<u32>(0u, 0u)) +\n" +
  "    vec4<f32>(textureLoad(weight, vec2<u32>(0u, 0u)));\n";

function without(left: readonly Part[]): Shader {
  let source = matmulTextureShader.source;
  for (const part of left) {
    const [text, instead] = parts[part];
    if (source.search(text) < 0) throw new Error(`the kernel has no ${part}`);
    source = source.replace(text, instead);
  }
  const after = "  let rows = arrayLength";
  if (left.length > 0) source = source.replace(after, kept + after);
  return { name: `matmul_texture without ${left.join(", ")}`, source };
}

interface Variant {
  readonly name: string;
  readonly shader: Shader;
  readonly constants: ShaderConstants;
  readonly perWorkgroup: readonly [rows: number, columns: number];
}

function variants(subgroup: number): Variant[] {
  const lanes = 16;
  const tile = (name: string, left: readonly Part[], tileRows = 16, places = 1): Variant => ({
    name,
    shader: without(left),
    constants: { STEP: 8, LANES: lanes, ROWS: tileRows, PLACES: places, SUBGROUP: subgroup },
    perWorkgroup: [tileRows, 4 * lanes * places],
  });
  return [
    tile("the product, 16 rows × 4 columns a lane", []),
    tile("without reads of weights", ["weights"]),
    tile("without reads of inputs", ["inputs"]),
    tile("without shuffles", ["shuffles"]),
    tile("without reads", ["weights", "inputs"]),
    tile("without reads and shuffles", ["weights", "inputs", "shuffles"]),
    tile("its beginning and end alone", ["turns"]),
    tile("8 rows × 4 columns", [], subgroup === 8 ? 8 : 16),
    tile("16 rows × 8 columns", [], 16, 2),
    tile("32 rows × 4 columns", [], 32),
    tile("32 rows × 8 columns", [], 32, 2),
  ];
}

/** A kernel to be timed: records it once. */
interface Run {
  readonly name: string;
  readonly operations: number;
  record(recorder: Recorder): void;
}

function productRuns(gpu: GpuBackend): Run[] {
  const weight = gpu.weight(columns, inner, "BF16", new Uint8Array(2 * columns * inner));
  const [part] = weight.parts;
  if (part?.layout !== "texture") throw new Error("the weight does not lie in a texture");
  const input = gpu.matrix(rows, inner, "operand");
  const output = gpu.matrix(rows, columns);
  return variants(textureLanes(gpu.device)).map(({ name, shader, constants, perWorkgroup }) => ({
    name,
    operations: 2 * rows * columns * inner,
    record: (recorder) =>
      recorder.dispatch({
        shader,
        constants,
        bindings: [input.texture!.view, part.view, part.shape, output.device, part.shape],
        workgroups: [rows / perWorkgroup[0], columns / perWorkgroup[1]],
      }),
  }));
}

function ceilingRun(gpu: GpuBackend): Run {
  const { shader, constants, workgroups, bytes, operations } = registerLoop;
  const { device: { buffer } } = gpu.matrix(1, bytes / 4);
  return {
    name: "a loop of multiply-adds over registers",
    operations,
    record: (recorder) => {
      const bindings = [{ buffer, offset: 0, size: bytes }];
      recorder.dispatch({ shader, constants, bindings, workgroups });
    },
  };
}

/** GFLOP/s of each run, all cores together: medians of rounds in turns. */
async function measure(rounds: number): Promise<Map<string, number>> {
  using gpu = new GpuBackend(await Device.open(), "texture");
  const recorder = new Recorder(gpu.device, "texture");
  const token = gpu.uploadIndices(new Uint32Array(1));
  const milliseconds = async (run: Run, times: number): Promise<number> => {
    const start = process.cpuUsage();
    for (let i = 0; i < times; i++) run.record(recorder);
    await recorder.read([token.device]);
    const { user, system } = process.cpuUsage(start);
    return (user + system) / 1000 / navigator.hardwareConcurrency;
  };
  const all = [ceilingRun(gpu), ...productRuns(gpu)];
  const times = all.map((): number[] => []);
  for (const run of all) await milliseconds(run, 1); // compiles it
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < all.length; i++) {
      const at = (round + i) % all.length;
      // The wait itself is left out: the difference of more runs and fewer.
      const few = await milliseconds(all[at]!, 1);
      times[at]!.push((await milliseconds(all[at]!, 6) - few) / 5);
    }
  }
  return new Map(all.map((run, i) => [run.name, run.operations / median(times[i]!) / 1e6]));
}

for (const [name, speed] of await measure(Number(Deno.args[0] ?? 5))) {
  console.log(`${speed.toFixed(1).padStart(7)}  ${name}`);
}
