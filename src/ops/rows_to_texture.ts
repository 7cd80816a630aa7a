import { rowsToTextureShader } from "../../shaders/shaders.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { PooledTexture } from "../gpu/texture_pool.ts";
import type { Matrix } from "./matrix.ts";
import { workgroupsFor } from "./workgroups.ts";

/**
 * Records the copying of a matrix into a texture, four columns to a texel; the caller gives the
 * texture back to the device's pool once its readers are recorded.
 */
export function recordRowsToTexture(recorder: Recorder, matrix: Matrix): PooledTexture {
  const texture = recorder.device.textures.acquire(matrix.columns / 4, matrix.rows);
  recorder.dispatch({
    shader: rowsToTextureShader,
    constants: {},
    bindings: [matrix.device, texture.view],
    workgroups: workgroupsFor((matrix.rows * matrix.columns) / 4, 64),
  });
  return texture;
}
