import { AssayError } from "../error.ts";
import { isFloatDtype, type TensorInfo } from "./tensor.ts";
import { namingHint } from "./tensor_names.ts";

/** Shapes of the tensors that a part of a model needs, by name. */
export type ExpectedTensors = ReadonlyMap<string, readonly number[]>;

/**
 * Tensors that some checkpoints carry and no score needs: the LM head, buffers of old exports, of which
 * GPT-NeoX's `attention.bias` is a mask, a pooler that RoBERTa's classifier does without, and how many
 * examples a norm or a normaliser was trained with.
 */
const needless = new RegExp(
  [
    /^(lm_head|embed_out)\./,
    /\.rotary_emb\.inv_freq$/,
    /\.masked_bias$/,
    /^gpt_neox\.layers\.\d+\.attention\.bias$/,
    /(^|\.)embeddings\.(position|token_type)_ids$/,
    /^roberta\.pooler\./,
    /\.num_batches_tracked$/,
    /^normalizer\.count$/,
  ].map(({ source }) => source).join("|"),
);

/**
 * Holds the tensors of a checkpoint against those that the model needs: none may be missing or of
 * another shape or type, and none left over, since a tensor that is not used means a model that is
 * not understood.
 *
 * @throws {AssayError} `checkpoint/missing-tensor`, `checkpoint/unexpected-tensor`,
 *   `checkpoint/wrong-shape`, `checkpoint/wrong-dtype`.
 */
export function checkTensors(
  found: ReadonlyMap<string, TensorInfo>,
  expected: ExpectedTensors,
  name: string,
): void {
  for (const [tensor, shape] of expected) {
    const info = found.get(tensor);
    if (info === undefined) {
      throw new AssayError(
        "checkpoint/missing-tensor",
        `Cannot load ${name}: expected a tensor "${tensor}" of shape [${shape}], found none; ` +
          "Assay never makes weights up, so the checkpoint must hold all of them" +
          namingHint(found.keys(), tensor),
      );
    }
    if (info.shape.length !== shape.length || info.shape.some((size, i) => size !== shape[i])) {
      throw new AssayError(
        "checkpoint/wrong-shape",
        `Cannot load ${name}: expected the tensor "${tensor}" to have the shape [${shape}] that ` +
          `config.json gives it, found [${info.shape}]`,
      );
    }
    if (info.quantized === undefined && !isFloatDtype(info.dtype)) {
      throw new AssayError(
        "checkpoint/wrong-dtype",
        `Cannot load ${name}: expected the tensor "${tensor}" in BF16, F16 or F32, found ` +
          `${info.dtype}; ${adviceOn(info.dtype)}`,
      );
    }
  }
  const left = [...found.keys()].filter((key) => !expected.has(key) && !needless.test(key));
  if (left.length > 0) {
    throw new AssayError(
      "checkpoint/unexpected-tensor",
      `Cannot load ${name}: ${left.length} of its tensors belong to no part that Assay knows ` +
        `(${left.slice(0, 5).join(", ")}${
          left.length > 5 ? ", …" : ""
        }); ignoring them would give ` +
        "another model's scores",
    );
  }
}

/** What to do with weights of a type that nothing is computed with. */
function adviceOn(dtype: TensorInfo["dtype"]): string {
  if (dtype === "F64") return "64-bit weights must be converted, for example to F32";
  if (/^[FIU](4|6|8)(_|$)/.test(dtype)) return "quantized checkpoints are not supported";
  return "no weight has such a type; save the checkpoint again";
}
