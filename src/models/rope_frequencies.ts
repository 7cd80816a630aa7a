import { AssayError } from "../error.ts";
import { unsupported } from "./unsupported.ts";
import type { ConfigReader } from "../checkpoint/config_reader.ts";

/** How positions turn into angles. */
export type RopeSettings =
  | { readonly type: "default"; readonly theta: number }
  | { readonly type: "linear"; readonly theta: number; readonly factor: number }
  | {
    readonly type: "dynamic";
    readonly theta: number;
    readonly factor: number;
    /** Conversations longer than this, the model's `max_position_embeddings`, stretch the frequencies. */
    readonly originalLength: number;
  }
  | {
    readonly type: "llama3";
    readonly theta: number;
    readonly factor: number;
    readonly lowFrequencyFactor: number;
    readonly highFrequencyFactor: number;
    readonly originalLength: number;
  };

/** A length that is recorded beside every type; only `llama3` computes with it. */
const originalLengthKey = "original_max_position_embeddings";

/**
 * Reads the rope settings in the spelling of transformers 4 (`rope_theta`, `rope_scaling`) or 5
 * (`rope_parameters`). Every key of the section is read, or refused.
 *
 * @param warn Told where the two spellings disagree.
 * @throws {AssayError} `models/unsupported-config` for another type of scaling, a key that the type
 *   does not have, or settings by type of layer.
 */
export function readRope(
  config: ConfigReader,
  maxPositions: number,
  warn: (message: string) => void = () => {},
): RopeSettings {
  const scaling = ropeSection(config, warn);
  const outer = config.positive("rope_theta", 10000);
  const theta = scaling?.positive("rope_theta", outer) ?? outer;
  // Where a length stands outside of the section, transformers 5 takes that one.
  const outerLength = config.value(originalLengthKey) === undefined
    ? undefined
    : config.count(originalLengthKey);
  if (scaling === undefined) return { type: "default", theta };
  const type = scaling.text("rope_type", scaling.text("type", "default"));
  const settings = readScaling(scaling, type, theta, maxPositions);
  const unread = scaling.unread().find((key) => scaling.value(key) !== undefined);
  if (unread !== undefined) {
    throw unsupported(
      scaling,
      unread,
      `no such key for the rope type "${type}"`,
      scaling.value(unread),
    );
  }
  return settings.type === "llama3" && outerLength !== undefined
    ? { ...settings, originalLength: outerLength }
    : settings;
}

/** The section that counts: where both spellings have one transformers takes the older, whole. */
function ropeSection(
  config: ConfigReader,
  warn: (message: string) => void,
): ConfigReader | undefined {
  const [older, newer] = ["rope_scaling", "rope_parameters"].map((key) => {
    const section = config.section(key);
    if (section !== undefined) refuseLayerTypes(section);
    return section !== undefined && Object.keys(section.config).length > 0 ? section : undefined;
  });
  if (older === undefined || newer === undefined) return older ?? newer;
  const apart = [...new Set([older, newer].flatMap(({ config }) => Object.keys(config)))].filter(
    (key) => JSON.stringify(older.config[key]) !== JSON.stringify(newer.config[key]),
  );
  if (apart.length > 0) {
    warn(
      `${config.name} has "rope_scaling" and "rope_parameters", which differ in ${
        apart.join(", ")
      }: Assay takes "rope_scaling" alone, as transformers does; remove the one that is not meant`,
    );
  }
  return older;
}

/** Refuses settings by type of layer, `{"full_attention": {…}, …}`: these families have one rope. */
function refuseLayerTypes(section: ConfigReader): void {
  const nested = Object.entries(section.config).find(([, value]) =>
    typeof value === "object" && value !== null && !Array.isArray(value)
  );
  if (nested === undefined) return;
  throw unsupported(section, nested[0], "one rope for all layers", nested[1]);
}

function readScaling(
  scaling: ConfigReader,
  type: string,
  theta: number,
  maxPositions: number,
): RopeSettings {
  if (
    scaling.value("partial_rotary_factor") !== undefined &&
    scaling.positive("partial_rotary_factor") !== 1
  ) {
    const found = scaling.value("partial_rotary_factor");
    throw unsupported(scaling, "partial_rotary_factor", "1", found);
  }
  if (type !== "llama3") scaling.value(originalLengthKey); // recorded by transformers, not used
  switch (type) {
    case "default":
      return { type, theta };
    case "linear":
      return { type, theta, factor: scaling.positive("factor") };
    case "dynamic":
      return { type, theta, factor: scaling.positive("factor"), originalLength: maxPositions };
    case "llama3":
      return {
        type,
        theta,
        factor: scaling.positive("factor"),
        lowFrequencyFactor: scaling.positive("low_freq_factor"),
        highFrequencyFactor: scaling.positive("high_freq_factor"),
        originalLength: scaling.count(originalLengthKey, maxPositions),
      };
    default:
      throw unsupported(scaling, "rope_type", "default, linear, dynamic, llama3", type);
  }
}

/**
 * The headDim/2 angular frequencies, in radians per position. Each step is rounded to f32 as the
 * reference rounds it: at position 8,000 the last bit of a frequency moves an angle by 5e-4.
 *
 * @param length Tokens of the conversation; only `dynamic` depends on it.
 */
export function ropeFrequencies(
  settings: RopeSettings,
  headDim: number,
  length: number,
): Float32Array<ArrayBuffer> {
  const theta = settings.type === "dynamic"
    ? dynamicTheta(settings, headDim, length)
    : settings.theta;
  const frequencies = Float32Array.from({ length: headDim / 2 }, (_, i) => {
    const exponent = Math.fround((2 * i) / headDim);
    return 1 / Math.fround(theta ** exponent);
  });
  if (settings.type === "linear") {
    return frequencies.map((frequency) => frequency / settings.factor);
  }
  if (settings.type === "llama3") {
    return frequencies.map((frequency) => llama3Frequency(settings, frequency));
  }
  return frequencies;
}

/** NTK-aware scaling: the base grows once a conversation is longer than the model was trained for. */
function dynamicTheta(
  { theta, factor, originalLength }: Extract<RopeSettings, { type: "dynamic" }>,
  headDim: number,
  length: number,
): number {
  const stretch = (factor * Math.max(length, originalLength)) / originalLength - (factor - 1);
  return theta * stretch ** (headDim / (headDim - 2));
}

/** Llama 3.1: long waves are slowed by `factor`, short ones kept, those between blended. */
function llama3Frequency(
  settings: Extract<RopeSettings, { type: "llama3" }>,
  frequency: number,
): number {
  const { factor, lowFrequencyFactor, highFrequencyFactor, originalLength } = settings;
  const turns = originalLength * frequency / (2 * Math.PI);
  if (turns < lowFrequencyFactor) return frequency / factor;
  if (turns > highFrequencyFactor) return frequency;
  const blend = (turns - lowFrequencyFactor) / (highFrequencyFactor - lowFrequencyFactor);
  return (1 - blend) * frequency / factor + blend * frequency;
}

/** Fills tables of rotation angles; keeps the rows of the usual frequencies for all packs. */
export class RopeTable {
  #rows = new Float32Array(0);

  constructor(readonly settings: RopeSettings, readonly headDim: number) {
    if (headDim % 8 !== 0) {
      throw new AssayError(
        "models/unsupported-config",
        `Cannot use heads of ${headDim} dimensions: expected a multiple of 8`,
      );
    }
  }

  /** Whether a token's angles depend on the length of its whole conversation. */
  dependsOnLength(length: number): boolean {
    return this.settings.type === "dynamic" && length > this.settings.originalLength;
  }

  /**
   * Writes headDim numbers for each token: the cosines of its position, then the sines.
   *
   * @param position Position of token i in its conversation.
   * @param length Tokens of the conversation that token i belongs to.
   */
  fill(
    count: number,
    position: (i: number) => number,
    length: (i: number) => number,
  ): Float32Array<ArrayBuffer> {
    const { headDim } = this;
    const angles = new Float32Array(count * headDim);
    let stretched: { length: number; frequencies: Float32Array } | undefined;
    for (let i = 0; i < count; i++) {
      if (!this.dependsOnLength(length(i))) {
        angles.set(this.#row(position(i)), i * headDim);
        continue;
      }
      if (stretched?.length !== length(i)) {
        const frequencies = ropeFrequencies(this.settings, headDim, length(i));
        stretched = { length: length(i), frequencies };
      }
      writeAngles(angles, i * headDim, stretched.frequencies, position(i));
    }
    return angles;
  }

  #row(position: number): Float32Array {
    const { headDim } = this;
    const known = this.#rows.length / headDim;
    if (position >= known) {
      const grown = new Float32Array(Math.max(256, 2 * position) * headDim);
      grown.set(this.#rows);
      const frequencies = ropeFrequencies(this.settings, headDim, 0);
      for (let p = known; p < grown.length / headDim; p++) {
        writeAngles(grown, p * headDim, frequencies, p);
      }
      this.#rows = grown;
    }
    return this.#rows.subarray(position * headDim, (position + 1) * headDim);
  }
}

function writeAngles(
  angles: Float32Array,
  start: number,
  frequencies: Float32Array,
  position: number,
): void {
  const half = frequencies.length;
  for (let i = 0; i < half; i++) {
    const angle = Math.fround(position * frequencies[i]!);
    angles[start + i] = Math.cos(angle);
    angles[start + half + i] = Math.sin(angle);
  }
}
