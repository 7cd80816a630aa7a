import { AssayError } from "../error.ts";
import { paddedHeadDim } from "../ops/layout.ts";
import { type RopeSettings, rotaryDim, type YarnSettings } from "./rope_settings.ts";

/**
 * The turned/2 angular frequencies, in radians per position. Each step is rounded to f32 as the
 * reference rounds it: at position 8,000 the last bit of a frequency moves an angle by 5e-4.
 *
 * @param turned How many numbers of a head are turned.
 * @param length Tokens of the conversation; only `dynamic` and `longrope` depend on it.
 */
export function ropeFrequencies(
  settings: RopeSettings,
  turned: number,
  length: number,
): Float32Array<ArrayBuffer> {
  const theta = settings.type === "dynamic"
    ? dynamicTheta(settings, turned, length)
    : settings.theta;
  const waves = Float32Array.from({ length: turned / 2 }, (_, i) => {
    const exponent = Math.fround((2 * i) / turned);
    return theta ** exponent;
  });
  if (settings.type === "yarn") return yarnFrequencies(settings, theta, waves);
  if (settings.type === "longrope") {
    const isLong = length > settings.originalLength;
    const divisors = isLong ? settings.longFactors : settings.shortFactors;
    return waves.map((wave, i) => 1 / Math.fround(Math.fround(divisors[i]!) * wave));
  }
  const frequencies = waves.map((wave) => 1 / wave);
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
  turned: number,
  length: number,
): number {
  const stretch = (factor * Math.max(length, originalLength)) / originalLength - (factor - 1);
  return theta * stretch ** (turned / (turned - 2));
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

/**
 * YaRN: waves that turn often within the original length are kept, those that hardly turn are slowed by
 * `factor`, and those between are blended by a ramp over their places in the list.
 */
function yarnFrequencies(
  { factor, betaFast, betaSlow, truncate, originalLength }: YarnSettings,
  theta: number,
  waves: Float32Array<ArrayBuffer>,
): Float32Array<ArrayBuffer> {
  const turned = 2 * waves.length;
  // The place at which a wave turns so often within the original length.
  const placeOf = (turns: number): number =>
    turned * Math.log(originalLength / (turns * 2 * Math.PI)) / (2 * Math.log(theta));
  const [fast, slow] = [placeOf(betaFast), placeOf(betaSlow)];
  const low = Math.max(truncate ? Math.floor(fast) : fast, 0);
  const high = Math.min(truncate ? Math.ceil(slow) : slow, turned - 1);
  const width = Math.fround(low === high ? 0.001 : high - low);
  const { fround } = Math;
  return waves.map((wave, i) => {
    const ramp = fround(fround(i - fround(low)) / width);
    const kept = fround(1 - Math.min(Math.max(ramp, 0), 1));
    const slowed = fround(1 / fround(fround(factor) * wave));
    return fround(slowed * fround(1 - kept)) + fround(fround(1 / wave) * kept);
  });
}

/** Fills tables of rotation angles; keeps the rows of the usual frequencies for all packs. */
export class RopeTable {
  /** Numbers of a row: as many as are turned in a head, which may be larger, each half padded. */
  readonly columns: number;
  readonly #turned: number;
  readonly #scale: number;
  #rows = new Float32Array(0);

  /** @param headDim Numbers of a head. */
  constructor(readonly settings: RopeSettings, headDim: number) {
    this.#turned = rotaryDim(settings, headDim);
    this.columns = paddedHeadDim(this.#turned);
    const isScaled = settings.type === "yarn" || settings.type === "longrope";
    this.#scale = isScaled ? Math.fround(settings.attentionFactor) : 1;
    if (this.#turned % 2 !== 0) {
      throw new AssayError(
        "models/unsupported-config",
        `Cannot turn ${this.#turned} numbers of each head: expected an even number`,
      );
    }
  }

  /** Whether a token's angles depend on the length of its whole conversation. */
  dependsOnLength(length: number): boolean {
    const { settings } = this;
    const depends = settings.type === "dynamic" || settings.type === "longrope";
    return depends && length > settings.originalLength;
  }

  /**
   * Writes `columns` numbers for each token: the cosines of its position, then the sines.
   *
   * @param position Position of token i in its conversation.
   * @param length Tokens of the conversation that token i belongs to.
   */
  fill(
    count: number,
    position: (i: number) => number,
    length: (i: number) => number,
  ): Float32Array<ArrayBuffer> {
    const { columns } = this;
    const angles = new Float32Array(count * columns);
    let stretched: { length: number; frequencies: Float32Array } | undefined;
    for (let i = 0; i < count; i++) {
      if (!this.dependsOnLength(length(i))) {
        angles.set(this.#row(position(i)), i * columns);
        continue;
      }
      if (stretched?.length !== length(i)) {
        const frequencies = ropeFrequencies(this.settings, this.#turned, length(i));
        stretched = { length: length(i), frequencies };
      }
      const row = angles.subarray(i * columns, (i + 1) * columns);
      this.#write(row, stretched.frequencies, position(i));
    }
    return angles;
  }

  #row(position: number): Float32Array {
    const { columns } = this;
    const known = this.#rows.length / columns;
    if (position >= known) {
      const grown = new Float32Array(Math.max(256, 2 * position) * columns);
      grown.set(this.#rows);
      const frequencies = ropeFrequencies(this.settings, this.#turned, 0);
      for (let p = known; p < grown.length / columns; p++) {
        this.#write(grown.subarray(p * columns, (p + 1) * columns), frequencies, p);
      }
      this.#rows = grown;
    }
    return this.#rows.subarray(position * columns, (position + 1) * columns);
  }

  /** Cosines and sines are rounded to f32 before they are scaled, as in the reference. */
  #write(row: Float32Array, frequencies: Float32Array, position: number): void {
    const half = row.length / 2;
    for (let i = 0; i < frequencies.length; i++) {
      const angle = Math.fround(position * frequencies[i]!);
      row[i] = this.#scale * Math.fround(Math.cos(angle));
      row[half + i] = this.#scale * Math.fround(Math.sin(angle));
    }
  }
}
