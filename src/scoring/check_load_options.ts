import {
  abortSignal,
  callback,
  checkOptions,
  either,
  flag,
  noBound,
  numberIn,
  object,
  oneOf,
  type OptionKind,
  type OptionKinds,
  positive,
  text,
  texts,
  wholeFrom,
} from "../check_options.ts";
import { stepReductions } from "../heads/asked.ts";
import { AssayError } from "../error.ts";
import { mostThreads } from "../wasm/engine.ts";
import type { LoadOptions, ScoreOptions } from "./load_options.ts";

const token = either(text, wholeFrom(0));
const twoTokens: OptionKind = {
  expected: "a list of two tokens",
  accepts: (value) => Array.isArray(value) && value.length === 2 && value.every(token.accepts),
};

const loadKinds: OptionKinds<LoadOptions> = {
  backend: oneOf("auto", "gpu", "wasm", "cpu"),
  webgpu: oneOf("dawn"),
  experimental: flag,
  kernels: oneOf("tiled", "texture"),
  precision: oneOf("f32", "f16"),
  tuning: text,
  threads: numberIn(
    `a whole number from 1 to ${mostThreads}`,
    (count) => Number.isInteger(count) && count >= 1 && count <= mostThreads,
  ),
  weights: oneOf("int8", "int4"),
  weightGroup: numberIn("32 or 128", (group) => group === 32 || group === 128),
  memoryBudget: numberIn("a number of bytes above 0", (bytes) => bytes > 0),
  layers: oneOf("resident", "streamed"),
  maxTokens: either(wholeFrom(1), noBound),
  truncate: oneOf("left", "right"),
  pooling: oneOf("last", "last-not-pad"),
  form: oneOf("chat", "pair"),
  label: text,
  logit: token,
  logits: twoTokens,
  stepToken: token,
  stepTurns: flag,
  reduceSteps: oneOf(...stepReductions),
  chatTemplate: text,
  trustSpecialTokens: flag,
  ignoreConfigKeys: texts,
  tokensPerPack: wholeFrom(1),
  sharePrefixes: flag,
  onProgress: callback,
  onWarning: callback,
  signal: abortSignal,
};

const scoreKinds: OptionKinds<ScoreOptions> = { signal: abortSignal, onProgress: callback };

/** Kinds of the options that one loader has beside those of all. */
export const ownKinds = {
  implicit: { beta: positive, reduce: oneOf("sum", "mean") },
  backbone: { reads: object },
  worker: { worker: object },
} satisfies Readonly<Record<string, Readonly<Record<string, OptionKind>>>>;

/**
 * Checks how a model is to be loaded.
 *
 * @param options What was given.
 * @param own Kinds of what this loader takes beside {@linkcode LoadOptions}.
 * @throws {AssayError} `scoring/bad-option`.
 */
export function checkLoadOptions(
  options: unknown,
  own: Readonly<Record<string, OptionKind>> = {},
): void {
  const kinds = { ...loadKinds, ...own };
  checkOptions("scoring/bad-option", "load the model", options, kinds, "refused");
  checkEngine(options as LoadOptions);
  checkWeights(options as LoadOptions);
  checkExperimental(options as LoadOptions);
}

function checkExperimental({ experimental = false, webgpu, precision }: LoadOptions): void {
  if (!experimental || webgpu === "dawn" && precision === "f16") return;
  throw new AssayError(
    "scoring/bad-option",
    'Cannot load the model: expected "experimental" with webgpu "dawn" and precision "f16", whose ' +
      "products may then run on matrix units, found it without one of them",
  );
}

/** An option of an engine that does not compute would do nothing, in silence. */
function checkEngine(
  { backend = "auto", webgpu, kernels, threads, precision }: LoadOptions,
): void {
  const half = precision === "f16";
  const ofGpu = webgpu !== undefined ? "webgpu" : kernels !== undefined ? "kernels" : undefined;
  const engine = backend === "auto" && (half || ofGpu !== undefined) ? "gpu" : backend;
  if (threads !== undefined && engine !== "auto" && engine !== "wasm") {
    throw new AssayError(
      "scoring/bad-option",
      'Cannot load the model: expected "threads" for the WebAssembly engine alone, found it with ' +
        (engine === backend
          ? `the backend "${backend}"`
          : half
          ? 'the precision "f16", which is a GPU\'s'
          : `"${ofGpu}", which is a GPU's`),
    );
  }
  if (half && (engine !== "gpu" || kernels === "texture")) {
    throw new AssayError(
      "scoring/bad-option",
      'Cannot load the model: expected the precision "f16" with a GPU\'s kernel set "tiled", found it ' +
        (engine === "gpu" ? 'with the kernel set "texture"' : `with the backend "${engine}"`),
    );
  }
  if (ofGpu !== undefined && (engine === "wasm" || engine === "cpu")) {
    throw new AssayError(
      "scoring/bad-option",
      `Cannot load the model: expected "${ofGpu}" for a GPU alone, found it with the backend "${engine}"`,
    );
  }
}

/** Groups of weights that are not quantized would do nothing, in silence. */
function checkWeights({ weights, weightGroup }: LoadOptions): void {
  if (weightGroup === undefined || weights !== undefined) return;
  throw new AssayError(
    "scoring/bad-option",
    'Cannot load the model: expected "weightGroup" beside "weights", found it alone',
  );
}

/**
 * Checks how a call to score is to go on.
 *
 * @throws {AssayError} `scoring/bad-option`.
 */
export function checkScoreOptions(options: unknown): void {
  checkOptions("scoring/bad-option", "score", options, scoreKinds, "refused");
}
