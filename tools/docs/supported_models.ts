/**
 * What Assay can run, read from the code. This is the one place to change where families or heads
 * are listed elsewhere.
 *
 * @module
 */

/** A family of backbones. */
export interface SupportedFamily {
  /** `model_type` in `config.json`. */
  readonly modelType: string;
  /** What is asked of `architectures` in `config.json`. */
  readonly architectures: string;
}

/** The families, as `src/models/decoder_config.ts` lists them in its type. */
export async function supportedFamilies(): Promise<SupportedFamily[]> {
  const source = await Deno.readTextFile("src/models/decoder_config.ts");
  const list = /readonly family: ((?:"\w+"(?: \| )?)+);/.exec(source)?.[1];
  if (list === undefined) {
    throw new Error("Cannot list the families: expected them in src/models/decoder_config.ts");
  }
  return [...list.matchAll(/"(\w+)"/g)].map(([, modelType]) => ({
    modelType: modelType!,
    architectures: "any: the head is known by its tensors",
  }));
}

/** A kind of head. */
export interface SupportedHead {
  readonly kind: string;
  /** The tensor that a checkpoint with this head has. */
  readonly tensor: string;
}

/** The heads, as `src/heads/` has a file with the tensor's name for each. */
export async function supportedHeads(): Promise<SupportedHead[]> {
  const heads: SupportedHead[] = [];
  for (const kind of ["scalar", "armo"]) {
    const source = await Deno.readTextFile(`src/heads/${kind}.ts`);
    const tensor = /export const (?:scoreName|regressionName) = "([\w.]+)"/.exec(source)?.[1];
    if (tensor === undefined) {
      throw new Error(`Cannot tell the ${kind} head: expected its tensor in src/heads/${kind}.ts`);
    }
    heads.push({ kind, tensor });
  }
  return heads;
}
