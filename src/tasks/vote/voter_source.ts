import { Checkpoint } from "../../checkpoint/checkpoint.ts";
import { type CheckpointFolder, httpFolder, localFolder } from "../../checkpoint/folder.ts";
import type { FloatDtype } from "../../checkpoint/tensor.ts";
import { AssayError } from "../../error.ts";
import type { LoadOptions } from "../../scoring/load_options.ts";
import { RewardModel } from "../../scoring/reward_model.ts";
import type { Conversation } from "../../text/conversation.ts";
import { checkpointRevision } from "../../merging/checkpoint_revision.ts";
import { readLinearHeads } from "../../voting/linear_heads.ts";
import { LoraAdapter } from "../../merging/lora.ts";
import { sha256 } from "../../numbers/sha256.ts";
import { loadLinearVoters } from "./linear_voters.ts";

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
 * Opens the checkpoint of a voter and finds its revision. An adapter becomes an overlay of the
 * checkpoint, which {@linkcode RewardModel} loads like any other.
 *
 * @param spec The voter.
 * @throws {AssayError} What opening the checkpoint, the adapter or the heads throws.
 */
export async function openVoter(spec: VoterSpec): Promise<VoterSource> {
  using opened = new DisposableStack();
  const base = folderOf(spec.model);
  const checkpoint = opened.use(await Checkpoint.open(base));
  const source = spec.adapter !== undefined
    ? await adapterVoter(spec, spec.adapter, base, checkpoint, opened)
    : spec.heads !== undefined
    ? await linearVoters(spec.heads, base, checkpoint)
    : {
      names: [nameOf(spec.model)],
      revision: await checkpointRevision(checkpoint),
      load: async (options: LoadOptions) => rewardVoter(await RewardModel.load(base, options)),
    };
  const files = opened.move();
  return { ...source, [Symbol.dispose]: () => files[Symbol.dispose]() };
}

async function adapterVoter(
  { adapterDtype }: VoterSpec,
  path: string,
  base: CheckpointFolder,
  checkpoint: Checkpoint,
  opened: DisposableStack,
): Promise<Omit<VoterSource, keyof Disposable>> {
  const adapter = opened.use(await LoraAdapter.open(folderOf(path)));
  const folder = adapter.mergedFolder(base, checkpoint, adapterDtype);
  using merged = await Checkpoint.open(folder);
  return {
    names: [nameOf(path)],
    revision: await checkpointRevision(merged),
    load: async (options) => rewardVoter(await RewardModel.load(folder, options)),
  };
}

async function linearVoters(
  path: string,
  base: CheckpointFolder,
  checkpoint: Checkpoint,
): Promise<Omit<VoterSource, keyof Disposable>> {
  const heads = await readLinearHeads(...splitPath(path));
  const { buffer } = new Float32Array([...heads.weight, ...heads.bias]);
  return {
    names: heads.names,
    revision: await sha256(
      `${await checkpointRevision(checkpoint)} ${await sha256(new Uint8Array(buffer))}`,
    ),
    load: (options) => loadLinearVoters(base, heads, options),
  };
}

function rewardVoter(model: RewardModel): LoadedVoter {
  return {
    async *scoreStream(conversations, options): AsyncGenerator<VoterScores> {
      for await (const { score, error } of model.scoreStream(conversations, options)) {
        const unknown = new AssayError("scoring/no-score", "Cannot use a verdict without a score");
        yield score === null
          ? { scores: null, error: error ?? unknown }
          : { scores: [score], error: null };
      }
    },
    [Symbol.dispose]: () => model[Symbol.dispose](),
  };
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
