import { activatePart } from "./activate";
import { attentionPart } from "./attention";
import { ACTIVATE, ATTENTION, LAYER_NORM, PACK, PRODUCT, RMS_NORM, ROPE } from "./kinds";
import { layerNormPart } from "./layer_norm";
import { packPart } from "./pack_panels";
import { productPart } from "./product";
import { rmsNormPart } from "./rms_norm";
import { ropePart } from "./rope";

/** Computes one part of a kind of work. */
export function compute(kind: u32, part: u32): void {
  if (kind == PRODUCT) productPart(part);
  else if (kind == PACK) packPart(part);
  else if (kind == ATTENTION) attentionPart(part);
  else if (kind == RMS_NORM) rmsNormPart(part);
  else if (kind == LAYER_NORM) layerNormPart(part);
  else if (kind == ROPE) ropePart(part);
  else if (kind == ACTIVATE) activatePart(part);
}
