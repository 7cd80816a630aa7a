import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { CheckpointFolder } from "../checkpoint/folder.ts";
import { AssayError } from "../error.ts";
import type { BackboneModel } from "../models/family.ts";
import type { Backend } from "../ops/backend.ts";
import type { ConversationTokenizer } from "../text/conversation_tokenizer.ts";
import { askedOf, refuseAsking } from "./asked_head.ts";
import { type LoadOptions, warner } from "./load_options.ts";
import { lengthLimit, memoryFor, type ModelPlan, planFor, type Wanted } from "./model_plan.ts";
import { openBackend } from "./open_backend.ts";
import { openTokenizer, withTemplate } from "./open_tokenizer.ts";
import type { MemoryPlan } from "./packs/memory_plan.ts";
import { watchPad } from "./pooling.ts";
import { openQuantized } from "./quantized_checkpoint.ts";

/** A model whose backbone is loaded; its head is not. */
export interface OpenModel extends Disposable {
  readonly plan: ModelPlan;
  readonly memory: MemoryPlan;
  readonly checkpoint: Checkpoint;
  readonly backend: Backend;
  readonly tokenizer: ConversationTokenizer;
  readonly layers: BackboneModel;
  /** Looks at a conversation's tokens, and tells once where its last one is the pad token. */
  readonly watchPad: (ids: Uint32Array) => void;
}

/**
 * Opens a checkpoint: recognises it, opens a backend, plans the memory and loads the backbone. Reward
 * models, causal models and bare backbones all begin here.
 *
 * @param source A folder in Hugging Face layout: a path, a URL, a model of the hub by its name
 *   (`hf:org/name[@revision]`), or a {@link CheckpointFolder}.
 * @throws {AssayError} For a checkpoint that is not understood in full, or does not fit.
 */
export async function openModel(
  source: string | URL | CheckpointFolder,
  wanted: Wanted,
  options: LoadOptions,
): Promise<OpenModel> {
  const warn = onceEach(warner(options));
  using opened = new DisposableStack();
  const checkpoint = await openQuantized(source, options, opened);
  for (const warning of checkpoint.warnings) warn(warning);
  const { name, config, tensors } = checkpoint;
  if (options.label !== undefined && wanted.head !== "reward") {
    throw labelWithoutHead(options.label);
  }
  const { ignoreConfigKeys, chatTemplate } = options;
  const facts = { name, config, tensors, ignoreConfigKeys };
  const plan = planFor(facts, await withAsked(wanted, checkpoint, options), warn);
  const backend = opened.use(
    await openBackend(options.backend ?? "auto", warn, options, plan),
  );
  const memory = memoryFor(plan, backend, options);
  backend.limitMatrices(memory.matrixBytes);
  const { form, truncate, trustSpecialTokens } = options;
  const tokenizer = await openTokenizer(checkpoint, {
    maxTokens: memory.longestSequence,
    limitedBy: lengthLimit(plan, memory, backend, options),
    backbone: plan.backbone,
    reads: plan.reads,
    form,
    ending: plan.head?.ending,
    tokens: plan.head?.tokens,
    chatTemplate,
    truncate,
    trustSpecialTokens,
    warn,
  });
  let done = 0;
  const layers = opened.use(
    await plan.backbone.load(checkpoint, backend, {
      resident: memory.layers === "resident",
      layersAhead: memory.layersAhead,
      feedForwardRows: memory.feedForwardRows,
      onLayer: () => {
        options.signal?.throwIfAborted();
        options.onProgress?.({ phase: "load", done: ++done, total: plan.backbone.layers });
      },
    }),
  );
  const parts = opened.move();
  const dispose = (): void => parts.dispose();
  const watch = watchPad(plan.reads, checkpoint, warn);
  return {
    plan,
    memory,
    checkpoint,
    backend,
    tokenizer,
    layers,
    watchPad: watch,
    [Symbol.dispose]: dispose,
  };
}

/** A label that no head is there for would be left out of account in silence. */
function labelWithoutHead(label: string): AssayError {
  return new AssayError(
    "scoring/bad-option",
    'Cannot load the model: expected no "label", since no reward head is loaded, found ' +
      JSON.stringify(label),
  );
}

/** What is wanted, with what the options ask for. */
async function withAsked(
  wanted: Wanted,
  checkpoint: Checkpoint,
  options: LoadOptions,
): Promise<Wanted> {
  if (wanted.head !== "reward") {
    refuseAsking(options);
    return wanted;
  }
  const files = withTemplate(checkpoint, options.chatTemplate);
  return { ...wanted, asked: await askedOf(files, checkpoint.config, options) };
}

/** Tells each message once. */
function onceEach(warn: (message: string) => void): (message: string) => void {
  const told = new Set<string>();
  return (message) => {
    if (told.has(message)) return;
    told.add(message);
    warn(message);
  };
}
