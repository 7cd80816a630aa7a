import type { BackbonePlan } from "./family.ts";

/** Maps that choose or weigh what others give: routers of experts, decays of linear attention. */
const gating = /(^|\.)(gate|router|shared_expert_gate|in_proj_a|in_proj_b)\.weight$/;

/**
 * Names of the tensors whose weights may be quantized: the linear maps of the layers, of attention,
 * feed-forward blocks and experts. Never embeddings, norms, biases, heads, nor maps that choose or weigh.
 */
export function quantizableTensors({ tensors, layerOf }: BackbonePlan): string[] {
  return [...tensors].filter(([name, [, inputs = 1, ...more]]) =>
    layerOf(name) !== undefined && name.endsWith(".weight") && !gating.test(name) &&
    more.length === 0 && inputs % 2 === 0
  ).map(([name]) => name);
}
