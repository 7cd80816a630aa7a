import { seededRandom } from "../numbers/seeded_random.ts";
import { type Parameter, parameter } from "./adamw.ts";
import { multiplyTransposed, transposed } from "./matrix_products.ts";
import { checkTrainingOptions } from "./check_training.ts";

/** A linear map with a bias. */
export interface LinearLayer {
  /** [outputs, inputs] */
  readonly weight: Parameter;
  /** [outputs] */
  readonly bias: Parameter;
}

/** The shape of a gate. */
export interface GatingShape {
  /** Numbers of a prompt's hidden state. */
  readonly dimension: number;
  /** Objectives that are weighed. */
  readonly objectives: number;
  /** Width of the hidden layers; 1,024 by default. */
  readonly hiddenSize?: number | undefined;
  /** Hidden layers; 3 by default. */
  readonly hiddenLayers?: number | undefined;
  /** T; 10 by default. */
  readonly temperature?: number | undefined;
}

/** Share of a hidden layer that is left out in training, and where chance comes from. */
export interface Dropout {
  /** The share, from 0 to below 1. */
  readonly rate: number;
  /** Draws numbers from 0 to 1. */
  readonly random: () => number;
}

/** What a forward pass leaves for the way back. */
export interface GatingPass {
  /** g, [prompts, objectives]. */
  readonly gating: Float64Array;
  /** Inputs of each layer, [prompts, inputs], after ReLU and dropout. */
  readonly inputs: readonly Float64Array[];
  /** softmax(z / T), [prompts, objectives]. */
  readonly shares: Float64Array;
  /** What dropout multiplied with what it kept of a hidden layer; 1 without dropout. */
  readonly kept: number;
}

/**
 * ArmoRM's gate (arXiv 2406.12845, section 3.3): g = softmax(MLP(p) / T) · s over the objectives, p the
 * hidden state where the assistant's header starts, ReLU between the layers, s learnt. Forward and
 * backward pass are written out; all arithmetic is in 64 bits.
 */
export class GatingNetwork {
  /**
   * A gate of given numbers.
   *
   * @param layers The hidden layers, then the one of the objectives.
   * @param logitScale s, [1].
   * @param temperature T.
   */
  constructor(
    readonly layers: readonly LinearLayer[],
    readonly logitScale: Parameter,
    readonly temperature: number,
  ) {}

  /** A gate as PyTorch starts one: weights and biases even in ±1 / √inputs, s = 1. */
  static create(shape: GatingShape, seed: number): GatingNetwork {
    checkTrainingOptions(shape);
    const { dimension, objectives, hiddenSize = 1024, hiddenLayers = 3, temperature = 10 } = shape;
    const random = seededRandom(seed);
    const sizes = [
      dimension,
      ...Array.from({ length: hiddenLayers }, () => hiddenSize),
      objectives,
    ];
    const layers = sizes.slice(1).map((outputs, layer): LinearLayer => {
      const inputs = sizes[layer]!;
      const draw = (count: number): Parameter =>
        parameter(
          Float64Array.from({ length: count }, () => (2 * random() - 1) / Math.sqrt(inputs)),
        );
      return { weight: draw(outputs * inputs), bias: draw(outputs) };
    });
    return new GatingNetwork(layers, parameter(Float64Array.of(1)), temperature);
  }

  /** All that is learnt. */
  get parameters(): readonly Parameter[] {
    return [...this.layers.flatMap(({ weight, bias }) => [weight, bias]), this.logitScale];
  }

  /**
   * Weighs the objectives for prompts.
   *
   * @param prompts [prompts, dimension]
   * @param dropout In training only.
   */
  forward(prompts: Float64Array, dropout?: Dropout): GatingPass {
    const inputs: Float64Array[] = [prompts];
    const rate = dropout?.rate ?? 0;
    const kept = 1 / (1 - rate);
    let output = prompts;
    this.layers.forEach(({ weight, bias }, index) => {
      const width = bias.value.length;
      output = multiplyTransposed(output, weight.value, weight.value.length / width);
      const isHidden = index < this.layers.length - 1;
      for (let row = 0; row < output.length; row += width) {
        for (let j = 0; j < width; j++) {
          let x = output[row + j]! + bias.value[j]!;
          if (isHidden) x = Math.max(x, 0);
          if (isHidden && rate > 0) x = dropout!.random() >= rate ? x * kept : 0;
          output[row + j] = x;
        }
      }
      if (isHidden) inputs.push(output);
    });
    const shares = softmaxRows(output, this.layers.at(-1)!.bias.value.length, this.temperature);
    const gating = shares.map((share) => share * this.logitScale.value[0]!);
    return { gating, inputs, shares, kept };
  }

  /**
   * Adds the gradients of a loss to the parameters'.
   *
   * @param pass What {@link GatingNetwork.forward} returned.
   * @param byGating The loss's gradient by g, [prompts, objectives].
   */
  backward({ inputs, shares, kept }: GatingPass, byGating: Float64Array): void {
    let gradient = this.#throughSoftmax(shares, byGating);
    for (let index = this.layers.length - 1; index >= 0; index--) {
      const { weight, bias } = this.layers[index]!;
      const outputs = bias.value.length;
      const input = inputs[index]!;
      const width = weight.value.length / outputs;
      const rows = input.length / width;
      for (let row = 0; row < gradient.length; row += outputs) {
        for (let j = 0; j < outputs; j++) bias.gradient[j]! += gradient[row + j]!;
      }
      const byOutput = transposed(gradient, outputs);
      multiplyTransposed(byOutput, transposed(input, width), rows, weight.gradient);
      if (index === 0) return;
      gradient = multiplyTransposed(gradient, transposed(weight.value, width), outputs);
      // An input of 0 was cut by ReLU or dropout; nothing of the loss depends on what it was.
      for (let i = 0; i < gradient.length; i++) {
        gradient[i] = input[i]! > 0 ? gradient[i]! * kept : 0;
      }
    }
  }

  /** Gradient by the last layer's outputs: (s / T) · g ⊙ (d − Σ g d), and that of s. */
  #throughSoftmax(shares: Float64Array, byGating: Float64Array): Float64Array {
    const objectives = this.layers.at(-1)!.bias.value.length;
    const factor = this.logitScale.value[0]! / this.temperature;
    const gradient = new Float64Array(shares.length);
    for (let row = 0; row < shares.length; row += objectives) {
      let along = 0;
      for (let k = row; k < row + objectives; k++) along += shares[k]! * byGating[k]!;
      this.logitScale.gradient[0]! += along;
      for (let k = row; k < row + objectives; k++) {
        gradient[k] = factor * shares[k]! * (byGating[k]! - along);
      }
    }
    return gradient;
  }
}

function softmaxRows(logits: Float64Array, width: number, temperature: number): Float64Array {
  const shares = new Float64Array(logits.length);
  for (let row = 0; row < logits.length; row += width) {
    let most = -Infinity;
    for (let k = row; k < row + width; k++) most = Math.max(most, logits[k]! / temperature);
    let sum = 0;
    for (let k = row; k < row + width; k++) {
      sum += shares[k] = Math.exp(logits[k]! / temperature - most);
    }
    for (let k = row; k < row + width; k++) shares[k]! /= sum;
  }
  return shares;
}
