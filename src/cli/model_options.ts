import { type Command, InvalidArgumentError, Option } from "commander";
import type { WebGpuName } from "../gpu/adapter.ts";
import type { Precision } from "../gpu/precision.ts";
import type { KernelSet } from "../gpu/kernel_set.ts";
import type { Tuning } from "../ops/products/product_tuner.ts";
import type { LoadOptions } from "../scoring/load_options.ts";
import type { Pooling } from "../scoring/pooling.ts";
import type { TextForm } from "../text/conversation_tokenizer.ts";
import { countArgument, sizeArgument, templateOption, webGpuOption } from "./arguments.ts";
import { type HeadFlags, headOptions } from "./head_options.ts";
import type { Output } from "./output.ts";
import type { ProgressBar } from "./progress_bar.ts";

/** What a command's MODEL may be. */
export const modelMeaning =
  "folder of the checkpoint, its URL, or hf:org/name[@revision] on the hub";

/** The flags that say how a reward model is loaded. */
export interface ModelFlags extends HeadFlags {
  readonly chatTemplate?: string | undefined;
  readonly truncate?: "left" | "right" | undefined;
  readonly trustSpecialTokens?: true | undefined;
  readonly ignoreConfigKey?: readonly string[] | undefined;
  readonly pooling: Pooling;
  readonly form?: TextForm | undefined;
  readonly label?: string | undefined;
  readonly backend: "auto" | "gpu" | "wasm" | "cpu";
  readonly webgpu?: WebGpuName | undefined;
  readonly experimental?: true | undefined;
  readonly kernels?: KernelSet | undefined;
  readonly precision: Precision;
  readonly tuning: Tuning;
  readonly threads?: number | undefined;
  readonly weights?: "int8" | "int4" | undefined;
  readonly weightGroup?: 32 | 128 | undefined;
  readonly memoryBudget?: number | undefined;
  readonly batch?: number | undefined;
}

/** Adds the flags of {@link ModelFlags} to a command. */
export function addModelFlags(command: Command): Command {
  return addPlainModelFlags(command)
    .addOption(
      new Option(
        "--weights <form>",
        "quantize the layers' weights as they are loaded, for less memory; scores change (default: as stored)",
      ).choices(["int8", "int4"]),
    )
    .option(
      "--weight-group <inputs>",
      "inputs that share a scale, with --weights: 32 or 128 (default: 32)",
      groupArgument,
    );
}

/** Adds the flags of {@link ModelFlags} but for those of quantized weights. */
export function addPlainModelFlags(command: Command): Command {
  return command
    .addOption(
      new Option("--truncate <side>", "cut conversations that are too long, which else are errors")
        .choices(["left", "right"]),
    )
    .addOption(templateOption())
    .option("--trust-special-tokens", "let special tokens written inside messages act as such")
    .option(
      "--ignore-config-key <key>",
      "leave out a key of config.json that Assay does not know, which else is refused; may be repeated",
      (key: string, before: readonly string[] = []) => [...before, key],
    )
    .addOption(
      new Option("--pooling <position>", "what a head that reads the last token reads")
        .choices(["last", "last-not-pad"]).default("last"),
    )
    .option("--label <name>", "the label that is the score, of a head that has several")
    .addOption(
      new Option(
        "--form <form>",
        "how conversations become tokens: chat, by the template, or pair, as encoders read a prompt " +
          "and a response (default: as the model tells)",
      ).choices(["chat", "pair"]),
    )
    .addOption(
      new Option(
        "--backend <backend>",
        "where to compute: on a GPU, by WebAssembly or by plain loops; auto takes a GPU, else WebAssembly, " +
          "or a software adapter that was timed to be faster",
      )
        .choices(["auto", "gpu", "wasm", "cpu"]).default("auto"),
    )
    .addOption(webGpuOption())
    .option(
      "--experimental",
      "with --webgpu dawn and --precision f16: products on the GPU's matrix units, which no GPU has tried yet",
    )
    .addOption(
      new Option("--kernels <set>", "which kernels compute on the GPU (default: by the adapter)")
        .choices(["tiled", "texture"]),
    )
    .addOption(
      new Option(
        "--precision <type>",
        "in what numbers a GPU's products multiply: f32, or f16, which is faster on many GPUs and " +
          "changes scores a little",
      ).choices(["f32", "f16"]).default("f32"),
    )
    .option(
      "--tuning <choice>",
      "auto times the products' tiles where there is much work, off doesn't, and a tile's name " +
        "pins it; scores do not depend on it",
      "auto",
    )
    .option(
      "--threads <count>",
      "threads of the WebAssembly engine (default: as many as cores, up to 16); scores do not depend on it",
      countArgument,
    )
    .option(
      "--memory-budget <size>",
      "memory for weights and matrices to stay within, for example 6GiB",
      sizeArgument,
    )
    .option(
      "--batch <tokens>",
      "tokens computed together; scores do not depend on it",
      countArgument,
    );
}

/** Inputs that share a scale: 32 or 128. */
export function groupArgument(text: string): 32 | 128 {
  if (text === "32" || text === "128") return Number(text) as 32 | 128;
  throw new InvalidArgumentError("Expected 32 or 128.");
}

/** The load options that the flags ask for, with warnings on standard error and progress in the bar. */
export function loadOptions(flags: ModelFlags, output: Output, bar: ProgressBar): LoadOptions {
  return {
    backend: flags.backend,
    tuning: flags.tuning,
    ...(flags.precision === "f16" && { precision: flags.precision }),
    webgpu: flags.webgpu,
    experimental: flags.experimental,
    kernels: flags.kernels,
    threads: flags.threads,
    trustSpecialTokens: flags.trustSpecialTokens ?? false,
    ignoreConfigKeys: flags.ignoreConfigKey,
    truncate: flags.truncate,
    pooling: flags.pooling,
    form: flags.form,
    label: flags.label,
    chatTemplate: flags.chatTemplate,
    ...headOptions(flags),
    weights: flags.weights,
    weightGroup: flags.weightGroup,
    memoryBudget: flags.memoryBudget,
    tokensPerPack: flags.batch,
    onWarning: (message) => void output.warn(message),
    onProgress: ({ phase, done, total }) => {
      if (phase === "load") bar.update("loading layers", done, total);
    },
  };
}
