import { Checkpoint } from "../../checkpoint/checkpoint.ts";
import { AssayError } from "../../error.ts";
import { type LoadOptions, warner } from "../../scoring/load_options.ts";
import { RewardModel } from "../../scoring/reward_model.ts";
import { checkpointRevision } from "../../merging/checkpoint_revision.ts";
import { readLinearHeads } from "../../voting/linear_heads.ts";
import { sha256 } from "../../numbers/sha256.ts";
import {
  type ModelFolder,
  type ModelSpec,
  openModelFolder,
  pinnedModel,
  splitPath,
} from "../model_folder.ts";
import type { LoadedVoter, VoterScores } from "./loaded_voter.ts";
import { loadLinearVoters } from "./linear_voters.ts";

/** What one scoring pass takes: a checkpoint, with an adapter or several heads where they are named. */
export interface VoterSpec extends ModelSpec {
  /** File of linear heads, each of which is a voter. */
  readonly heads?: string | undefined;
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
 * Opens the checkpoint of a voter and finds its revision; see {@linkcode openModelFolder}.
 *
 * @example
 * ```ts
 * import { openVoter } from "@assay/assay/tasks";
 * import assert from "node:assert/strict";
 *
 * using source = await openVoter({ model: "models/demo", heads: "models/demo/voters.safetensors" });
 * assert.ok(source.names.length > 1); // a voter per head
 * assert.match(source.revision, /^[0-9a-f]{32}$/);
 * ```
 *
 * @param named The voter.
 * @throws {AssayError} What opening the checkpoint, the adapter or the heads throws.
 */
export async function openVoter(named: VoterSpec): Promise<VoterSource> {
  using opened = new DisposableStack();
  const spec = await pinned(named);
  const folder = opened.use(await openModelFolder(spec));
  using checkpoint = await Checkpoint.open(folder.source);
  // The commit is certain where the fingerprint reads samples.
  const commit = folder.hubName === undefined ? "" : ` ${folder.hubName}`;
  const fingerprint = await checkpointRevision(checkpoint);
  const revision = commit === "" ? fingerprint : await sha256(fingerprint + commit);
  const source = spec.heads === undefined
    ? {
      names: [nameOf(spec.adapter ?? spec.model)],
      revision,
      load: async (options: LoadOptions) => {
        folder.warnings.forEach(warner(options));
        return rewardVoter(await RewardModel.load(folder.source, options));
      },
    }
    : await linearVoters(spec.heads, folder, revision);
  const files = opened.move();
  return { ...source, [Symbol.dispose]: () => files[Symbol.dispose]() };
}

async function linearVoters(
  path: string,
  { source }: ModelFolder,
  revision: string,
): Promise<Omit<VoterSource, keyof Disposable>> {
  const heads = await readLinearHeads(...splitPath(path));
  const { buffer } = new Float32Array([...heads.weight, ...heads.bias]);
  return {
    names: heads.names,
    revision: await sha256(`${revision} ${await sha256(new Uint8Array(buffer))}`),
    load: (options) => loadLinearVoters(source, heads, options),
  };
}

function rewardVoter(model: RewardModel): LoadedVoter {
  return {
    kernels: model.kernels,
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

/** The voter with the commits of what the hub has: a branch may move while it is opened. */
async function pinned({ model, adapter, ...others }: VoterSpec): Promise<VoterSpec> {
  return {
    ...others,
    model: await pinnedModel(model),
    adapter: adapter && await pinnedModel(adapter),
  };
}

/** The last part of a path or an address; a model of the hub tells its commit too. */
function nameOf(path: string): string {
  return path.replace(/[\\/]+$/, "").split(/[\\/]/).at(-1) || path;
}
