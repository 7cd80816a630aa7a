import {
  gatedMatmulTextureShader,
  matmulTextureShader,
  matmulTiledShader,
} from "../../../shaders/shaders.ts";
import { textureLanes } from "../../gpu/kernel_set.ts";
import type { Recorder } from "../../gpu/recorder.ts";
import type { PooledTexture } from "../../gpu/texture_pool.ts";
import { type Activation, activationConstants } from "../activation.ts";
import type { MatmulOperands } from "./matmul_operands.ts";
import {
  chosenTile,
  fewRowsTile,
  headTile,
  lanesOf,
  type ProductTile,
  tileInner,
} from "./product_tiles.ts";
import type { BufferPart, TexturePart, Weight, WeightType } from "../weight.ts";
import { inTexture } from "../texture_copies.ts";

/** The shaders' names of the stored types. */
const weightTypes: Readonly<Record<WeightType, number>> = { F32: 0, F16: 1, BF16: 2 };

function epilogue({ weight, bias, activation, accumulate }: MatmulOperands) {
  return {
    WEIGHT_TYPE: weightTypes[weight.type],
    HAS_BIAS: bias !== undefined,
    RELU: activation === "relu",
    ACCUMULATE: accumulate ?? false,
  };
}

/** Values of k in 16 bytes of weights. */
function stepOf(weight: Weight): number {
  return weight.type === "F32" ? 4 : 8;
}

/** Tiles of rows come first: those that use the same weights run side by side. */
function workgroupsOf(tile: ProductTile, rows: number, columns: number): [number, number] {
  return [Math.ceil(rows / tile.rows), Math.ceil(columns / tile.columns)];
}

function tiledTile(recorder: Recorder, rows: number, weight: Weight): ProductTile {
  if (recorder.kernelSet === "texture") return headTile;
  return rows <= fewRowsTile.rows ? fewRowsTile : chosenTile(recorder, weight);
}

/** Records the product with one part of a weight that lies in a buffer as stored. */
export function recordTiledMatmul(
  recorder: Recorder,
  operands: MatmulOperands,
  part: BufferPart,
): void {
  const { input, weight, bias, output } = operands;
  const tile = tiledTile(recorder, input.rows, weight);
  recorder.dispatch({
    shader: matmulTiledShader,
    constants: {
      ...epilogue(operands),
      TILE_ROWS: tile.rows,
      TILE_COLUMNS: tile.columns,
      TILE_INNER: tileInner,
      LANE_ROWS: tile.laneRows,
      LANE_COLUMNS: tile.laneColumns,
      WORD_QUADS: stepOf(weight) / 4,
    },
    bindings: [
      input.device,
      part.weight,
      // Without a bias the kernel reads nothing from its binding; any buffer stands in.
      bias?.device ?? part.weight,
      output.device,
      part.shape,
    ],
    workgroups: workgroupsOf(tile, input.rows, part.rows),
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
      WEIGHT_TYPE: weightTypes[weights.type],
      STEP: stepOf(weights),
      LANES: lanesOf(tile),
      ROWS: tile.rows,
      SUBGROUP: textureLanes(recorder.device),
    },
    bindings: [input.view, gate.view, up.view, output.view, gate.shape],
    // A lane makes four columns of each product, whatever the tile of a single one.
    workgroups: workgroupsOf({ ...tile, columns: 4 * lanesOf(tile) }, rows, weights.rows),
  });
}
