import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { Backend } from "../ops/backend.ts";
import { matmul } from "../ops/matmul.ts";
import type { Matrix } from "../ops/matrix.ts";
import { type Linear, WeightLoader } from "../ops/weight_loader.ts";
import type {
  Head,
  HeadFacts,
  HeadKind,
  HeadPlan,
  Judgement,
  ReadRows,
  ReadStates,
} from "./head.ts";

/** What the voters' linear map is named: `.weight` [voters, hidden], and `.bias` where they have any. */
export const votersName = "voters";

/**
 * Several voters on one backbone (a linear-layer ensemble, Zhang et al. 2024, arXiv 2401.16635): with h
 * the hidden state of the last token,
 *
 *     R_i = w_i · h + b_i      score = mean of R      std = √(mean of (R_i − score)²)
 *
 * A margin's deviation is that of the voters' margins.
 */
export const votersHead: HeadKind = {
  kind: "voters",
  names: [`${votersName}.weight`],
  told: `"${votersName}.weight" (several voters)`,
  matches: ({ tensors }) => tensors.has(`${votersName}.weight`),
  plan: planVoters,
};

function planVoters({ tensors, hiddenSize }: HeadFacts): HeadPlan {
  const voters = tensors.get(`${votersName}.weight`)!.shape[0] ?? 1;
  const isBiased = tensors.has(`${votersName}.bias`);
  return {
    kind: "voters",
    reads: { score: { at: "last" } },
    parts: { voters: Array.from({ length: voters }, (_, voter) => `${votersName}[${voter}]`) },
    tensors: new Map<string, readonly number[]>([
      [`${votersName}.weight`, [voters, hiddenSize]],
      ...(isBiased ? [[`${votersName}.bias`, [voters]] as const] : []),
    ]),
    load: (checkpoint, backend) => VotersHead.load(checkpoint, backend, isBiased),
  };
}

class VotersHead implements Head {
  private constructor(readonly loader: WeightLoader, readonly voters: Linear) {}

  static async load(
    checkpoint: Checkpoint,
    backend: Backend,
    isBiased: boolean,
  ): Promise<VotersHead> {
    const loader = new WeightLoader(checkpoint, backend);
    return new VotersHead(loader, await loader.linear(votersName, isBiased));
  }

  record({ score: input }: ReadStates): Matrix[] {
    const { loader: { backend }, voters: { weight, bias } } = this;
    const output = backend.matrix(input!.rows, weight.rows);
    backend.run(matmul, { input: input!, weight, bias, output });
    return [output];
  }

  judge([numbers]: readonly Float32Array[], conversations: readonly ReadRows[]): Judgement[] {
    const count = this.voters.weight.rows;
    return conversations.map(({ score: rows }) => {
      const at = rows![0]! * count;
      const voters = Float64Array.from(numbers!.subarray(at, at + count));
      const score = voters.reduce((sum, voter) => sum + voter, 0) / count;
      const variance = voters.reduce((sum, voter) => sum + (voter - score) ** 2, 0) / count;
      const vector = voters.map((voter) => (voter - score) / Math.sqrt(count));
      const deviation = { vector, noise: 0 };
      return { score, std: Math.sqrt(variance), deviation, parts: { voters } };
    });
  }

  [Symbol.dispose](): void {
    this.loader[Symbol.dispose]();
  }
}
