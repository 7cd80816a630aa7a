/**
 * Assay scores answers with reward models: safetensors weights as published, hand-written WGSL on
 * WebGPU, exact and the same in any batch.
 *
 * @module
 */
export { AssayError } from "./src/error.ts";
export type { Conversation, Message } from "./src/text/conversation.ts";
export {
  blobFolder,
  type CheckpointFolder,
  httpFolder,
  localFolder,
} from "./src/checkpoint/folder.ts";
export type { ByteSource } from "./src/checkpoint/byte_source.ts";
export type { HttpPatience } from "./src/checkpoint/http_patience.ts";
export type { HttpOptions } from "./src/checkpoint/http_source.ts";
export type { LoadOptions, Progress, ScoreOptions, TokenName } from "./src/scoring/load_options.ts";
export type { WaveProgress } from "./src/scoring/packs/wave_clock.ts";
export type { StepReduction } from "./src/heads/asked.ts";
export type { Pooling } from "./src/scoring/pooling.ts";
export { type ModelState, RewardModel } from "./src/scoring/reward_model.ts";
export type { ShownToken, ShownTokens } from "./src/scoring/shown_tokens.ts";
export {
  ImplicitRewardModel,
  type ImplicitRewardOptions,
} from "./src/scoring/implicit_reward_model.ts";
export {
  RewardModelWorker,
  type WorkerLoadOptions,
} from "./src/scoring/worker/reward_model_worker.ts";
export { serveRewardModel } from "./src/scoring/worker/serve_reward_model.ts";
export type { Port } from "./src/scoring/worker/remote_calls.ts";
export type { BackendChoice } from "./src/scoring/backend_choice.ts";
export type { WebGpuName } from "./src/gpu/adapter.ts";
export type { KernelSet } from "./src/gpu/kernel_set.ts";
export type { Precision } from "./src/gpu/precision.ts";
export type { QuantizedWeights } from "./src/scoring/weights_name.ts";
export type { BackendKind, KernelsName } from "./src/ops/backend.ts";
export type { Tuning } from "./src/ops/products/product_tuner.ts";
export type { MemoryPlan } from "./src/scoring/packs/memory_plan.ts";
export type { Deviation } from "./src/heads/head.ts";
export { marginStd, type NamedNumbers, type Verdict } from "./src/scoring/verdict.ts";
