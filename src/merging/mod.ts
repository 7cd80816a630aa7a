/**
 * Arithmetic on checkpoints: LoRA adapters merged into a base, weights averaged over members, tensors
 * laid over a folder. Nothing is written and no GPU is needed.
 *
 * @module
 */
export { averagedFolder, type SoupMember } from "./averaged_folder.ts";
export { checkpointRevision } from "./checkpoint_revision.ts";
export { LoraAdapter } from "./lora.ts";
export { type LazyTensor, type Overlay, overlayFolder } from "./overlay_folder.ts";
export { checkSoupMembers } from "./soup_members.ts";
export {
  type AveragedCheckpoint,
  averageWeights,
  type WeightAverageOptions,
} from "./weight_average.ts";
