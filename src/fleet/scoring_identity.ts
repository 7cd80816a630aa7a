/**
 * What must be equal on two machines for the same rows to come out the same, byte for byte.
 *
 * @module
 */
import * as v from "valibot";
import configuration from "../../deno.json" with { type: "json" };
import type { Calibrator } from "../calibration/calibrator.ts";
import { Checkpoint } from "../checkpoint/checkpoint.ts";
import { AssayError } from "../error.ts";
import { checkpointRevision } from "../merging/checkpoint_revision.ts";
import { sha256 } from "../numbers/sha256.ts";
import { arithmeticName, runtimeName } from "../runtime/process.ts";
import type { LoadOptions } from "../scoring/load_options.ts";
import type { RewardModel } from "../scoring/reward_model.ts";
import type { ModelFolder } from "../tasks/model_folder.ts";
import { readingSettings } from "../tasks/reading_settings.ts";

const identitySchema = v.object({
  /** Assay's version. */
  assay: v.string(),
  /** Fingerprint of config, tokenizer, template, weights, of an adapter and voters' heads in them. */
  model: v.string(),
  /** Name and commit of a model of the hub, which stand in rows; null of any other. */
  source: v.nullable(v.string()),
  /** `stored`, or what the layers' weights were quantized to. */
  weights: v.string(),
  /** How it reads conversations and its head: template, truncation, label and so on. */
  settings: v.record(v.string(), v.union([v.string(), v.number(), v.boolean()])),
  /** Longest conversation in tokens, which a memory budget may shorten: a longer one is an error, or cut. */
  maxTokens: v.number(),
  /** Digest of the calibrator whose columns are added; null without one. */
  calibrator: v.nullable(v.string()),
  /** The kernels that compute. */
  kernels: v.string(),
  /** In what numbers products multiply: `f32` or `f16`. */
  precision: v.string(),
  /**
   * What else the last bits depend on: the adapter with its driver and the runtime that compiles for it, on a
   * GPU; elsewhere the engine of JavaScript and the processor's architecture, which round the host's sines
   * and exponentials.
   */
  processor: v.string(),
});

/**
 * What a row's output depends on beside the row. Machines whose identities are equal give equal bytes.
 *
 * What is not in it can't change a bit, and may differ: threads, tiles and their tuning, tokens computed
 * together, layers streamed or resident, what shares a prompt, the system, the number of machines.
 */
export type ScoringIdentity = Readonly<v.InferOutput<typeof identitySchema>>;

/** What the identity needs to know of a loaded model. */
export type ComputingFacts = Pick<
  RewardModel,
  "kernels" | "precision" | "adapter" | "weights" | "maxTokens"
>;

/** What an identity is made of. */
export interface IdentityParts {
  /** The checkpoint that the model was loaded from, still open. */
  readonly folder: Pick<ModelFolder, "source" | "hubName">;
  /** The loaded model. */
  readonly model: ComputingFacts;
  /** How it was loaded. */
  readonly options: LoadOptions;
  /** What adds calibrated scores to rows. */
  readonly calibrator?: Calibrator | undefined;
}

/**
 * The identity of a loaded model on this machine.
 *
 * @throws {AssayError} What reading the checkpoint throws.
 */
export async function scoringIdentity(
  { folder, model, options, calibrator }: IdentityParts,
): Promise<ScoringIdentity> {
  using checkpoint = await Checkpoint.open(folder.source);
  const { chatTemplate } = options;
  return {
    assay: configuration.version,
    model: await checkpointRevision(checkpoint),
    source: folder.hubName ?? null,
    settings: readingSettings({
      ...options,
      // A digest will do: a template may be long.
      chatTemplate: chatTemplate === undefined ? undefined : await sha256(chatTemplate),
    }),
    maxTokens: model.maxTokens,
    calibrator: calibrator === undefined ? null : await sha256(JSON.stringify(calibrator)),
    kernels: model.kernels,
    precision: model.precision,
    weights: model.weights ?? "stored",
    processor: processorOf(model),
  };
}

/** The part of an identity that two machines differ in. */
export interface IdentityDifference {
  /** Its name: `model`, `settings.truncate`. */
  readonly name: string;
  /** What each of the two has there, in JSON; `none` where it has nothing. */
  readonly ours: string;
  readonly theirs: string;
}

/** The order in which differences are named: what explains most comes first. */
const order = Object.keys(identitySchema.entries) as (keyof ScoringIdentity)[];

/**
 * Whether two identities give equal bits.
 *
 * @returns The first difference; `undefined` where there is none.
 */
export function identityDifference(
  ours: ScoringIdentity,
  theirs: ScoringIdentity,
): IdentityDifference | undefined {
  for (const name of order) {
    const [a, b] = [ours[name], theirs[name]];
    if (typeof a !== "object" || a === null || typeof b !== "object" || b === null) {
      if (a !== b) return difference(name, a, b);
      continue;
    }
    const [own, other] = [new Map(Object.entries(a)), new Map(Object.entries(b))];
    for (const key of [...new Set([...own.keys(), ...other.keys()])].sort()) {
      const [x, y] = [own.get(key), other.get(key)];
      if (x !== y) return difference(`${name}.${key}`, x, y);
    }
  }
  return undefined;
}

/** Whether two machines give equal bits; {@linkcode identityDifference} says why not. */
export function sameBits(a: ScoringIdentity, b: ScoringIdentity): boolean {
  return identityDifference(a, b) === undefined;
}

/** 32 hexadecimal digits that are equal where, and only where, two identities give equal bits. */
export function identityDigest(identity: ScoringIdentity): Promise<string> {
  const parts = order.map((name) => {
    const value = identity[name];
    if (typeof value !== "object" || value === null) return value;
    return Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1);
  });
  return sha256(JSON.stringify(parts));
}

/**
 * Takes in an identity that another machine tells.
 *
 * @param told What it told, parsed.
 * @param teller Who, for the message.
 * @throws {AssayError} `fleet/bad-identity`.
 */
export function readIdentity(told: unknown, teller: string): ScoringIdentity {
  const parsed = v.safeParse(identitySchema, told);
  if (parsed.success) return parsed.output;
  const place = v.getDotPath(parsed.issues[0]);
  throw new AssayError(
    "fleet/bad-identity",
    `Cannot tell what ${teller} computes with: expected the identity of Assay ${configuration.version}, ` +
      `found none${place === null ? "" : ` (${place})`}; let all machines run the same version`,
  );
}

function difference(name: string, ours: unknown, theirs: unknown): IdentityDifference {
  const shown = (value: unknown) => value === undefined ? "none" : JSON.stringify(value);
  return { name, ours: shown(ours), theirs: shown(theirs) };
}

/** By WebAssembly and by the twins the bits are the same on every processor, but for the host's own functions. */
function processorOf({ adapter }: ComputingFacts): string {
  if (adapter === undefined) return arithmeticName();
  // Mesa's software adapter gives the same bits with vectors of any width.
  return `${adapter.replace(/[ -]\d+[ -]bits\b/g, "")} | ${runtimeName()}`;
}
