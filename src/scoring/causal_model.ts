import { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { CheckpointFolder } from "../checkpoint/folder.ts";
import { checkTensors } from "../checkpoint/check_tensors.ts";
import { readDecoderConfig } from "../models/decoder_config.ts";
import { decoderTensors } from "../models/decoder_tensors.ts";
import { LanguageHead, languageHeadName } from "../models/language_head.ts";
import type { Matrix } from "../ops/matrix.ts";
import { Backbone, warner } from "./backbone.ts";
import type { LoadOptions, ScoreOptions } from "./load_options.ts";
import type { Conversations } from "./packs/look_ahead.ts";
import type { Outcome } from "./packs/pack_pipeline.ts";
import type { Sequence } from "./packs/prefix_group.ts";

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
   * Log-probabilities of the responses' tokens, as they come and in input order; an error in the
   * place of a conversation without.
   *
   * @throws As {@link Backbone.run}.
   */
  logProbabilities(
    conversations: Conversations,
    options: ScoreOptions = {},
  ): AsyncGenerator<Outcome<Float64Array>> {
    const { head, backbone: { engine } } = this;
    return this.backbone.runResponses(conversations, {
      record({ members }, hidden): Matrix[] {
        const states = head.record(hidden, Uint32Array.from(members.flatMap(foretold)));
        engine.release(hidden);
        return states;
      },
      results({ members }, numbers): Float64Array[] {
        const all = head.logProbabilities(numbers);
        let at = 0;
        return members.map((member) => {
          const { length } = foretold(member);
          // The last state foretells a token that is not there.
          return all.slice(at, (at += length) - 1);
        });
      },
    }, options);
  }

  /** Frees the device and closes the checkpoint. */
  [Symbol.dispose](): void {
    this.head[Symbol.dispose]();
    this.backbone[Symbol.dispose]();
  }
}

/** The token that follows each wanted state; after the last one nothing does, and a 0 holds its place. */
function foretold({ ids, pooledFrom }: Sequence): number[] {
  return [...ids.subarray(pooledFrom! + 1), 0];
}
