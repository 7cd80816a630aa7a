import { AssayError } from "../error.ts";
import type { ModelFacts } from "./family.ts";

/** Keys of the config that describe quantized weights: transformers', compressed-tensors' and MLX's. */
const settingsKeys = ["quantization_config", "compression_config", "quantization"];

/** Tensors that only quantized weights have: GPTQ's and AWQ's, bitsandbytes', fp8's scales. */
const tensorNames =
  /\.(qweight|qzeros|g_idx|absmax|quant_map|quant_state\.\w+|SCB|weight_format|weight_scale(_inv)?|weight_packed|input_scale)$/;
const tensorTypes = /^(F8|F6|F4)_/;

/**
 * Refuses quantized weights by name, whatever the family: they are other numbers than the model's, and
 * no kernel reads them.
 *
 * @throws {AssayError} `models/quantized`.
 */
export function refuseQuantized({ name, config, tensors }: ModelFacts): void {
  const key = settingsKeys.find((key) => (config[key] ?? undefined) !== undefined);
  const tensor = [...tensors.values()].find(({ name, dtype }) =>
    tensorNames.test(name) || tensorTypes.test(dtype)
  );
  if (key === undefined && tensor === undefined) return;
  const found = key === undefined
    ? `the tensor "${tensor!.name}" in ${tensor!.dtype}`
    : `"${key}" in config.json${methodOf(config[key])}`;
  throw new AssayError(
    "models/quantized",
    `Cannot score with ${name}: expected weights in BF16, F16 or F32, found quantized ones ` +
      `(${found}); take the model as it was before it was quantized` +
      (key === undefined ? "" : `, and if these weights are plain, take "${key}" out`),
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
