import type { ConfigReader } from "../checkpoint/config_reader.ts";
import { activate } from "../ops/activate.ts";
import { type Activation, namedActivations } from "../ops/activation.ts";
import type { Backend } from "../ops/backend.ts";
import { matmul } from "../ops/matmul.ts";
import type { Matrix } from "../ops/matrix.ts";
import { asStored, type LayOut, padded } from "../ops/layout.ts";
import type { Linear, WeightLoader } from "../ops/weight_loader.ts";

/**
 * An activation by the name that transformers gives it.
 *
 * @throws {AssayError} `checkpoint/bad-config`.
 */
export function activationOf(config: ConfigReader, key: string, fallback: string): Activation {
  const name = config.text(key, fallback);
  const activation = Object.hasOwn(namedActivations, name) ? namedActivations[name] : undefined;
  if (activation !== undefined) return activation;
  throw config.unexpected(key, `one of ${Object.keys(namedActivations).join(", ")}`, name);
}

/** How the outputs of a layer lie: what a hidden one gives, the next takes in, zeros included. */
export function outputsOf(layer: number, layers: number): LayOut {
  return layer < layers - 1 ? padded : asStored;
}

/**
 * Loads linear maps that follow one another.
 *
 * @param biases Whether each has a bias.
 */
export async function loadLayers(
  loader: WeightLoader,
  names: readonly string[],
  biases: readonly boolean[] = names.map(() => true),
): Promise<Linear[]> {
  const layers: Linear[] = [];
  for (const [layer, name] of names.entries()) {
    const outputs = outputsOf(layer, names.length);
    layers.push(await loader.linear(name, biases[layer]!, { outputs }));
  }
  return layers;
}

/**
 * Runs linear maps one after another with an activation between two, none after the last.
 *
 * @param input [rows, inputs of the first]; it stays the caller's.
 * @returns [rows, outputs of the last].
 */
export function runLayers(
  backend: Backend,
  input: Matrix,
  layers: readonly Linear[],
  activation: Activation,
): Matrix {
  let state = input;
  layers.forEach(({ weight, bias }, layer) => {
    const isLast = layer === layers.length - 1;
    const fused = isLast || activation !== "relu" ? undefined : activation;
    let output = backend.matrix(state.rows, weight.rows);
    backend.run(matmul, { input: state, weight, bias, activation: fused, output });
    if (state !== input) backend.release(state);
    if (!isLast && fused === undefined) {
      const product = output;
      output = backend.matrix(product.rows, product.columns);
      backend.run(activate, { input: product, activation, output });
      backend.release(product);
    }
    state = output;
  });
  return state;
}
