import { rowsToTextureShader, textureToRowsShader } from "../../shaders/shaders.ts";
import { type Recorder, workgroupsFor } from "../gpu/recorder.ts";
import type { PooledTexture } from "../gpu/texture_pool.ts";
import type { Matrix } from "./matrix.ts";

/**
 * Has `use` read a matrix from a texture: its own, or a copy of its rows that is given back to the
 * pool once `use` has recorded its readers.
 */
export function inTexture<Result>(
  recorder: Recorder,
  matrix: Matrix,
  use: (texture: PooledTexture) => Result,
): Result {
  if (matrix.texture !== undefined) return use(matrix.texture);
  const copy = recorder.device.textures.acquire(matrix.columns / 4, matrix.rows);
  recordRowsToTexture(recorder, matrix, copy);
  const result = use(copy);
  recorder.device.textures.release(copy);
  return result;
}

/** Records the copying of a matrix's rows into a texture. */
export function recordRowsToTexture(
  recorder: Recorder,
  matrix: Matrix,
  texture: PooledTexture,
): void {
  recorder.dispatch({
    shader: rowsToTextureShader,
    constants: {},
    bindings: [matrix.device, texture.view],
    workgroups: workgroupsFor((matrix.rows * matrix.columns) / 4, 64),
  });
}

/** Records the copying of a texture into the rows of a matrix. */
export function recordTextureToRows(
  recorder: Recorder,
  texture: PooledTexture,
  matrix: Matrix,
): void {
  recorder.dispatch({
    shader: textureToRowsShader,
    constants: {},
    bindings: [texture.view, matrix.device],
    workgroups: workgroupsFor((matrix.rows * matrix.columns) / 4, 64),
  });
}
