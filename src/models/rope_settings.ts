import { ConfigReader } from "../checkpoint/config_reader.ts";
import { unsupported } from "./unsupported.ts";

/** What every type of rope has. */
interface RopeBase {
  readonly theta: number;
  /** The part of a head that is turned, counted from its first number; all of it by default. */
  readonly partialFactor?: number;
}

/** How positions turn into angles. */
export type RopeSettings =
  & RopeBase
  & (
    | { readonly type: "default" }
    | { readonly type: "linear"; readonly factor: number }
    | {
      readonly type: "dynamic";
      readonly factor: number;
      /** Conversations longer than this, the model's `max_position_embeddings`, stretch the frequencies. */
      readonly originalLength: number;
    }
    | {
      readonly type: "llama3";
      readonly factor: number;
      readonly lowFrequencyFactor: number;
      readonly highFrequencyFactor: number;
      readonly originalLength: number;
    }
    | YarnSettings
    | LongRopeSettings
  );

/** YaRN (Peng et al. 2023, arXiv 2309.00071). */
export interface YarnSettings {
  readonly type: "yarn";
  readonly factor: number;
  /** Waves that turn oftener than this within the original length are kept. */
  readonly betaFast: number;
  /** Waves that turn more seldom are slowed by `factor`; those between are blended. */
  readonly betaSlow: number;
  /** Whether the bounds between them are rounded outwards to whole frequencies. */
  readonly truncate: boolean;
  /** What cosines and sines are multiplied by. */
  readonly attentionFactor: number;
  readonly originalLength: number;
}

/** LongRoPE (Ding et al. 2024, arXiv 2402.13753): each frequency has a divisor of its own. */
export interface LongRopeSettings {
  readonly type: "longrope";
  /** Divisors in a conversation of at most `originalLength` tokens. */
  readonly shortFactors: readonly number[];
  /** Divisors in a longer one. */
  readonly longFactors: readonly number[];
  /** What cosines and sines are multiplied by, at any length. */
  readonly attentionFactor: number;
  readonly originalLength: number;
}

/** What a rope is read for. */
export interface RopeReading {
  /** The `max_position_embeddings` of the config. */
  readonly maxPositions: number;
  /** Numbers of a head. */
  readonly headDim: number;
  /** Told where the two spellings disagree. */
  readonly warn?: ((message: string) => void) | undefined;
  /**
   * The part of a head that is turned where the section says nothing, for families that may turn a part;
   * left out, another part than the whole is refused.
   */
  readonly partialFactor?: number | undefined;
  /** The types that the class has, each with what it means there; by default all, as they are called. */
  readonly types?: Readonly<Record<string, string>> | undefined;
  /** Theta where the section says nothing, for families that have another name for it than `rope_theta`. */
  readonly ownTheta?: number | undefined;
  /** The original length of families that have one where the config names none. */
  readonly originalLength?: number | undefined;
}

/** A length that is recorded beside every type; only some compute with it. */
const originalLengthKey = "original_max_position_embeddings";
const partialKey = "partial_rotary_factor";

/**
 * Reads the rope settings in the spelling of transformers 4 (`rope_theta`, `rope_scaling`) or 5
 * (`rope_parameters`). Every key of the section is read, or refused.
 *
 * @throws {AssayError} `models/unsupported-config` for another type of scaling, a key that the type
 *   does not have, or settings by type of layer.
 */
export function readRope(config: ConfigReader, reading: RopeReading): RopeSettings {
  const section = ropeSection(config, reading.warn ?? (() => {}));
  const outer = reading.ownTheta ?? config.positive("rope_theta", 10000);
  // Where a length stands outside of the section, transformers 5 takes that one.
  const outerLength = config.value(originalLengthKey) === undefined
    ? reading.originalLength
    : config.count(originalLengthKey);
  const around = section ?? new ConfigReader({}, config.name);
  return readSection(around, { ...reading, theta: outer, outerLength });
}

/**
 * The longest conversation that a model takes, in tokens: what the config says, or what its rope
 * stretches the original length to, if that is more.
 */
export function longestConversation(rope: RopeSettings, maxPositions: number): number {
  if (rope.type !== "dynamic" && rope.type !== "yarn") return maxPositions;
  return Math.max(maxPositions, Math.floor(rope.originalLength * rope.factor));
}

/** How many numbers of a head are turned: the first ones. */
export function rotaryDim({ partialFactor = 1 }: RopeSettings, headDim: number): number {
  return Math.trunc(headDim * partialFactor);
}

/** The settings for people. */
export function describeRope({ type, theta, ...others }: RopeSettings): string {
  const told = Object.entries(others).map(([key, value]) =>
    `${key} ${Array.isArray(value) ? `${value[0]} … ${value.at(-1)}` : value}`
  );
  return [`type ${type}`, `theta ${theta}`, ...told].join(", ");
}

function partOf(partialFactor = 1): Pick<RopeBase, "partialFactor"> {
  return partialFactor === 1 ? {} : { partialFactor };
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

/** What stands around a section. */
export interface SectionReading extends RopeReading {
  /** Theta where the section has none. */
  readonly theta: number;
  /** An original length that counts instead of the section's. */
  readonly outerLength?: number | undefined;
}

/**
 * Reads one section of rope settings, every key of it.
 *
 * @throws {AssayError} `models/unsupported-config`, `checkpoint/bad-config`.
 */
export function readSection(section: ConfigReader, reading: SectionReading): RopeSettings {
  const theta = section.positive("rope_theta", reading.theta);
  const called = section.text("rope_type", section.text("type", "default"));
  const { types } = reading;
  if (types !== undefined && !Object.hasOwn(types, called)) {
    throw unsupported(section, "rope_type", Object.keys(types).join(", "), called);
  }
  const type = types?.[called] ?? called;
  const base = { theta, ...readPart(section, reading) };
  const settings = { ...base, ...readScaling(section, type, reading) };
  checkTurned(section, settings, reading.headDim);
  const unread = section.unread().find((key) => section.value(key) !== undefined);
  if (unread === undefined) return settings;
  const none = `no such key for the rope type "${type}"`;
  throw unsupported(section, unread, none, section.value(unread));
}

function readPart(
  section: ConfigReader,
  { partialFactor }: RopeReading,
): Pick<RopeBase, "partialFactor"> {
  const factor = section.positive(partialKey, partialFactor ?? 1);
  if (partialFactor === undefined && factor !== 1) {
    throw unsupported(section, partialKey, "1", factor);
  }
  if (factor > 1) throw section.unexpected(partialKey, "at most 1", factor);
  return partOf(factor);
}

/** Refuses a rope that the heads can't be turned by. */
function checkTurned(section: ConfigReader, rope: RopeSettings, headDim: number): void {
  const turned = rotaryDim(rope, headDim);
  if (rope.partialFactor !== undefined && (turned % 2 !== 0 || turned === 0)) {
    const supported = `a part of a head's ${headDim} numbers that is an even number`;
    throw unsupported(section, partialKey, supported, rope.partialFactor);
  }
  if (rope.type !== "longrope") return;
  const lists = { short_factor: rope.shortFactors, long_factor: rope.longFactors };
  for (const [key, factors] of Object.entries(lists)) {
    if (factors.length === turned / 2) continue;
    const expected = `${turned / 2} numbers, half as many as are turned in a head`;
    throw section.unexpected(key, expected, factors);
  }
}

type Scaling<Settings = RopeSettings> = Settings extends unknown ? Omit<Settings, keyof RopeBase>
  : never;

function readScaling(section: ConfigReader, type: string, reading: SectionReading): Scaling {
  const { maxPositions, outerLength } = reading;
  const inner = section.value(originalLengthKey) === undefined
    ? maxPositions
    : section.count(originalLengthKey);
  const originalLength = outerLength ?? inner;
  switch (type) {
    case "default":
      return { type };
    case "linear":
      return { type, factor: section.positive("factor") };
    case "dynamic":
      return { type, factor: section.positive("factor"), originalLength: maxPositions };
    case "llama3":
      return {
        type,
        factor: section.positive("factor"),
        lowFrequencyFactor: section.positive("low_freq_factor"),
        highFrequencyFactor: section.positive("high_freq_factor"),
        originalLength,
      };
    case "yarn":
      return readYarn(section, originalLength, reading);
    case "longrope":
      return readLongRope(section, originalLength, reading);
    default:
      throw unsupported(
        section,
        "rope_type",
        "default, linear, dynamic, llama3, yarn, longrope",
        type,
      );
  }
}

function readYarn(
  section: ConfigReader,
  originalLength: number,
  { maxPositions, warn }: SectionReading,
): YarnSettings {
  const stretch = maxPositions / originalLength;
  // null stands for the ratio of the two lengths, as in transformers; left out, it is an error there.
  const isNull = "factor" in section.config && section.value("factor") === undefined;
  const factor = isNull ? stretch : section.positive("factor");
  if (stretch !== 1 && stretch !== factor) {
    warn?.(
      `${section.name}: "factor" is ${factor}, but max_position_embeddings is ${stretch} times ` +
        `${originalLengthKey}; Assay takes the factor, as transformers 5 does`,
    );
  }
  const [scale, scaleOfAll] = ["mscale", "mscale_all_dim"].map((key) =>
    section.value(key) === undefined ? undefined : section.positive(key)
  );
  const usual = scale !== undefined && scaleOfAll !== undefined
    ? yarnAttention(factor, scale) / yarnAttention(factor, scaleOfAll)
    : yarnAttention(factor, 1);
  return {
    type: "yarn",
    factor,
    betaFast: section.positive("beta_fast", 32),
    betaSlow: section.positive("beta_slow", 1),
    // transformers takes null for false.
    truncate: section.flag("truncate", !("truncate" in section.config)),
    attentionFactor: section.positive("attention_factor", usual),
    originalLength,
  };
}

function yarnAttention(factor: number, scale: number): number {
  return factor <= 1 ? 1 : 0.1 * scale * Math.log(factor) + 1;
}

function readLongRope(
  section: ConfigReader,
  originalLength: number,
  { maxPositions }: SectionReading,
): LongRopeSettings {
  const factor = section.positive("factor", maxPositions / originalLength);
  const usual = factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(originalLength));
  return {
    type: "longrope",
    shortFactors: divisors(section, "short_factor"),
    longFactors: divisors(section, "long_factor"),
    attentionFactor: section.positive("attention_factor", usual),
    originalLength,
  };
}

function divisors(section: ConfigReader, key: string): readonly number[] {
  const value = section.value(key);
  const isPositive = (one: unknown): boolean =>
    typeof one === "number" && Math.fround(one) > 0 && Math.fround(one) < Infinity;
  if (Array.isArray(value) && value.every(isPositive)) return value;
  throw section.unexpected(key, "a list of positive numbers", value);
}
