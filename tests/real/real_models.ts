import { join } from "node:path";
import type { Message } from "../../src/text/conversation.ts";

/** A real conversation, and what transformers makes of it in float32. */
export interface RealConversation {
  readonly messages: readonly Message[];
  readonly ids: readonly number[];
  /** By a reward model. */
  readonly score?: number;
  /** By a causal model: of each token from the response's first on. */
  readonly log_probabilities?: readonly number[];
}

/** Where `make_real_models.py` puts models: outside of the repository. */
export const realModels: string = Deno.env.get("ASSAY_REAL_MODELS") ??
  join(Deno.env.get("HOME") ?? ".", ".cache/assay/real");

/** Why a real model can't be tested here; `undefined` where it can. */
export function missingModel(name: string): string | undefined {
  if (Deno.env.get("ASSAY_TEST_REAL") === undefined) {
    return "real weights are tested by deno task test:real alone";
  }
  try {
    Deno.statSync(`${realModels}/${name}/golden.json`);
    return undefined;
  } catch {
    return `no ${name} in ${realModels}; tests/real/make_real_models.py makes it`;
  }
}

/** The folder of a real model. */
export function realFolder(name: string): string {
  return `${realModels}/${name}`;
}

/** What transformers made of a real model's conversations. */
export async function realConversations(name: string): Promise<readonly RealConversation[]> {
  const { conversations } = JSON.parse(
    await Deno.readTextFile(`${realFolder(name)}/golden.json`),
  ) as { conversations: RealConversation[] };
  return conversations;
}
