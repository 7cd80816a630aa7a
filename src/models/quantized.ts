import { AssayError } from "../error.ts";
import type { ModelFacts } from "./family.ts";
import { ownQuantization } from "./quantized_weights.ts";

/** Keys of the config that describe quantized weights: transformers', compressed-tensors' and MLX's. */
const settingsKeys = ["quantization_config", "compression_config", "quantization"];

/** Methods by a tensor that only they have; a later line stands for more of them. */
const methodsByTensor: readonly (readonly [pattern: RegExp, method: string])[] = [
  [/\.g_idx$/, "GPTQ"],
  [/\.(qweight|qzeros)$/, "GPTQ or AWQ"],
  [/\.(absmax|quant_map|nested_absmax|quant_state\.\w+|SCB|weight_format)$/, "bitsandbytes"],
  [/\.(weight_packed|weight_zero_point|weight_shape)$/, "compressed-tensors"],
  [/\.(weight_scale_inv|input_scale)$/, "fp8"],
  [/\.(W_q|_data|_scale|_shift)$/, "HQQ or quanto"],
  [/\.weight_scale$/, "fp8 or compressed-tensors"],
];
const tensorTypes = /^(F8|F6|F4)_/;

/**
 * Refuses weights that another program quantized, by name, whatever the family: they are other numbers than
 * the model's, and no kernel reads them. Assay's own pass.
 *
 * @throws {AssayError} `models/quantized`.
 */
export function refuseQuantized(facts: ModelFacts): void {
  const { name, config, tensors } = facts;
  if (ownQuantization(facts) !== undefined) return;
  const key = settingsKeys.find((key) => (config[key] ?? undefined) !== undefined);
  const names = [...tensors.keys()];
  const byTensor = methodsByTensor
    .map(([pattern, method]) => ({ method, tensor: names.find((name) => pattern.test(name)) }))
    .find(({ tensor }) => tensor !== undefined);
  const typed = [...tensors.values()].find(({ dtype }) => tensorTypes.test(dtype));
  if (key === undefined && byTensor === undefined && typed === undefined) return;
  const found = key !== undefined
    ? `"${key}" in config.json${methodOf(config[key])}`
    : byTensor !== undefined
    ? `the tensor "${byTensor.tensor}" in ${tensors.get(byTensor.tensor!)!.dtype}, as ` +
      `${byTensor.method} has them`
    : `the tensor "${typed!.name}" in ${typed!.dtype}`;
  throw new AssayError(
    "models/quantized",
    `Cannot score with ${name}: expected weights in BF16, F16 or F32, or quantized by Assay, found ` +
      `quantized ones (${found}); take the model as it was before it was quantized, and where memory ` +
      `is short --weights int4 or int8 (\`weights: "int4"\`) with it` +
      (key === undefined || byTensor !== undefined || typed !== undefined
        ? ""
        : `; if these weights are plain, take "${key}" out`),
  );
}

/** `, by gptq, 4 bits`, as far as the settings say. */
function methodOf(settings: unknown): string {
  if (typeof settings !== "object" || settings === null) return "";
  const { quant_method: method, bits, load_in_4bit: four, load_in_8bit: eight } =
    settings as Record<string, unknown>;
  const count = bits ?? (four === true ? 4 : eight === true ? 8 : undefined);
  return (typeof method === "string" ? `, by ${method.slice(0, 40)}` : "") +
    (typeof count === "number" ? `, ${count} bits` : "");
}
