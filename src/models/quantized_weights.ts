import type { TensorInfo } from "../checkpoint/tensor.ts";
import { AssayError } from "../error.ts";
import { type GroupForm, groupsOf, quantBytes } from "../ops/quantization/group_quantization.ts";
import type { ModelFacts } from "./family.ts";

/** What a quantized weight's scales are named by, after its own name. */
export const scaleSuffix = "_scale";

/** The version of the form in which Assay writes quantized weights. */
const version = 1;

/** What `config.json` says of weights that Assay quantized, under `quantization_config`. */
export function quantizationConfig({ bits, group }: GroupForm): Readonly<Record<string, unknown>> {
  return { quant_method: "assay", version, bits, group_size: group };
}

/**
 * How Assay quantized a checkpoint's weights; `undefined` where it didn't.
 *
 * @throws {AssayError} `models/bad-quantization` where the settings are not as Assay writes them.
 */
export function ownQuantization(
  { name, config }: Pick<ModelFacts, "name" | "config">,
): GroupForm | undefined {
  const settings = config.quantization_config;
  if (typeof settings !== "object" || settings === null) return undefined;
  const { quant_method: method, version: found, bits, group_size: group, ...others } =
    settings as Record<string, unknown>;
  if (method !== "assay") return undefined;
  const odd = found !== version
    ? `version ${version}, found ${JSON.stringify(found)}: update Assay, or quantize again`
    : bits !== 8 && bits !== 4
    ? `8 or 4 bits, found ${JSON.stringify(bits)}`
    : group !== 32 && group !== 128
    ? `a group_size of 32 or 128, found ${JSON.stringify(group)}`
    : Object.keys(others).length > 0
    ? `no other keys, found ${Object.keys(others).slice(0, 5).join(", ")}`
    : undefined;
  if (odd === undefined) return { bits, group } as GroupForm;
  throw new AssayError(
    "models/bad-quantization",
    `Cannot score with ${name}: expected its quantization_config in config.json as \`assay quantize\` ` +
      `writes it, with ${odd}`,
  );
}

/**
 * The tensors as a model has them: a weight that Assay quantized is one with its scales, in the shape of
 * its numbers, with the bytes of both.
 *
 * @throws {AssayError} `models/bad-quantization`, which names the tensor, where the two don't fit together.
 */
export function withoutScales(facts: ModelFacts): ModelFacts {
  const form = ownQuantization(facts);
  if (form === undefined) return facts;
  const tensors = new Map(facts.tensors);
  for (const info of facts.tensors.values()) {
    if (info.dtype === "I8" || info.dtype === "U8") {
      tensors.set(info.name, joined(info, facts, form));
      tensors.delete(info.name + scaleSuffix);
    } else if (info.name.endsWith(`.weight${scaleSuffix}`)) {
      const weight = facts.tensors.get(info.name.slice(0, -scaleSuffix.length));
      if (weight?.dtype !== "I8" && weight?.dtype !== "U8") {
        throw bad(facts, `a quantized weight beside the tensor "${info.name}"`, found(weight));
      }
    }
  }
  return { ...facts, tensors };
}

function joined(info: TensorInfo, facts: ModelFacts, form: GroupForm): TensorInfo {
  const scale = facts.tensors.get(info.name + scaleSuffix);
  const [rows = 0, stored = 0, ...more] = info.shape;
  const columns = form.bits === 8 ? stored : 2 * stored;
  const dtype = form.bits === 8 ? "I8" : "U8";
  if (info.dtype !== dtype || more.length > 0 || rows < 1 || stored < 1) {
    throw bad(facts, `the tensor "${info.name}" as a matrix in ${dtype}`, found(info));
  }
  const shape = [rows, groupsOf(columns, form)];
  if (scale?.dtype !== "F16" || String(scale.shape) !== String(shape)) {
    throw bad(
      facts,
      `scales of "${info.name}", a tensor "${info.name + scaleSuffix}" in F16 of shape [${shape}]`,
      found(scale),
    );
  }
  const byteLength = info.byteLength + scale.byteLength;
  return { ...info, shape: [rows, columns], byteLength, quantized: form };
}

function found(info: TensorInfo | undefined): string {
  return info === undefined ? "none" : `${info.dtype} [${info.shape}]`;
}

function bad({ name }: ModelFacts, expected: string, found: string): AssayError {
  return new AssayError(
    "models/bad-quantization",
    `Cannot score with ${name}: expected ${expected}, found ${found}; quantize the model again`,
  );
}

/**
 * Refuses quantized tensors that Assay does not quantize.
 *
 * @param allowed Names of those that it does.
 * @throws {AssayError} `models/bad-quantization`.
 */
export function checkQuantized(facts: ModelFacts, allowed: Iterable<string>): void {
  const names = new Set(allowed);
  for (const { name, quantized, dtype, shape } of facts.tensors.values()) {
    if (quantized === undefined || names.has(name)) continue;
    throw bad(
      facts,
      `"${name}", which is no linear map of a layer, in BF16, F16 or F32`,
      `${dtype} [${shape}]`,
    );
  }
}

/** A weight's header as it is once it is quantized, with its scales' bytes. */
export function quantizedInfo(info: TensorInfo, form: GroupForm): TensorInfo {
  const [rows, columns] = info.shape as [number, number];
  const byteLength = rows * (quantBytes(columns, form) + 2 * groupsOf(columns, form));
  return { ...info, dtype: form.bits === 8 ? "I8" : "U8", byteLength, quantized: form };
}
