import type { GroupForm } from "../ops/quantization/group_quantization.ts";

/** What quantized weights are called: by their whole numbers. */
export type QuantizedWeights = "int8" | "int4";

/** The name of quantized weights; `undefined` of plain ones. */
export function weightsName(form: GroupForm | undefined): QuantizedWeights | undefined {
  return form && `int${form.bits}`;
}
