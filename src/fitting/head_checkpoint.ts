import { fetchSnapshot } from "../checkpoint/hub/fetch_snapshot.ts";
import { isHubName } from "../checkpoint/hub/hub_name.ts";
import { Checkpoint } from "../checkpoint/checkpoint.ts";
import {
  type TensorDeclaration,
  type TensorToWrite,
  writeSafetensors,
} from "../checkpoint/safetensors_writer.ts";
import {
  formatShardIndex,
  planShards,
  shardIndexFile,
  weightsFile,
} from "../checkpoint/shard_index.ts";
import { type FloatDtype, fromFloat32 } from "../checkpoint/tensor.ts";
import { FolderFiles, streamInto } from "../data/folder_files.ts";
import { AssayError } from "../error.ts";
import { gatingLayerName, logitScaleName, regressionName, transformName } from "../heads/armo.ts";
import { scoreName } from "../heads/scalar.ts";
import { textFiles } from "../checkpoint/text_files.ts";
import { planBackbone } from "../models/families.ts";
import type { BackbonePlan } from "../models/family.ts";
import type { ArmoFit } from "./armo_fit.ts";
import { files } from "../runtime/files.ts";

/** A head as a checkpoint holds it. */
export interface HeadTensors {
  /** Names, shapes and numbers, row major. */
  readonly tensors: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly values: Float64Array;
  }[];
  /**
   * What its class is called after the family's name, `ForSequenceClassification`; by default `config`
   * names the architecture.
   */
  readonly className?: string | undefined;
  /** Settings of `config.json` that the head needs. */
  readonly config: Readonly<Record<string, unknown>>;
}

/** The tensors and settings of an ArmoRM head, with the names of its release. */
export function armoHeadTensors({ objectives, regression, transform, gate }: ArmoFit): HeadTensors {
  const count = objectives.length;
  const layers = gate.layers.flatMap(({ weight, bias }, layer) => {
    const outputs = bias.value.length;
    const shape = [outputs, weight.value.length / outputs];
    return [
      { name: `${gatingLayerName(layer)}.weight`, shape, values: weight.value },
      { name: `${gatingLayerName(layer)}.bias`, shape: [outputs], values: bias.value },
    ];
  });
  return {
    tensors: [
      {
        name: regressionName,
        shape: [count, regression.length / count],
        values: regression,
      },
      { name: transformName, shape: [count, count], values: transform },
      { name: logitScaleName, shape: [1], values: gate.logitScale.value },
      ...layers,
    ],
    className: "ForRewardModelWithGating",
    config: {
      num_objectives: count,
      objective_names: objectives,
      gating_temperature: gate.temperature,
      gating_hidden_dim: gate.layers[0]!.bias.value.length,
      gating_n_hidden: gate.layers.length - 1,
    },
  };
}

/** The tensor and settings of a scalar head. */
export function scalarHeadTensors(weight: Float64Array): HeadTensors {
  return {
    tensors: [{ name: scoreName, shape: [1, weight.length], values: weight }],
    className: "ForSequenceClassification",
    config: {
      num_labels: 1,
      id2label: { "0": "LABEL_0" },
      label2id: { LABEL_0: 0 },
    },
  };
}

/** How to write a checkpoint. */
export interface HeadCheckpointOptions {
  /** Element type of the head; F32 by default. */
  readonly dtype?: FloatDtype;
  /**
   * Whether files that hold nothing but the backbone are linked (symbolically) instead of copied; off
   * by default. The folder then needs the other one to stay where it is.
   */
  readonly link?: boolean;
  /** Most bytes of tensors in a file; 5 GB by default, as `transformers` does. */
  readonly maxShardBytes?: number;
  /** Told how many bytes of the backbone are written. */
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
  /** Ends the writing early, with its reason. */
  readonly signal?: AbortSignal;
}

/** Settings that belong to a head, which a new head does not inherit. */
const headSettings = new RegExp(
  "^(gating_(?!token_pattern)|vhead_|(num_objectives|objective_names|num_quantiles|softmax|auto_map|" +
    "num_labels|id2label|label2id|score_type|score_dim|do_normalize|normalizer_type|momentum|mean|var|" +
    "normalize_reward|std|value_head_prefix|reward_token_id|bayesian_noise_variance)$)",
);

/**
 * Writes a checkpoint folder: the backbone of another one, as it is stored, with a new head. What head
 * the other had is left out.
 *
 * @param backbone Folder or URL of the checkpoint whose backbone it is, or its name on the hub.
 * @param folder Where to write; made where it is not there.
 * @param head The head.
 * @throws {AssayError} `fitting/cannot-write`, errors of `checkpoint/`, and of `models/` where the
 *   backbone is none that Assay runs.
 */
export async function writeHeadCheckpoint(
  backbone: string,
  folder: string,
  head: HeadTensors,
  options: HeadCheckpointOptions = {},
): Promise<void> {
  using base = await Checkpoint.open(backbone);
  await checkTarget(backbone, folder);
  // Nothing is scored here: whoever scores with either model is asked about keys that are unknown.
  const { name, config: own, tensors: stored } = base;
  const plan = planBackbone({
    name,
    config: own,
    tensors: stored,
    ignoreConfigKeys: Object.keys(own),
  });
  const linked = options.link ? backboneFiles(base, plan) : [];
  const kept = [...base.tensors.values()].filter(({ name, file }) =>
    plan.owns(name) && !linked.includes(file)
  );
  const total = kept.reduce((sum, { byteLength }) => sum + byteLength, 0);
  let done = 0;
  const read = async function* (name: string): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    for await (const bytes of tensorBytes(base, name)) {
      options.signal?.throwIfAborted();
      yield bytes;
      options.onProgress?.({ done: done += bytes.length, total });
    }
  };
  const dtype = options.dtype ?? "F32";
  const tensors: TensorToWrite[] = [
    ...kept.map(({ name, dtype, shape }) => ({ name, dtype, shape, bytes: read(name) })),
    ...head.tensors.map(({ name, shape, values }) => ({
      name,
      dtype,
      shape,
      bytes: [fromFloat32(Float32Array.from(values), dtype)],
    })),
  ];
  const settings = Object.entries(base.config).filter(([key]) => !headSettings.test(key));
  const architectures = head.className && [plan.family.className + head.className];
  const config = {
    ...Object.fromEntries(settings),
    ...(architectures && { architectures }),
    ...head.config,
  };
  try {
    await files.mkdir(folder, { recursive: true });
    await using written = new FolderFiles(folder);
    if (linked.length === 0) await writeShards(written, tensors, options.maxShardBytes ?? 5e9);
    else {
      const own = await files.realPath(await localPath(backbone));
      await linkShards(base, own, written, linked, tensors);
    }
    await written.writeText("config.json", `${JSON.stringify(config, null, 2)}\n`);
    for (const file of textFiles) {
      const text = await base.readText(file);
      if (text !== undefined) await written.writeText(file, text);
    }
    written.keep();
  } catch (cause) {
    if (cause instanceof AssayError || options.signal?.aborted) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new AssayError("fitting/cannot-write", `Cannot write ${folder}: ${reason}`, { cause });
  }
}

/** The folder that a backbone's files are in on this machine; a model of the hub is in its cache. */
async function localPath(backbone: string): Promise<string> {
  return isHubName(backbone) ? (await fetchSnapshot(backbone)).folder : backbone;
}

/** Writing over the files that are read would leave neither. */
async function checkTarget(backbone: string, folder: string): Promise<void> {
  const path = (of: string): Promise<string | undefined> =>
    files.realPath(of).catch(() => undefined);
  const [from, to] = [await path(backbone), await path(folder)];
  if (to === undefined || from !== to) return;
  throw new AssayError(
    "fitting/same-folder",
    `Cannot write ${folder}: expected another folder than the one whose backbone is read`,
  );
}

/** Files that hold nothing but the backbone, by the names that it has for Assay. */
function backboneFiles(base: Checkpoint, { owns }: BackbonePlan): string[] {
  const files = Map.groupBy(base.tensors.values(), ({ file }) => file);
  const isUsual = ({ name }: { name: string }): boolean =>
    owns(name) && base.storedName(name) === name;
  return [...files].filter(([, tensors]) => tensors.every(isUsual)).map(([file]) => file);
}

/** Links some of the base's files and writes all other tensors into a file beside them. */
async function linkShards(
  base: Checkpoint,
  from: string,
  files: FolderFiles,
  linked: readonly string[],
  tensors: readonly TensorToWrite[],
): Promise<void> {
  const own = "model-head.safetensors";
  const shards = new Map<string, TensorDeclaration[]>([[own, [...tensors]]]);
  for (const file of linked) {
    shards.set(file, [...base.tensors.values()].filter((tensor) => tensor.file === file));
    await files.link(file, `${from}/${file}`);
  }
  await files.write(own, (sink) => writeSafetensors(streamInto(sink), tensors));
  await files.writeText(shardIndexFile, formatShardIndex(shards));
}

/** A tensor's bytes in pieces: an embedding matrix may have more than there is memory to spare. */
async function* tensorBytes(
  base: Checkpoint,
  name: string,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const { shape, byteLength } = base.tensors.get(name)!;
  const rows = shape[0];
  if (rows === undefined || rows === 0) return yield (await base.read(name)).bytes;
  const together = Math.max(1, Math.floor(2 ** 24 / (byteLength / rows)));
  for (let first = 0; first < rows; first += together) {
    const count = Math.min(together, rows - first);
    yield (await base.readRows(name, first, count)).bytes;
  }
}

async function writeShards(
  files: FolderFiles,
  tensors: readonly TensorToWrite[],
  maxShardBytes: number,
): Promise<void> {
  const shards = planShards(tensors, maxShardBytes);
  const isOne = shards.size === 1;
  for (const [file, some] of shards) {
    await files.write(
      isOne ? weightsFile : file,
      (sink) => writeSafetensors(streamInto(sink), some),
    );
  }
  if (isOne) return await files.remove(shardIndexFile);
  await files.writeText(
    shardIndexFile,
    formatShardIndex(new Map<string, TensorDeclaration[]>([...shards])),
  );
}
