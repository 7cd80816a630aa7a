import type { CheckpointFolder } from "../../checkpoint/folder.ts";
import { isHubName } from "../../checkpoint/hub/hub_name.ts";
import { ImplicitRewardModel } from "../../scoring/implicit_reward_model.ts";
import { hubOptions, type LoadOptions, warner } from "../../scoring/load_options.ts";
import { RewardModel } from "../../scoring/reward_model.ts";
import type { ShownTokens } from "../../scoring/shown_tokens.ts";
import type { Conversation } from "../../text/conversation.ts";
import { type ModelSpec, openModelFolder, pinnedModel } from "../model_folder.ts";
import type { Scorer } from "./scorer.ts";
import type { BackendKind } from "../../ops/backend.ts";

/** A loaded reward model as tasks use it; `RewardModel` and `RewardModelWorker` are two. */
export interface LoadedScorer extends Scorer, Disposable {
  /** Names of the objectives; empty for a head without any. */
  readonly objectives: readonly string[];
  /** Names of the parts that explain a score; empty for a head without any. */
  readonly parts: readonly string[];
  /** Where it computes. */
  readonly backend: BackendKind;
  /** The tokens of a conversation, for {@linkcode explainTokens}. */
  tokens?(conversation: Conversation): Promise<ShownTokens>;
}

/** Loads a reward model: `RewardModel.load`, `RewardModelWorker.load`, or a stand-in in tests. */
export type LoadScorer = (
  source: string | CheckpointFolder,
  options: LoadOptions,
) => Promise<LoadedScorer>;

/** How rewards are made of the log-probabilities of a model trained by DPO. */
export interface ImplicitSpec {
  /** Folder or URL of the model that it was trained from; without one, its own likelihood scores. */
  readonly reference?: string | undefined;
  /** β; 1 by default. */
  readonly beta?: number | undefined;
  /** Sum (the default) or mean over the response's tokens. */
  readonly reduce?: "sum" | "mean" | undefined;
}

/** What scores: a reward model, or a model trained by DPO, with an adapter where one is named. */
export interface ScorerSpec extends ModelSpec {
  /** Scores by implicit rewards; an adapter then belongs to the model, not to its reference. */
  readonly implicit?: ImplicitSpec | undefined;
}

/**
 * Loads what scores rows, as `assay score` does.
 *
 * @example
 * ```ts
 * import { RewardModelWorker } from "@assay/assay";
 * import { openScorer, rowsInMemory, scoreRows } from "@assay/assay/tasks";
 * import assert from "node:assert/strict";
 *
 * const spec = {
 *   model: "tests/golden/parity/llama",
 *   adapter: "tests/golden/voting/peft_adapter",
 *   adapterDtype: "F32",
 * } as const;
 * // In a worker, so that the program goes on meanwhile.
 * using scorer = await openScorer(spec, {}, RewardModelWorker.load);
 * const rows = rowsInMemory([{ prompt: "Hi", responses: ["Hello.", "Go away."] }]);
 * const [scored] = await Array.fromAsync(scoreRows(rows.read(), scorer));
 * assert.equal((scored?.row.scores as number[]).length, 2);
 * ```
 *
 * @param spec The model.
 * @param options How it is loaded.
 * @param load Loads a reward model; `RewardModelWorker.load` keeps the program's event loop alive.
 * @throws {AssayError} What {@linkcode openModelFolder} and the model's own `load` throw.
 */
export async function openScorer(
  spec: ScorerSpec,
  options: LoadOptions = {},
  load: LoadScorer = (source, options) => RewardModel.load(source, options),
): Promise<LoadedScorer> {
  using opened = new DisposableStack();
  const hub = hubOptions(options);
  const { source, name, hubName, warnings } = opened.use(await openModelFolder(spec, hub));
  warnings.forEach(warner(options));
  const { implicit } = spec;
  const reference = implicit?.reference && await pinnedModel(implicit.reference, hub);
  const scorer = opened.use(
    implicit === undefined
      ? await load(source, options)
      : await loadImplicit(source, { ...implicit, reference }, options),
  );
  const isOfHub = hubName !== undefined || reference !== undefined && isHubName(reference);
  const all = opened.move();
  return {
    objectives: scorer.objectives,
    parts: scorer.parts,
    backend: scorer.backend,
    hubName: isOfHub ? name + (reference ? ` against ${reference}` : "") : undefined,
    scoreStream: (conversations, options) => scorer.scoreStream(conversations, options),
    ...(scorer.tokens && { tokens: (conversation: Conversation) => scorer.tokens!(conversation) }),
    [Symbol.dispose]: () => all[Symbol.dispose](), // the model first, then what it reads
  };
}

function loadImplicit(
  source: string | CheckpointFolder,
  { reference, beta, reduce }: ImplicitSpec,
  options: LoadOptions,
): Promise<ImplicitRewardModel> {
  return ImplicitRewardModel.load(source, reference, { ...options, beta, reduce });
}
