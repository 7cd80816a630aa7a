import rows from "./published_models.json" with { type: "json" };

/** How a published model ends: it works, as the tests show, or it is refused by name. */
export interface PublishedModel {
  /** Its name on the hub, or those of several that have the same layout. */
  readonly model: string;
  /** What its `config.json` declares. */
  readonly architecture: string;
  readonly works?: {
    /** `model_type` of its family. */
    readonly family: string;
    /** Kind of its head; `implicit` for log-probabilities. */
    readonly head: string;
    /** Tiny checkpoints of the same family, and of the same head, that the tests hold to the reference. */
    readonly folders: readonly string[];
    /** What of the published model itself was looked at; nothing where it is absent. */
    readonly checked?: string;
    /** What of it was not tested. */
    readonly untested?: string;
  };
  readonly refused?: {
    /** The error's code. */
    readonly code: string;
    /** Why, in some words. */
    readonly why: string;
    /** Its `model_type`, where that is what is refused. */
    readonly modelType?: string;
  };
}

/** Published reward models that people use, each with how it ends. */
export const publishedModels: readonly PublishedModel[] = rows as readonly PublishedModel[];

/** The table's rows, in Markdown. */
export function publishedRows(): string[] {
  return publishedModels.map(({ model, architecture, works, refused }) => {
    const declared = /^\w+$/.test(architecture) ? `\`${architecture}\`` : architecture;
    if (refused !== undefined) {
      return `| ${model} | ${declared} | **refused**: ${refused.why} | \`${refused.code}\` | |`;
    }
    const { family, head, folders, checked, untested } = works!;
    const shown = folders.map((folder) => `\`${folder}\``).join(", ");
    return `| ${model} | ${declared} | works: \`${family}\` with \`${head}\` | ${shown}${
      checked === undefined ? "" : `; ${checked}`
    } | ${untested ?? ""} |`;
  });
}
