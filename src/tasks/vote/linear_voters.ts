import type { CheckpointFolder } from "../../checkpoint/folder.ts";
import { AssayError } from "../../error.ts";
import { Backbone, type PooledState } from "../../scoring/backbone.ts";
import type { LoadOptions } from "../../scoring/load_options.ts";
import { applyLinearHeads, type LinearHeads } from "../../voting/linear_heads.ts";
import type { LoadedVoter, VoterScores } from "./loaded_voter.ts";

/**
 * Loads a backbone with several linear heads. A conversation's hidden state is computed once and read
 * back; the heads' products, k · hidden multiplications, are made on the host in 64 bits.
 *
 * @param folder The checkpoint; its own head, if it has one, is left unread.
 * @param heads The heads.
 * @param options How the backbone is loaded.
 * @throws {AssayError} `voting/bad-heads` where the heads are for another hidden size, and what
 * loading the backbone throws.
 */
export async function loadLinearVoters(
  folder: string | CheckpointFolder,
  heads: LinearHeads,
  options: LoadOptions,
): Promise<LoadedVoter> {
  const backbone = await Backbone.load(folder, options);
  if (backbone.hiddenSize !== heads.hidden) {
    backbone[Symbol.dispose]();
    throw new AssayError(
      "voting/bad-heads",
      `Cannot let heads vote on ${backbone.name}: expected weights for hidden states of ` +
        `${backbone.hiddenSize} numbers, found ${heads.hidden}`,
    );
  }
  return {
    kernels: backbone.backend.kernels,
    async *scoreStream(conversations, { signal }): AsyncGenerator<VoterScores> {
      for await (const state of backbone.states(conversations, { signal })) {
        yield scoresOf(heads, state);
      }
    },
    [Symbol.dispose]: () => backbone[Symbol.dispose](),
  };
}

function scoresOf(
  heads: LinearHeads,
  state: PooledState | AssayError,
): VoterScores {
  if (state instanceof AssayError) return { scores: null, error: state };
  return { scores: applyLinearHeads(heads, state.states.last![0]!), error: null };
}
