/** Sizes of the Llama-like models that the bench measures with. */
export interface ModelShape {
  readonly layers: number;
  readonly hidden: number;
  readonly feedForward: number;
  readonly heads: number;
  /** Heads of keys and values; ONNX is written for as many as heads alone. */
  readonly keyHeads: number;
  readonly vocabulary: number;
  readonly maxTokens: number;
  readonly rmsEpsilon: number;
  readonly ropeTheta: number;
}

/** The model of the tables: 85 million weights in its layers, 25 million in its embeddings. */
export function modelShape(layers: number): ModelShape {
  return {
    layers,
    hidden: 768,
    feedForward: 2048,
    heads: 12,
    keyHeads: 12,
    vocabulary: 32000,
    maxTokens: 8192,
    rmsEpsilon: 1e-5,
    ropeTheta: 10000,
  };
}

/** Multiplications and additions of one token in the layers' linear maps. */
export function operationsPerToken(shape: ModelShape): number {
  const { layers, hidden, feedForward, heads, keyHeads } = shape;
  const attention = 2 * (1 + keyHeads / heads) * hidden * hidden;
  return 2 * layers * (attention + 3 * hidden * feedForward);
}
