import type { ConfigReader } from "../checkpoint/config_reader.ts";
import { AssayError } from "../error.ts";
import { asStored, paddedSize } from "../ops/layout.ts";
import type { Weight } from "../ops/weight.ts";
import type { WeightLoader } from "../ops/weight_loader.ts";
import type { GatedFeedForward } from "./blocks/gated_feed_forward.ts";
import type { MixtureOfExperts } from "./blocks/mixture_of_experts.ts";
import type { RoutingRule } from "./blocks/routing.ts";
import type { BackbonePlan, ModelFacts, RowSizes } from "./family.ts";

/** How a family names the tensors of a block of experts; what follows a layer's prefix. */
export interface ExpertNames {
  /** What all of them begin with. */
  readonly block: string;
  readonly gate: string;
  readonly up: string;
  readonly down: string;
}

/** Layers whose feed-forward block is a router and experts. */
export interface ExpertSettings extends RoutingRule {
  readonly names: ExpertNames;
  readonly experts: number;
  readonly intermediateSize: number;
  /** Of an expert that every row takes; `undefined` where there is none. */
  readonly sharedIntermediateSize?: number | undefined;
  /** Of each layer, whether it has experts; the others have a feed-forward block as Llama's. */
  readonly layers: readonly boolean[];
}

/** What a family reads the settings of its experts from. */
export interface ExpertFacts extends Pick<ModelFacts, "tensors"> {
  readonly layers: number;
}

/** More experts than any model has; a config may ask for more only with the tensors at hand. */
const manyExperts = 1024;

/** What transformers' class takes where a key is absent, and which of two names of a count it takes. */
export interface RoutingDefaults {
  readonly experts: number;
  readonly perRow: number;
  readonly named: "num_experts" | "num_local_experts";
}

/** Reads how many experts there are, under either name, and how many of them each token takes. */
export function readRouting(
  reader: ConfigReader,
  { tensors }: ExpertFacts,
  defaults: RoutingDefaults,
): { readonly experts: number; readonly perRow: number } {
  const most = Math.max(manyExperts, tensors.size);
  const other = defaults.named === "num_experts" ? "num_local_experts" : "num_experts";
  const fallback = reader.count(other, defaults.experts, most);
  const experts = reader.count(defaults.named, fallback, most);
  if (reader.value(other) !== undefined && experts !== fallback) {
    throw reader.unexpected(
      other,
      `the same number as ${
        JSON.stringify(defaults.named)
      }, ${experts}, which counts the experts too`,
      fallback,
    );
  }
  const perRow = reader.count("num_experts_per_tok", defaults.perRow);
  if (perRow <= experts) return { experts, perRow };
  throw reader.unexpected(
    "num_experts_per_tok",
    `at most the ${experts} experts there are`,
    perRow,
  );
}

/**
 * The layers that have experts in Qwen's families: every `decoder_sparse_step`th one, without those of
 * `mlp_only_layers`.
 */
export function sparseLayers(reader: ConfigReader, layers: number): readonly boolean[] {
  const step = reader.count("decoder_sparse_step", 1);
  const dense = reader.value("mlp_only_layers") ?? [];
  if (!Array.isArray(dense) || !dense.every(Number.isSafeInteger)) {
    throw reader.unexpected("mlp_only_layers", "a list of layers' numbers", dense);
  }
  return Array.from(
    { length: layers },
    (_, layer) => (layer + 1) % step === 0 && !dense.includes(layer),
  );
}

/**
 * Refuses a checkpoint that lacks experts, or holds them in a way that is not read.
 *
 * @throws {AssayError} `models/missing-experts`.
 */
export function checkExperts(
  settings: ExpertSettings | undefined,
  { name, tensors }: Pick<ModelFacts, "name" | "tensors">,
  prefixOf: (layer: number) => string,
): void {
  if (settings === undefined) return;
  const { names, experts, layers } = settings;
  layers.forEach((isSparse, layer) => {
    if (!isSparse) return;
    const block = `${prefixOf(layer)}${names.block}`;
    const fused = `${prefixOf(layer)}mlp.experts.gate_up_proj`;
    if (tensors.has(fused)) {
      throw new AssayError(
        "models/missing-experts",
        `Cannot score with ${name}: expected a tensor for each expert, as "${block}experts.0.` +
          `${names.gate}.weight", found all in one, "${fused}"; load it with transformers 5 and ` +
          "save it with save_pretrained(), which writes one for each",
      );
    }
    for (let expert = 0; expert < experts; expert++) {
      const missing = [names.gate, names.up, names.down]
        .map((map) => `${block}experts.${expert}.${map}.weight`)
        .find((tensor) => !tensors.has(tensor));
      if (missing === undefined) continue;
      throw new AssayError(
        "models/missing-experts",
        `Cannot score with ${name}: expected all ${experts} experts that config.json gives a layer, ` +
          `found no tensor "${missing}", of expert ${expert} in layer ${layer}; get the rest of the ` +
          "checkpoint, or the config.json that belongs to it",
      );
    }
  });
}

/** Adds the shapes of one layer's experts to those of all tensors, by name. */
export function addTensors(
  tensors: Map<string, readonly number[]>,
  { names, experts, intermediateSize, sharedIntermediateSize }: ExpertSettings,
  prefix: string,
  hiddenSize: number,
): void {
  const block = prefix + names.block;
  const addExpert = (name: string, inner: number): void => {
    tensors.set(`${block}${name}.${names.gate}.weight`, [inner, hiddenSize]);
    tensors.set(`${block}${name}.${names.up}.weight`, [inner, hiddenSize]);
    tensors.set(`${block}${name}.${names.down}.weight`, [hiddenSize, inner]);
  };
  tensors.set(`${block}gate.weight`, [experts, hiddenSize]);
  for (let expert = 0; expert < experts; expert++) addExpert(`experts.${expert}`, intermediateSize);
  if (sharedIntermediateSize === undefined) return;
  addExpert("shared_expert", sharedIntermediateSize);
  tensors.set(`${block}shared_expert_gate.weight`, [1, hiddenSize]);
}

/** Loads one layer's experts. */
export async function loadExperts(
  loader: WeightLoader,
  settings: ExpertSettings,
  prefix: string,
): Promise<MixtureOfExperts> {
  const { names, sharedIntermediateSize } = settings;
  const block = prefix + names.block;
  const expert = async (name: string): Promise<GatedFeedForward> => ({
    gate: await loader.linear(`${block}${name}.${names.gate}`, false),
    up: await loader.linear(`${block}${name}.${names.up}`, false),
    down: await loader.linear(`${block}${name}.${names.down}`, false),
  });
  const router = await loader.weight(`${block}gate.weight`, { outputs: asStored });
  const experts: GatedFeedForward[] = [];
  for (let i = 0; i < settings.experts; i++) experts.push(await expert(`experts.${i}`));
  const shared = sharedIntermediateSize === undefined ? undefined : {
    expert: await expert("shared_expert"),
    gate: await loader.weight(`${block}shared_expert_gate.weight`, { outputs: asStored }),
  };
  return { rule: settings, router, experts, shared };
}

/** The weights of the products that a row goes through, for autotuning. */
export function expertProducts(
  { rule, router, experts, shared }: MixtureOfExperts,
): readonly Weight[] {
  const taken = [
    ...experts.slice(0, rule.perRow),
    ...(shared === undefined ? [] : [shared.expert]),
  ];
  return [
    router,
    ...taken.flatMap(({ gate, up, down }) => [gate, up, down].map((map) => map.weight)),
  ];
}

/**
 * Sizes of rows where layers have experts: a router's logits wait for the readback of all packs, and
 * an expert may have been chosen for every row, which is gathered for it and its result added after.
 */
export function withExperts(
  { hiddenSize, intermediateSize, experts }: {
    readonly hiddenSize: number;
    readonly intermediateSize: number;
    readonly experts?: ExpertSettings | undefined;
  },
  sizes: RowSizes,
): RowSizes {
  if (experts === undefined) return sizes;
  const inner = Math.max(
    experts.layers.every((isSparse) => isSparse) ? 0 : intermediateSize,
    experts.intermediateSize,
    experts.sharedIntermediateSize ?? 0,
  );
  return {
    ...sizes,
    feedForward: 3 * paddedSize(hiddenSize) + 2 * paddedSize(inner),
    widestFeedForward: paddedSize(Math.max(hiddenSize, inner)),
    waiting: sizes.waiting + experts.experts + 1,
  };
}

/** The first layer whose weights are of another kind than layer 0's: with experts, or without. */
export function otherKind(settings: ExpertSettings | undefined): number | undefined {
  const found = settings?.layers.findIndex((isSparse, _, layers) => isSparse !== layers[0]) ?? -1;
  return found < 0 ? undefined : found;
}

/** The settings for people; nothing where there are no experts. */
export function describeExperts(settings: ExpertSettings | undefined): BackbonePlan["description"] {
  if (settings === undefined) return [];
  const { experts, perRow, normalised, intermediateSize, sharedIntermediateSize } = settings;
  const sparse = settings.layers.filter((isSparse) => isSparse).length;
  const text = `${experts} of ${intermediateSize}, ${perRow} for each token, weights ` +
    (normalised ? "that add up to 1" : "of the softmax over all") +
    (sharedIntermediateSize === undefined ? "" : `, a shared one of ${sharedIntermediateSize}`) +
    `, in ${sparse} of ${settings.layers.length} layers`;
  return [["experts", text]];
}
