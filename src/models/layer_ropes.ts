import { ConfigReader } from "../checkpoint/config_reader.ts";
import { layerWindows, windowOrDefault } from "./config_keys.ts";
import { readSection, type RopeReading, type RopeSettings } from "./rope_settings.ts";
import { unsupported } from "./unsupported.ts";

/** What ropes by type of layer are read with. */
export interface LayerRopesReading extends RopeReading {
  /** Theta of each where no key says it. */
  readonly theta: { readonly full: number; readonly windowed: number };
}

/**
 * The ropes of layers without a window, and of those with one: by type of layer in transformers 5;
 * before that, `rope_theta` with `rope_scaling` for the first alone.
 *
 * @throws {AssayError} `models/unsupported-config`, `checkpoint/bad-config`.
 */
export function readLayerRopes(
  reader: ConfigReader,
  reading: LayerRopesReading,
): readonly [full: RopeSettings, windowed: RopeSettings] {
  const { full, windowed } = reading.theta;
  const older = reader.section("rope_scaling");
  const newer = reader.section("rope_parameters");
  // transformers computes with the sections of the two types, and with nothing beside them.
  const stray = newer &&
    Object.keys(newer.config).find((key) =>
      key !== "full_attention" && key !== "sliding_attention"
    );
  if (newer !== undefined && stray !== undefined) {
    const supported = "full_attention and sliding_attention, with a rope each";
    throw unsupported(newer, stray, supported, newer.value(stray));
  }
  if (older !== undefined) refuseOlderName(older);
  const one = (type: string, theta: number, scaling?: ConfigReader): RopeSettings => {
    const given = newer?.section(type)?.config ?? { rope_type: "default" };
    const name = scaling?.name ?? `${reader.name}, the rope of ${type}`;
    const section = new ConfigReader({ ...given, ...scaling?.config }, name);
    const rope = readSection(section, { ...reading, theta });
    // transformers looks for this key beside the sections of types, where it never is.
    if (rope.type === "yarn" && !rope.truncate) {
      throw unsupported(section, "truncate", "true", false);
    }
    return rope;
  };
  return [
    one("full_attention", reader.positive("rope_theta", full), older),
    one("sliding_attention", windowed),
  ];
}

/** A type of scaling under its first name, `type`: transformers 4 takes it here too, 5 takes no scaling then. */
function refuseOlderName(scaling: ConfigReader): void {
  const type = scaling.value("type");
  if (type === undefined || type === "default" || scaling.value("rope_type") !== undefined) return;
  throw unsupported(scaling, "type", 'its newer name, "rope_type"', type);
}

/**
 * The window of each layer, 0 where it sees everything before it: in all layers but each `pattern`th
 * where the config lists no types. Left out, the size is transformers' own.
 */
export function windowsButEach(
  reader: ConfigReader,
  layers: number,
  pattern: number,
): readonly number[] {
  const given = reader.value("sliding_window") === undefined ? 0 : reader.count("sliding_window");
  const window = windowOrDefault(reader, given);
  if (reader.value("layer_types") !== undefined) {
    const size = window === 0 ? {} : { sliding_window: window };
    return layerWindows(
      new ConfigReader({ ...reader.config, ...size }, reader.name),
      layers,
      () => [],
    );
  }
  if (window === 0 && pattern !== 1) {
    throw reader.unexpected("sliding_window", "a positive whole number", null);
  }
  return Array.from({ length: layers }, (_, layer) => (layer + 1) % pattern === 0 ? 0 : window);
}
