import { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { CheckpointFolder } from "../checkpoint/folder.ts";
import { checkTensors } from "../checkpoint/check_tensors.ts";
import type { AssayError } from "../error.ts";
import { readDecoderConfig } from "../models/decoder_config.ts";
import { decoderTensors } from "../models/decoder_tensors.ts";
import { LanguageHead, languageHeadName } from "../models/language_head.ts";
import type { Conversation } from "../text/conversation.ts";
import { Backbone, type Outcome, warner } from "./backbone.ts";
import type { LoadOptions, ScoreOptions } from "./load_options.ts";

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
    using opened = new DisposableStack();
    const checkpoint = opened.use(await Checkpoint.open(source));
    const config = readDecoderConfig(checkpoint.config, checkpoint.name, warner(options));
    const tensors = new Map([...checkpoint.tensors].filter(([key]) => key.startsWith("model.")));
    checkTensors(tensors, decoderTensors(config), checkpoint.name);
    const { byteLength } = checkpoint.tensors.get(languageHeadName(checkpoint))!;
    const backbone = await Backbone.open(checkpoint, { config, tensors, gates: false }, {
      ...options,
      ...(options.memoryBudget === undefined
        ? {}
        : { memoryBudget: options.memoryBudget - byteLength }),
    });
    opened.move();
    using loading = new DisposableStack();
    loading.use(backbone);
    const head = await LanguageHead.load(checkpoint, backbone.engine, config);
    loading.move();
    return new CausalModel(backbone, head);
  }

  /** Where it computes. */
  get backend(): "gpu" | "cpu" {
    return this.backbone.backend;
  }

  /**
   * Log-probabilities of the responses' tokens, in input order; an error in the place of a conversation
   * without.
   *
   * @throws As {@link Backbone.run}.
   */
  logProbabilities(
    conversations: readonly Conversation[],
    options: ScoreOptions = {},
  ): Promise<Outcome<Float64Array>[]> {
    return this.backbone.runResponses(conversations, async (packs, hidden) => {
      const results: [number, Float64Array | AssayError][] = [];
      for (const [i, { members }] of packs.entries()) {
        const targets = Uint32Array.from(members.flatMap(({ next }) => Array.from(next)));
        const read = await this.head.logProbabilities(hidden[i]!, targets);
        this.backbone.engine.release(hidden[i]!);
        let at = 0;
        for (const { index, next } of members) {
          // The last state foretells a token that is not there.
          results.push([index, read.slice(at, at + next.length - 1)]);
          at += next.length;
        }
      }
      return results;
    }, options);
  }

  /** Frees the device and closes the checkpoint. */
  [Symbol.dispose](): void {
    this.head[Symbol.dispose]();
    this.backbone[Symbol.dispose]();
  }
}
