import type { AssayError } from "../../error.ts";
import type { Conversation } from "../../text/conversation.ts";

/** The scores of one conversation by the voters of one pass, or why there are none. */
export type VoterScores =
  | { readonly scores: readonly number[]; readonly error: null }
  | { readonly scores: null; readonly error: AssayError };

/** A loaded reward model as voters use it. */
export interface LoadedVoter extends Disposable {
  /** The kernels that compute; a cache tells where its scores are of others. */
  readonly kernels?: string | undefined;
  /** Scores in the order of the conversations, with bounded memory. */
  scoreStream(
    conversations: AsyncIterable<Conversation>,
    options: { readonly signal?: AbortSignal | undefined },
  ): AsyncIterable<VoterScores>;
}
