import type { ConfigReader } from "../checkpoint/config_reader.ts";
import type { Family } from "./family.ts";
import { readLayerRopes, windowsButEach } from "./layer_ropes.ts";
import { olmoFamily } from "./olmo2.ts";
import { unsupported } from "./unsupported.ts";

/** The base of both ropes where the config says nothing. */
const usualTheta = 500000;

/**
 * OLMo 3 (Team OLMo 2025, arXiv 2512.13961): OLMo 2 with a window in three layers of four; what scales
 * the rope for long conversations (yarn) holds for the layers without one.
 */
export const olmo3: Family = olmoFamily("olmo3", "Olmo3", (reader, { layers, ...reading }) => {
  const theta = { full: usualTheta, windowed: usualTheta };
  refuseOtherTheta(reader);
  const [rope, localRope] = readLayerRopes(reader, { ...reading, theta });
  return { rope, localRope, windows: windowsButEach(reader, layers, 4) };
});

/**
 * A base outside of `rope_parameters`: transformers 4 turns all layers by it, 5 only those without a
 * window, so another than the usual one has two meanings.
 */
function refuseOtherTheta(reader: ConfigReader): void {
  const theta = reader.positive("rope_theta", usualTheta);
  if (theta === usualTheta) return;
  const supported = `${usualTheta}, as published, or in rope_parameters by type of layer`;
  throw unsupported(reader, "rope_theta", supported, theta);
}
