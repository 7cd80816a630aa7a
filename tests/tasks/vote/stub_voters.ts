import type { VoterScores } from "../../../src/tasks/vote/loaded_voter.ts";
import type { OpenVoter, VoterSpec } from "../../../src/tasks/vote/voter_source.ts";
import { AssayError } from "../../../src/error.ts";
import type { Conversation } from "../../../src/text/conversation.ts";

/** What a stand-in for reward models was asked. */
export interface VoterLog {
  /** Models that were loaded, in order. */
  readonly loaded: string[];
  /** Responses that were scored, in order, by model. */
  readonly scored: string[];
}

interface StubOptions {
  readonly delay?: number;
  readonly revision?: string;
  readonly kernels?: string | undefined;
}

/**
 * Stands in for reward models: the score of a response is its length times the first number in the
 * model's name; a response "bad" can't be scored. Heads make two voters, the second of which
 * negates.
 *
 * @param log Told what is asked.
 * @param options.delay Milliseconds that each score takes.
 * @param options.revision Of every model.
 * @param options.kernels That compute.
 */
export function stubVoters(log: VoterLog, options: StubOptions = {}): OpenVoter {
  const { delay = 0, revision = "1", kernels } = options;
  return (spec: VoterSpec) => {
    const name = spec.adapter ?? spec.model;
    const names = spec.heads === undefined ? [name] : [`${spec.heads}[0]`, `${spec.heads}[1]`];
    const factor = Number(/\d+/.exec(name)?.[0] ?? 1);
    return Promise.resolve({
      names,
      revision: revision + name,
      load: () => {
        log.loaded.push(name);
        return Promise.resolve({
          kernels,
          async *scoreStream(
            conversations: AsyncIterable<Conversation>,
            { signal }: { signal?: AbortSignal },
          ): AsyncGenerator<VoterScores> {
            for await (const conversation of conversations) {
              const response = conversation.at(-1)!.content;
              if (delay > 0) await new Promise((resolve) => setTimeout(resolve, delay));
              signal?.throwIfAborted();
              log.scored.push(`${name}: ${response}`);
              const score = response.length * factor / 3;
              yield response === "bad"
                ? { scores: null, error: new AssayError("text/too-long", "Cannot score this") }
                : { scores: names.length === 1 ? [score] : [score, -score], error: null };
            }
          },
          [Symbol.dispose]() {},
        });
      },
      [Symbol.dispose]() {},
    });
  };
}
