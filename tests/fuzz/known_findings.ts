/** A finding that stands until its room mends it. Each run tells how many cases it kept from running. */
export interface KnownFinding {
  readonly target: string;
  /** What is wrong, and where. */
  readonly reason: string;
  /** Whether a case would only find it again; by its input. */
  readonly skips: (input: unknown) => boolean;
}

/** Whether a number of so much stands under one of the keys. */
function isAbove(input: unknown, keys: readonly string[], most: number): boolean {
  const fields = input as Readonly<Record<string, unknown>>;
  return keys.some((key) => typeof fields[key] === "number" && fields[key] > most);
}

/** Whether the tokenizer has no text for what it does not know, where it needs one or says another. */
function lacksUnknown(input: unknown): boolean {
  try {
    const { files } = input as { files: Readonly<Record<string, string>> };
    const { type = "WordPiece", unk_token: token } = JSON.parse(files["tokenizer.json"]!).model;
    return typeof token !== "string" && (type === "WordPiece" || (token ?? null) !== null);
  } catch {
    return false;
  }
}

/** Empty is how it should be. */
export const knownFindings: readonly KnownFinding[] = [
  {
    target: "config",
    reason: "src/models/llama.ts makes a list of as many layers as the config claims",
    skips: (input) => isAbove(input, ["num_hidden_layers"], 1e4),
  },
  {
    target: "config",
    reason: "src/heads/armo.ts makes as many names as the config claims layers and objectives",
    skips: (input) => isAbove(input, ["gating_n_hidden", "num_objectives"], 1e4),
  },
  {
    target: "tokenizer",
    reason: "src/text/tokenizer_model.ts takes an unk_token that is no text",
    skips: lacksUnknown,
  },
  {
    target: "options",
    reason: "src/calibration takes any number of passes (iterations, cycles) and does them all",
    skips: (input) =>
      (input as unknown[]).some((part) => {
        const { iterations = 1, cycles = 1 } = (part ?? {}) as Readonly<Record<string, number>>;
        return iterations > 1000 || cycles > 1000 || iterations * cycles > 1000;
      }),
  },
];
