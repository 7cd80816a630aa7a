import { toy, toyWeights } from "./toy_family.ts";

type Row = readonly number[];

/**
 * The toy family's final hidden states, by the formulas in plain loops and f64: it shares nothing with
 * Assay's own arithmetic.
 */
export function toyHiddenStates(ids: ArrayLike<number>, vocabulary: number): Row[] {
  const weights = toyWeights(vocabulary);
  const { hidden, heads, headDim, layers } = toy;
  const map = (x: Row, name: string): number[] => {
    const w = weights.get(`${name}.weight`)!;
    const b = weights.get(`${name}.bias`);
    return Array.from(
      { length: w.length / x.length },
      (_, output) =>
        x.reduce((sum, value, i) => sum + value * w[output * x.length + i]!, b?.[output] ?? 0),
    );
  };
  const norm = (x: Row, name: string): number[] => {
    const [w, b] = [weights.get(`${name}.weight`)!, weights.get(`${name}.bias`)!];
    const mean = x.reduce((a, c) => a + c) / x.length;
    const variance = x.reduce((a, c) => a + (c - mean) ** 2, 0) / x.length;
    return x.map((c, i) => (c - mean) / Math.sqrt(variance + 1e-5) * w[i]! + b[i]!);
  };
  const row = (
    name: string,
    index: number,
  ): Row => [...weights.get(name)!.subarray(index * hidden, (index + 1) * hidden)];
  const add = (a: Row, b: Row): number[] => a.map((x, i) => x + b[i]!);
  let states = Array.from(
    ids,
    (id, position) => add(row("toy.tokens", id), row("toy.positions", position)),
  );
  for (let layer = 0; layer < layers; layer++) {
    const at = `toy.${layer}.`;
    const normed = states.map((x) => norm(x, `${at}before`));
    const [q, k, v] = ["query", "key", "value"].map((name) => normed.map((x) => map(x, at + name)));
    const mixed = q!.map((query, i) =>
      Array.from({ length: heads }, (_, head) => {
        const part = (x: Row): Row => x.slice(head * headDim, (head + 1) * headDim);
        const scores = k!.slice(0, i + 1).map((key) =>
          part(query).reduce((sum, x, d) => sum + x * part(key)[d]!, 0) / Math.sqrt(headDim)
        );
        const shares = scores.map((score) => Math.exp(score - Math.max(...scores)));
        const total = shares.reduce((a, b) => a + b);
        return Array.from({ length: headDim }, (_, d) =>
          shares.reduce((sum, share, j) => sum + share / total * part(v![j]!)[d]!, 0));
      }).flat()
    );
    states = states.map((x, i) => add(x, map(mixed[i]!, `${at}output`)));
    states = states.map((x) => {
      const inner = map(norm(x, `${at}after`), `${at}in`).map((c) => Math.max(0, c));
      return add(x, map(inner, `${at}out`));
    });
  }
  return states.map((x) => norm(x, "toy.norm"));
}
