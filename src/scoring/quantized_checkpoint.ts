import { Checkpoint, openFolder } from "../checkpoint/checkpoint.ts";
import type { CheckpointFolder } from "../checkpoint/folder.ts";
import { isFloatDtype } from "../checkpoint/tensor.ts";
import { AssayError } from "../error.ts";
import { planBackbone } from "../models/families.ts";
import { quantizableTensors } from "../models/quantizable.ts";
import { ownQuantization } from "../models/quantized_weights.ts";
import type { GroupForm } from "../ops/quantization/group_quantization.ts";
import { hubOptions, type LoadOptions } from "./load_options.ts";
import { quantizedFolder } from "./quantized_folder.ts";

/** The form that options ask for; `undefined` where they ask for none. */
export function formOf(
  { weights, weightGroup = 32 }: Pick<LoadOptions, "weights" | "weightGroup">,
): GroupForm | undefined {
  return weights && { bits: weights === "int8" ? 8 : 4, group: weightGroup };
}

/**
 * Opens a checkpoint, and a second one whose weights are quantized as they are read where options ask for
 * that. A checkpoint that is quantized in that form already is taken as it is.
 *
 * @param opened What closes them.
 * @throws {AssayError} `scoring/already-quantized`, and what opening and recognising a checkpoint throws.
 */
export async function openQuantized(
  source: string | URL | CheckpointFolder,
  options: LoadOptions,
  opened: DisposableStack,
): Promise<Checkpoint> {
  const folder = await openFolder(source, hubOptions(options));
  const base = opened.use(await Checkpoint.open(folder));
  const form = formOf(options);
  if (form === undefined) return base;
  const own = ownQuantization(base);
  if (own?.bits === form.bits && (options.weightGroup ?? own.group) === own.group) return base;
  const names = quantizedNames(base, own, options);
  return opened.use(await Checkpoint.open(quantizedFolder(folder, base, names, form)));
}

/**
 * Names of a checkpoint's weights that are quantized.
 *
 * @throws {AssayError} `scoring/already-quantized`, and what recognising the model throws.
 */
export function quantizedNames(
  { name, config, tensors }: Checkpoint,
  own: GroupForm | undefined,
  { ignoreConfigKeys }: Pick<LoadOptions, "ignoreConfigKeys">,
): string[] {
  if (own !== undefined) {
    throw new AssayError(
      "scoring/already-quantized",
      `Cannot quantize ${name}: expected weights as they were published, found int${own.bits} in groups ` +
        `of ${own.group}; quantize the model that it was made of`,
    );
  }
  const backbone = planBackbone({ name, config, tensors, ignoreConfigKeys });
  const { tensors: expected } = backbone;
  return quantizableTensors(backbone).filter((tensor) => {
    const info = tensors.get(tensor);
    return info !== undefined && isFloatDtype(info.dtype) &&
      String(info.shape) === String(expected.get(tensor)); // others are refused as the model is recognised
  });
}
