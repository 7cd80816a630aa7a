import { Checkpoint } from "../checkpoint/checkpoint.ts";
import { type CheckpointFolder, httpFolder, localFolder } from "../checkpoint/folder.ts";
import type { FloatDtype } from "../checkpoint/tensor.ts";
import { AssayError } from "../error.ts";
import { describeModel } from "../scoring/model_description.ts";
import type { LoadOptions } from "../scoring/load_options.ts";
import { RewardModel } from "../scoring/reward_model.ts";
import type { Conversation } from "../text/conversation.ts";
import { checkpointRevision } from "../voting/checkpoint_revision.ts";
import { headsOverlay, readLinearHeads } from "../voting/linear_heads.ts";
import { LoraAdapter } from "../voting/lora.ts";

/** What one scoring pass takes: a checkpoint, with an adapter or several heads where they are named. */
export interface VoterSpec {
  /** Folder or URL of the checkpoint. */
  readonly model: string;
  /** Folder or URL of a LoRA adapter. */
  readonly adapter?: string;
  /** Element type of the weights that the adapter changes; by default the base's own. */
  readonly adapterDtype?: FloatDtype;
  /** File of linear heads. */
  readonly heads?: string;
}

/** The scores of one conversation by the voters of one pass, or why there are none. */
export type VoterScores =
  | { readonly scores: readonly number[]; readonly error: null }
  | { readonly scores: null; readonly error: AssayError };

/** A loaded reward model as voters use it. */
export interface LoadedVoter extends Disposable {
  /** Scores in the order of the conversations, with bounded memory. */
  scoreStream(
    conversations: AsyncIterable<Conversation>,
    options: { readonly signal?: AbortSignal },
  ): AsyncIterable<VoterScores>;
}

/** Voters that are known but not loaded: whether anything must be scored is seen first. */
export interface VoterSource extends Disposable {
  /** Names of the voters: one, or one per head. */
  readonly names: readonly string[];
  /** Fingerprint of everything in the checkpoint that decides a score. */
  readonly revision: string;
  /** Loads the model. */
  load(options: LoadOptions): Promise<LoadedVoter>;
}

/** Finds voters; {@linkcode openVoter}, or a stand-in in tests. */
export type OpenVoter = (spec: VoterSpec) => Promise<VoterSource>;

/**
 * Opens the checkpoint of a voter and finds its revision. Adapters and heads become overlays of the
 * checkpoint, which {@linkcode RewardModel} loads like any other.
 *
 * @param spec The voter.
 * @throws {AssayError} What opening the checkpoint, the adapter or the heads throws.
 */
export async function openVoter(spec: VoterSpec): Promise<VoterSource> {
  using opened = new DisposableStack();
  const base = folderOf(spec.model);
  const checkpoint = opened.use(await Checkpoint.open(base));
  let folder = base;
  let names: readonly string[] = [nameOf(spec.model)];
  if (spec.adapter !== undefined) {
    const adapter = opened.use(await LoraAdapter.open(folderOf(spec.adapter)));
    folder = adapter.mergedFolder(base, checkpoint, spec.adapterDtype);
    names = [nameOf(spec.adapter)];
  }
  if (spec.heads !== undefined) {
    const { decoder, head } = describeModel(checkpoint);
    const heads = await readLinearHeads(...splitPath(spec.heads), decoder.hiddenSize);
    folder = headsOverlay(base, checkpoint, heads, [...head.tensors.keys()]);
    names = heads.names;
  }
  const revision = await revisionOf(folder, checkpoint, base);
  const files = opened.move();
  return {
    names,
    revision,
    async load(options: LoadOptions): Promise<LoadedVoter> {
      return loadedVoter(await RewardModel.load(folder, options), names.length);
    },
    [Symbol.dispose]: () => files[Symbol.dispose](),
  };
}

function loadedVoter(model: RewardModel, voters: number): LoadedVoter {
  return {
    async *scoreStream(conversations, options): AsyncGenerator<VoterScores> {
      for await (const verdict of model.scoreStream(conversations, options)) {
        const { score, rewards, error } = verdict;
        if (score === null) {
          const unknown = new AssayError(
            "scoring/no-score",
            "Cannot use a verdict without a score",
          );
          yield { scores: null, error: error ?? unknown };
        } else {
          yield { scores: voters === 1 ? [score] : Object.values(rewards!), error: null };
        }
      }
    },
    [Symbol.dispose]: () => model[Symbol.dispose](),
  };
}

async function revisionOf(
  folder: CheckpointFolder,
  base: Checkpoint,
  baseFolder: CheckpointFolder,
): Promise<string> {
  if (folder === baseFolder) return await checkpointRevision(base);
  using merged = await Checkpoint.open(folder);
  return await checkpointRevision(merged);
}

function folderOf(path: string): CheckpointFolder {
  if (/^https?:/i.test(path)) return httpFolder(path);
  return localFolder(/^file:/i.test(path) ? new URL(path) : path);
}

/** The folder and the name of a file. */
function splitPath(path: string): [folder: CheckpointFolder, file: string] {
  const parts = /^(.*)[\\/]([^\\/]+)$/.exec(path);
  return parts === null ? [folderOf("."), path] : [folderOf(parts[1] || "/"), parts[2]!];
}

function nameOf(path: string): string {
  return path.replace(/[\\/]+$/, "").split(/[\\/]/).at(-1) || path;
}
