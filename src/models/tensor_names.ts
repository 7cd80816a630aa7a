/** Names of a backbone's tensors where they all begin alike, as `transformers` names them. */
export interface TensorNames {
  /** The embedding matrix, [vocabulary, hidden]. */
  readonly embedding: string;
  /** The final norm's weight, [hidden]. */
  readonly finalNorm: string;
  /** What the names of a layer's tensors begin with. */
  layerPrefix(layer: number): string;
  /** Whether a tensor is named as one of the backbone's. */
  owns(tensor: string): boolean;
  /** The layer that a tensor's name says. */
  layerOf(tensor: string): number | undefined;
}

/** The names of a backbone whose tensors begin with `root`. */
export function namesUnder(root: string): TensorNames {
  const layers = `${root}layers.`;
  return {
    embedding: `${root}embed_tokens.weight`,
    finalNorm: `${root}norm.weight`,
    layerPrefix: (layer) => `${layers}${layer}.`,
    owns: (tensor) => tensor.startsWith(root),
    layerOf(tensor) {
      const digits = tensor.startsWith(layers)
        ? /^(\d+)\./.exec(tensor.slice(layers.length))
        : null;
      return digits === null ? undefined : Number(digits[1]);
    },
  };
}
