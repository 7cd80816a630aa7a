import type { Head, HeadKind, Judgement, ReadRows, ReadStates } from "../../src/heads/head.ts";
import { matmul } from "../../src/ops/matmul.ts";
import type { Matrix } from "../../src/ops/matrix.ts";
import type { Weight } from "../../src/ops/weight.ts";
import { WeightLoader } from "../../src/ops/weight_loader.ts";

/** The tensors of {@link twoReadsHead}, [2, hidden] and [1, hidden]. */
export const twoReadsTensors = { opening: "opening.weight", steps: "steps.weight" };

/**
 * A head that is none of Assay's: it reads the first token and each occurrence of another, and tells
 * two parts, one named and one a list. The score is the sum of all their numbers.
 *
 * @param stepToken The token whose occurrences are read.
 */
export function twoReadsHead(stepToken: number): HeadKind {
  return {
    kind: "two-reads",
    names: [twoReadsTensors.opening],
    told: `"${twoReadsTensors.opening}" (two reads)`,
    matches: ({ tensors }) => tensors.has(twoReadsTensors.opening),
    plan: ({ hiddenSize }) => ({
      kind: "two-reads",
      reads: { opening: { at: "first" }, steps: { at: "token", id: stepToken } },
      parts: { opening: ["warm", "cold"], steps: null },
      tensors: new Map([
        [twoReadsTensors.opening, [2, hiddenSize]],
        [twoReadsTensors.steps, [1, hiddenSize]],
      ]),
      async load(checkpoint, backend) {
        const loader = new WeightLoader(checkpoint, backend);
        const opening = await loader.weight(twoReadsTensors.opening);
        return new TwoReadsHead(loader, opening, await loader.weight(twoReadsTensors.steps));
      },
    }),
  };
}

class TwoReadsHead implements Head {
  constructor(readonly loader: WeightLoader, readonly opening: Weight, readonly steps: Weight) {}

  record({ opening, steps }: ReadStates): Matrix[] {
    const { backend } = this.loader;
    return [[opening!, this.opening] as const, [steps!, this.steps] as const].map(
      ([input, weight]) => {
        const output = backend.matrix(input.rows, weight.rows);
        backend.run(matmul, { input, weight, output });
        return output;
      },
    );
  }

  judge(
    [openings, steps]: readonly Float32Array[],
    conversations: readonly ReadRows[],
  ): Judgement[] {
    return conversations.map((rows) => {
      const at = 2 * rows.opening![0]!;
      const parts = {
        opening: Float64Array.from(openings!.subarray(at, at + 2)),
        steps: Float64Array.from(rows.steps!, (row) => steps![row]!),
      };
      const score = [...parts.opening, ...parts.steps].reduce((a, b) => a + b);
      return { score, parts };
    });
  }

  [Symbol.dispose](): void {
    this.loader[Symbol.dispose]();
  }
}
