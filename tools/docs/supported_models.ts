/**
 * What Assay can run, from the code's own lists. This is the one place to change where families or
 * heads come to be listed elsewhere.
 *
 * @module
 */
import { headKinds } from "../../src/heads/choose_head.ts";
import { families } from "../../src/models/families.ts";

/** A family of backbones. */
export interface SupportedFamily {
  /** `model_type` in `config.json`. */
  readonly modelType: string;
  /** The `architectures` in `config.json` that checkpoints of it have. */
  readonly architectures: string;
}

/** The families. */
export function supportedFamilies(): SupportedFamily[] {
  return families.map(({ modelType, className }) => ({
    modelType,
    architectures: `${className}For…`,
  }));
}

/** A kind of head. */
export interface SupportedHead {
  readonly kind: string;
  /** What a checkpoint is told to have this head by. */
  readonly told: string;
}

/** The heads. */
export function supportedHeads(): SupportedHead[] {
  return headKinds.map(({ kind, told }) => ({
    kind,
    told: told.replace(/ \([^)]*\)$/, "").replaceAll('"', "`"),
  }));
}
