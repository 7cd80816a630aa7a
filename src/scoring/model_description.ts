import { checkTensors } from "../checkpoint/check_tensors.ts";
import type { TensorInfo } from "../checkpoint/tensor.ts";
import { chooseHead } from "../heads/choose_head.ts";
import type { HeadPlan } from "../heads/head.ts";
import { type DecoderConfig, readDecoderConfig } from "../models/decoder_config.ts";
import { decoderTensors } from "../models/decoder_tensors.ts";

/** What a model is told by: a checkpoint's settings and the headers of its tensors, no weights. */
export interface ModelFacts {
  readonly name: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
}

/** A model that was recognised in full: every tensor has its place, and nothing is left over. */
export interface ModelDescription {
  readonly name: string;
  readonly decoder: DecoderConfig;
  readonly head: HeadPlan;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
}

/**
 * Recognises a model by its settings and tensor headers, before any weight is read.
 *
 * @param warn Told of settings that are left out of account.
 * @throws {AssayError} Codes of `models/`, `heads/` and `checkpoint/` for whatever is not understood.
 */
export function describeModel(
  { name, config, tensors }: ModelFacts,
  warn: (message: string) => void = () => {},
): ModelDescription {
  const decoder = readDecoderConfig(config, name, warn);
  const head = chooseHead({ name, config, tensors, hiddenSize: decoder.hiddenSize });
  checkTensors(tensors, new Map([...decoderTensors(decoder), ...head.tensors]), name);
  return { name, decoder, head, tensors };
}
