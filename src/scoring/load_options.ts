import type { Precision } from "../gpu/precision.ts";
import type { HubOptions } from "../checkpoint/hub/hub_settings.ts";
import type { WebGpuName } from "../gpu/adapter.ts";
import type { KernelSet } from "../gpu/kernel_set.ts";
import type { Tuning } from "../ops/products/product_tuner.ts";
import type { StepReduction } from "../heads/asked.ts";
import type { MemoryPlan } from "./packs/memory_plan.ts";
import type { WaveProgress } from "./packs/wave_clock.ts";
import type { BackendChoice } from "./backend_choice.ts";
import type { TextForm } from "../text/conversation_tokenizer.ts";
import type { Pooling } from "./pooling.ts";

/** A token of the vocabulary: its id, or a text that is one token. */
export type TokenName = string | number;

/** How far some long work has come. */
export interface Progress {
  /** `download` counts bytes of a model of the hub, `load` layers, `score` conversations. */
  readonly phase: "download" | "load" | "score";
  /** How many are done. */
  readonly done: number;
  /** How many there are, where that is known. */
  readonly total: number | undefined;
  /** Where layers are streamed: how far the wave has come that conversations are in now. */
  readonly wave?: WaveProgress | undefined;
}

/** How a model is loaded, and how it treats conversations. */
export interface LoadOptions {
  /**
   * Where to compute. `auto` (the default) takes a GPU. Where there is none it takes the WebAssembly
   * engine, or a software adapter where that was timed to be faster for a model of this shape; and plain
   * loops, with a warning, where the runtime has no WebAssembly with vectors. A verdict names what
   * computed it: two engines may differ in a score's last bits.
   */
  readonly backend?: BackendChoice | undefined;
  /**
   * The implementation of WebGPU on a GPU, in place of the runtime's own: `dawn` loads the npm package
   * `webgpu`, for which Deno must be started with `--allow-ffi`. A verdict's `kernels` then says so: two
   * compilers may round a score's last bits differently.
   */
  readonly webgpu?: WebGpuName | undefined;
  /**
   * Lets products in f16 run on the GPU's matrix units, where Dawn's adapter lists one that fits: with
   * `webgpu: "dawn"` and `precision: "f16"` alone. No GPU has run that kernel yet; off by default.
   */
  readonly experimental?: boolean | undefined;
  /** Pins the kernel set on a GPU; by default the fast one for the adapter. */
  readonly kernels?: KernelSet | undefined;
  /**
   * In what numbers a GPU multiplies in the backbone's products: `f32` (the default) takes weights and
   * activations as they are, `f16` rounds both to half precision and adds their products, which are
   * exact, in f32. Scores change by that rounding; a verdict names it. Only with the kernel set `tiled`, on
   * adapters that have `shader-f16`.
   */
  readonly precision?: Precision | undefined;
  /**
   * How the tiles of matrix products are chosen on a GPU: `auto` (the default) times a few of them on
   * the model's own shapes, for about a second, once there are ten seconds of work or more, and
   * remembers what was fastest on this adapter; `off` doesn't; the name of a tile pins it. Scores do
   * not depend on it.
   */
  readonly tuning?: Tuning | undefined;
  /**
   * Threads of the WebAssembly engine, at most 32; by default as many as there are cores, up to 16.
   * Scores do not depend on it. It is refused with a backend that has no such threads.
   */
  readonly threads?: number | undefined;
  /**
   * Quantizes the linear maps of the layers as they are loaded: `int8` takes half the memory of BF16, `int4`
   * about 0.28 of it. Scores change; `assay quantize --report` tells by how much. By default weights are
   * used as they are stored.
   */
  readonly weights?: "int8" | "int4" | undefined;
  /** Inputs that share a scale where weights are quantized as they are loaded: 32 (the default) or 128. */
  readonly weightGroup?: 32 | 128 | undefined;
  /** Bytes of device memory to stay within; unlimited by default. */
  readonly memoryBudget?: number | undefined;
  /** Pins whether all layers stay on the device or are streamed; by default they stay if they fit. */
  readonly layers?: MemoryPlan["layers"] | undefined;
  /** Longest conversation in tokens; the model's own length by default. */
  readonly maxTokens?: number | undefined;
  /** Which end to cut where a conversation is too long; by default such a row is an error. */
  readonly truncate?: "left" | "right" | undefined;
  /**
   * What a head that reads the last token reads: the true last one (`last`, the default), or the last that
   * is not the config's pad token (`last-not-pad`), as transformers does. Where they differ, the default
   * warns once.
   */
  readonly pooling?: Pooling | undefined;
  /**
   * How conversations become tokens: by the chat template (`chat`), or as an encoder's pair of a prompt
   * and a response (`pair`). Told by the model; an encoder that has a chat template needs to be told.
   */
  readonly form?: TextForm | undefined;
  /**
   * The label whose logit is the score, of a head that has several: one of the names of `id2label`, or
   * `LABEL_0` and so on. Without it such a head is refused.
   */
  readonly label?: string | undefined;
  /**
   * Scores with a causal model that was trained to judge: the score is the raw logit of this token after
   * the last one.
   */
  readonly logit?: TokenName | undefined;
  /**
   * The same by two tokens, as yes and no: the score is the first one's logit minus the second one's, their
   * log-odds. With `stepToken` or `stepTurns`, a step's score is the first one's probability of the two.
   */
  readonly logits?: readonly [TokenName, TokenName] | undefined;
  /** The token that ends a step, of a process reward model whose own is not known. */
  readonly stepToken?: TokenName | undefined;
  /** Whether each of the assistant's turns is a step, read where its header ends; off by default. */
  readonly stepTurns?: boolean | undefined;
  /** What the score is of the scores of the steps; `last`, the last one's, by default. */
  readonly reduceSteps?: StepReduction | undefined;
  /** Source of a chat template in place of the checkpoint's own. */
  readonly chatTemplate?: string | undefined;
  /** Whether special tokens written in a message's content act as such; off by default. */
  readonly trustSpecialTokens?: boolean | undefined;
  /**
   * Keys of `config.json` that Assay does not know and is to leave out, which else are refused. A key that
   * is known to change the arithmetic is refused all the same. Each is told of by `onWarning`.
   */
  readonly ignoreConfigKeys?: readonly string[] | undefined;
  /** Tokens that are computed together; 2,048 by default. Scores do not depend on it. */
  readonly tokensPerPack?: number | undefined;
  /** Whether a prompt that neighbours share is computed once; on by default. Scores do not depend on it. */
  readonly sharePrefixes?: boolean | undefined;
  /** Told of the bytes of a model of the hub that came, and of each layer that was loaded. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  /** Told of what is odd but no error; by default it goes to the console. */
  readonly onWarning?: ((message: string) => void) | undefined;
  /** Ends the loading; what was loaded is freed. */
  readonly signal?: AbortSignal | undefined;
}

/** How a call to score goes on. */
export interface ScoreOptions {
  /** Ends the call at its next pack, or streamed layer; it then throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Told of the conversations that were scored, and of each layer that was streamed. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** Who is told of the download of a model of the hub. */
export function hubOptions(options: LoadOptions): HubOptions {
  const { onProgress, signal } = options;
  return {
    onProgress: (done, total) => onProgress?.({ phase: "download", done, total }),
    onWarning: warner(options),
    signal,
  };
}

/** Who is told of what is odd but no error. */
export function warner({ onWarning }: LoadOptions): (message: string) => void {
  return onWarning ?? ((message) => console.warn(message));
}
