import type { CheckpointFolder } from "../checkpoint/folder.ts";
import { AssayError } from "../error.ts";
import { LanguageHead } from "../models/language_head.ts";
import type { Matrix } from "../ops/matrix.ts";
import { Backbone } from "./backbone.ts";
import type { LoadOptions, ScoreOptions } from "./load_options.ts";
import type { Conversations } from "./packs/look_ahead.ts";
import type { Outcome } from "./packs/pack_pipeline.ts";
import type { ScoringPack } from "./packs/packs.ts";
import { chosenRows } from "./read_states.ts";
import type { BackendKind } from "../ops/backend.ts";

/** What a causal model finds of one response. */
export interface ResponseLogProbabilities {
  /** log p of each of its tokens. */
  readonly logProbabilities: Float64Array;
  /** The conversation's tokens, of which the last are the response's. */
  readonly ids: Uint32Array;
}

/**
 * A causal language model that tells how likely it finds responses, for implicit rewards: log p of each
 * of a response's tokens, its end token included, given everything before it.
 */
export class CausalModel implements Disposable {
  private constructor(readonly backbone: Backbone, readonly head: LanguageHead) {}

  /**
   * Loads a causal model.
   *
   * @param source A folder in Hugging Face layout.
   * @throws {AssayError} For a model that is not understood in full, or does not fit.
   */
  static async load(
    source: string | URL | CheckpointFolder,
    options: LoadOptions = {},
  ): Promise<CausalModel> {
    using loading = new DisposableStack();
    const backbone = loading.use(await Backbone.open(source, { head: "language" }, options));
    const { checkpoint, backend, model } = backbone;
    const head = await LanguageHead.load(checkpoint, backend, model.backbone);
    loading.move();
    return new CausalModel(backbone, head);
  }

  /** Where it computes. */
  get backend(): BackendKind {
    return this.backbone.backend.kind;
  }

  /**
   * Log-probabilities of the responses' tokens, as they come and in input order; an error in the
   * place of a conversation without.
   *
   * @throws As {@link Backbone.run}.
   */
  async *logProbabilities(
    conversations: Conversations,
    options: ScoreOptions = {},
  ): AsyncGenerator<Outcome<Float64Array>> {
    for await (const outcome of this.responses(conversations, options)) {
      const { result } = outcome;
      yield { ...outcome, result: result instanceof AssayError ? result : result.logProbabilities };
    }
  }

  /**
   * The same with the tokens that they are of.
   *
   * @throws As {@link Backbone.run}.
   */
  responses(
    conversations: Conversations,
    options: ScoreOptions = {},
  ): AsyncGenerator<Outcome<ResponseLogProbabilities>> {
    const { head, backbone: { backend, model: { reads } } } = this;
    return this.backbone.run(conversations, {
      reads,
      record(pack, hidden): Matrix[] {
        const targets = pack.members.flatMap(({ ids, positions: { response } }) =>
          response!.map((position) => ids[position + 1]!)
        );
        // The end of a prompt that several responses share stands there once, and foretells each.
        const isShared = targets.length > hidden.rows;
        const each = isShared ? chosenRows(backend, hidden, foretellingRows(pack)) : hidden;
        const states = head.record(each, Uint32Array.from(targets));
        backend.release(...new Set([hidden, each]));
        return states;
      },
      results({ members }, numbers): ResponseLogProbabilities[] {
        const all = head.logProbabilities(numbers);
        let at = 0;
        return members.map(({ ids, positions: { response } }) => ({
          logProbabilities: all.slice(at, at += response!.length),
          ids,
        }));
      },
    }, options);
  }

  /** Frees the device and closes the checkpoint. */
  [Symbol.dispose](): void {
    this.head[Symbol.dispose]();
    this.backbone[Symbol.dispose]();
  }
}

/** The pooled rows that foretell each member's response, one member after another. */
function foretellingRows({ reads: { response } }: ScoringPack): Uint32Array<ArrayBuffer> {
  const { members, rows } = response!;
  return Uint32Array.from(members.flatMap((places) => places.map((place) => rows[place]!)));
}
