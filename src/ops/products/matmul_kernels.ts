import {
  gatedMatmulTextureShader,
  matmulSubgroupMatrixShader,
  matmulTextureShader,
  productShaders,
  type ProductsTogether,
} from "../../../shaders/shaders.ts";
import type { Binding } from "../../gpu/bind_group_cache.ts";
import { textureLanes } from "../../gpu/kernel_set.ts";
import type { MatrixUnit } from "../../gpu/matrix_unit.ts";
import type { Precision } from "../../gpu/precision.ts";
import type { Recorder } from "../../gpu/recorder.ts";
import type { ShaderConstants } from "../../gpu/shader_source.ts";
import type { PooledTexture } from "../../gpu/texture_pool.ts";
import { type Activation, activationConstants } from "../activation.ts";
import type { Matrix } from "../matrix.ts";
import type { MatmulOperands } from "./matmul_operands.ts";
import {
  buffersOf,
  chosenTile,
  fewRowsTile,
  headTile,
  innerOf,
  lanesOf,
  type ProductTile,
} from "./product_tiles.ts";
import type { BufferPart, TexturePart, Weight, WeightType } from "../weight.ts";
import { inTexture } from "../texture_copies.ts";
import { isQuantized, quantizedForms } from "../quantization/quantized_rows.ts";
import { texelsOf } from "../upload_weight.ts";

/** The constants of `stored_weights.wgsl` by type. */
function typeConstants(type: WeightType): { readonly WEIGHT_TYPE: number; readonly GROUP: number } {
  if (!isQuantized(type)) return { WEIGHT_TYPE: { F32: 0, F16: 1, BF16: 2 }[type], GROUP: 32 };
  const { bits, group } = quantizedForms[type];
  return { WEIGHT_TYPE: bits === 8 ? 3 : 4, GROUP: group };
}

function epilogue({ weight, bias, activation, accumulate }: MatmulOperands) {
  return {
    ...typeConstants(weight.type),
    HAS_BIAS: bias !== undefined,
    RELU: activation === "relu",
    ACCUMULATE: accumulate ?? false,
  };
}

/** Values of k in 16 bytes of weights, or in a piece of quantized ones. */
function stepOf(weight: Weight): number {
  return weight.type === "F32" ? 4 : 8;
}

/** As of {@link recordTiled}. */
function workgroupsOf(tile: ProductTile, rows: number, columns: number): [number, number] {
  return [Math.ceil(rows / tile.rows), Math.ceil(columns / tile.columns)];
}

function tiledTile(recorder: Recorder, rows: number, weight: Weight): ProductTile {
  if (recorder.kernelSet === "texture") return headTile;
  const chosen = chosenTile(recorder, weight);
  // Shuffles take few rows as fast as many.
  return rows <= fewRowsTile.rows && chosen.rows > rows && chosen.core !== "shuffled"
    ? fewRowsTile
    : chosen;
}

/** How a tile is computed, for the shader of its core. */
function tileConstants(recorder: Recorder, tile: ProductTile, weight: Weight): ShaderConstants {
  const { rows, columns, laneColumns, laneRows } = tile;
  const wordQuads = stepOf(weight) / 4;
  if (tile.core === "shuffled") {
    return {
      SUBGROUP: Math.min(recorder.device.subgroups.size, rows),
      LANES: lanesOf(tile),
      ROWS: rows,
      LANE_COLUMNS: laneColumns,
      WORD_QUADS: wordQuads,
    };
  }
  const inner = innerOf(tile);
  return {
    TILE_ROWS: rows,
    TILE_COLUMNS: columns,
    TILE_INNER: inner,
    LANE_ROWS: laneRows,
    LANE_COLUMNS: laneColumns,
    WORD_QUADS: wordQuads,
    TURN_QUADS: tile.unrolled ? inner / 4 : 1,
    BUFFERS: buffersOf(tile),
  };
}

/** Records products of one input with weights that lie in buffers as stored. */
function recordTiled(
  recorder: Recorder,
  { products, precision = "f32", input, weight, constants, bindings, columns }: {
    readonly products: ProductsTogether;
    readonly precision: Precision | undefined;
    readonly input: Matrix;
    /** The weight whose tile is taken, and whose type the others share. */
    readonly weight: Weight;
    readonly constants: ShaderConstants;
    /** After the input. */
    readonly bindings: readonly Binding[];
    /** Of the outputs that share the workgroups: those of each in tiles of their own. */
    readonly columns: readonly number[];
  },
): void {
  const tile = tiledTile(recorder, input.rows, weight);
  const width = products === "gated" ? tile.columns / 2 : tile.columns;
  const tiles = columns.reduce((sum, count) => sum + Math.ceil(count / width), 0);
  recorder.dispatch({
    shader: productShaders.get(`${tile.core ?? "tiled"} ${products} ${precision}`)!,
    constants: {
      ...typeConstants(weight.type),
      ...constants,
      ...tileConstants(recorder, tile, weight),
    },
    bindings: [input.device, ...bindings],
    // Tiles of rows come first: those that use the same weights run side by side.
    workgroups: [Math.ceil(input.rows / tile.rows), tiles],
  });
}

/** Records the product with one part of a weight that lies in a buffer as stored. */
export function recordTiledMatmul(
  recorder: Recorder,
  operands: MatmulOperands,
  part: BufferPart,
): void {
  const { input, weight, bias, output } = operands;
  if (operands.precision === "f16" && recorder.device.matrixUnit !== undefined) {
    recordOnMatrixUnit(recorder, operands, part, recorder.device.matrixUnit);
    return;
  }
  recordTiled(recorder, {
    products: "one",
    precision: operands.precision,
    input,
    weight,
    constants: epilogue(operands),
    bindings: [
      part.weight,
      // Without a bias the kernel reads nothing from its binding; any buffer stands in.
      bias?.device ?? part.weight,
      output.device,
      part.shape,
    ],
    columns: [part.rows],
  });
}

/** Rows and columns of a workgroup's tile in `matmul_subgroup_matrix.wgsl`. */
const matrixTile = 64;

/** Any number of rows: a score depends on the kernel, so few rows take no other one. */
function recordOnMatrixUnit(
  recorder: Recorder,
  operands: MatmulOperands,
  part: BufferPart,
  { m, n, k }: MatrixUnit,
): void {
  const { input, weight, bias, output } = operands;
  recorder.dispatch({
    shader: matmulSubgroupMatrixShader,
    constants: {
      ...epilogue(operands),
      MATRIX_M: m,
      MATRIX_N: n,
      MATRIX_K: k,
      SUBGROUP: recorder.device.subgroups.size,
      WORD_QUADS: stepOf(weight) / 4,
    },
    bindings: [
      input.device,
      part.weight,
      bias?.device ?? part.weight, // stands in likewise
      output.device,
      part.shape,
    ],
    workgroups: [Math.ceil(input.rows / matrixTile), Math.ceil(part.rows / matrixTile)],
  });
}

/** Storage buffers that three products together bind: an input, weights, biases and outputs. */
const mostBuffers = 10;

/**
 * The parts of weights that products together take: each lies in one buffer, all are of one type.
 *
 * @returns `undefined` where they can't run together.
 */
export function tiledTogether(
  { kernelSet, device }: Recorder,
  weights: readonly Weight[],
): BufferPart[] | undefined {
  const fits = device.limits.maxStorageBuffersPerShaderStage >= mostBuffers;
  // On a matrix unit each product runs by itself.
  if (kernelSet !== "tiled" || !fits || device.matrixUnit !== undefined) return undefined;
  const parts = weights.flatMap(({ parts }) => parts.filter((part) => part.layout === "buffer"));
  const oneType = weights.every(({ type }) => type === weights[0]!.type);
  return oneType && parts.length === weights.length ? parts : undefined;
}

/**
 * Records three products of one input, with biases of all or of none.
 *
 * @param parts Those of {@link tiledTogether}.
 */
export function recordTiledTogether(
  recorder: Recorder,
  products: readonly MatmulOperands[],
  parts: readonly BufferPart[],
): void {
  const [{ input, weight, bias, precision }] = products as [MatmulOperands];
  recordTiled(recorder, {
    products: "three",
    precision,
    input,
    weight,
    constants: { HAS_BIAS: bias !== undefined },
    bindings: [
      ...parts.map((part) => part.weight),
      ...products.map(({ bias }, i) => bias?.device ?? parts[i]!.weight), // stands in likewise
      ...products.map(({ output }) => output.device),
      parts[0]!.shape,
    ],
    columns: parts.map(({ rows }) => rows),
  });
}

/**
 * Records activation(input · gateᵀ + gateBias) · (input · upᵀ + upBias), biases both or neither.
 *
 * @param parts Those of {@link tiledTogether}, of the gate and the other.
 */
export function recordGatedTiledMatmul(
  recorder: Recorder,
  { input, weight, biases, activation, precision, output }: {
    readonly input: Matrix;
    /** The gate's, whose shape and type the other shares. */
    readonly weight: Weight;
    readonly biases: readonly (Matrix | undefined)[];
    readonly activation: Activation;
    readonly precision: Precision | undefined;
    readonly output: Matrix;
  },
  parts: readonly BufferPart[],
): void {
  recordTiled(recorder, {
    products: "gated",
    precision,
    input,
    weight,
    constants: { ...activationConstants(activation), HAS_BIAS: biases[0] !== undefined },
    bindings: [
      ...parts.map((part) => part.weight),
      ...biases.map((bias, i) => bias?.device ?? parts[i]!.weight), // stands in likewise
      output.device,
      parts[0]!.shape,
    ],
    columns: [weight.rows],
  });
}

/** Records the product with a weight that lies in a texture. */
export function recordTextureMatmul(
  recorder: Recorder,
  operands: MatmulOperands,
  part: TexturePart,
): void {
  const { input, weight, bias, output } = operands;
  const tile = chosenTile(recorder, weight);
  inTexture(recorder, input, ({ view }) => {
    recorder.dispatch({
      shader: matmulTextureShader,
      constants: {
        ...epilogue(operands),
        STEP: stepOf(weight),
        TEXELS: texelsOf(weight.type),
        LANES: lanesOf(tile),
        ROWS: tile.rows,
        PLACES: tile.laneColumns / 4,
        SUBGROUP: textureLanes(recorder.device),
      },
      bindings: [
        view,
        part.view,
        bias?.device ?? part.shape, // stands in likewise
        output.device,
        part.shape,
      ],
      workgroups: workgroupsOf(tile, input.rows, weight.rows),
    });
  });
}

/**
 * Records activation(input · gateᵀ) · (input · upᵀ) into a texture.
 *
 * @param weights The gate's weight, whose shape and type the other shares.
 */
export function recordGatedTextureMatmul(
  recorder: Recorder,
  { input, rows, weights, activation }: {
    readonly input: PooledTexture;
    readonly rows: number;
    readonly weights: Weight;
    readonly activation: Activation;
  },
  [gate, up]: readonly [TexturePart, TexturePart],
  output: PooledTexture,
): void {
  const tile = chosenTile(recorder, weights);
  recorder.dispatch({
    shader: gatedMatmulTextureShader,
    constants: {
      ...activationConstants(activation),
      ...typeConstants(weights.type),
      STEP: stepOf(weights),
      TEXELS: texelsOf(weights.type),
      LANES: lanesOf(tile),
      ROWS: tile.rows,
      SUBGROUP: textureLanes(recorder.device),
    },
    bindings: [input.view, gate.view, up.view, output.view, gate.shape],
    // A lane makes four columns of each product, whatever the tile of a single one.
    workgroups: workgroupsOf({ ...tile, columns: 4 * lanesOf(tile) }, rows, weights.rows),
  });
}
