import { AssayError } from "../../src/error.ts";
import type { ModelState } from "../../src/scoring/reward_model.ts";
import type { ShownTokens } from "../../src/scoring/shown_tokens.ts";
import type { Verdict } from "../../src/scoring/verdict.ts";
import type { IdentifiedModel } from "../../src/fleet/identified_model.ts";
import type { ScoringIdentity } from "../../src/fleet/scoring_identity.ts";
import type { Conversation } from "../../src/text/conversation.ts";

/** What a fake model computes with. */
export const fakeIdentity: ScoringIdentity = {
  assay: "0.0.0",
  model: "0".repeat(32),
  source: null,
  settings: { truncate: "error" },
  maxTokens: 100,
  calibrator: null,
  kernels: "cpu",
  precision: "f32",
  weights: "stored",
  processor: "none",
};

/**
 * A model whose score is told by what it is given: the length of the last message, or of the templated
 * text. A response "bad" can't be scored; "crash" ends the model.
 */
export class FakeModel implements IdentifiedModel {
  readonly name = "/secret/folder/model";
  readonly architecture = "llama";
  readonly headKind = "armo";
  labels: readonly string[] = [];
  readonly objectives: readonly string[] = ["helpful", "brief"];
  readonly kernels = "cpu";
  readonly weights = undefined;
  readonly maxTokens = 100;
  readonly identity = fakeIdentity;
  readonly identityDigest = "f".repeat(32);
  readonly calls: (readonly Conversation[])[] = [];
  /** Conversations that wait for this before they are answered. */
  held: Promise<void> | undefined;
  isDisposed = false;

  async *scoreStream(stream: AsyncIterable<Conversation>): AsyncGenerator<Verdict> {
    for (;;) {
      const conversations = await some(stream[Symbol.asyncIterator](), 8);
      if (conversations.length === 0) return;
      yield* await this.#score(conversations);
    }
  }

  async #score(conversations: readonly Conversation[]): Promise<Verdict[]> {
    this.calls.push(conversations);
    await this.held;
    if (conversations.some((conversation) => textOf(conversation) === "crash")) {
      throw new AssayError("gpu/device-lost", `Cannot go on with ${this.name}: the device is lost`);
    }
    return conversations.map(verdictOf);
  }

  tokens(conversation: Conversation): Promise<ShownTokens> {
    const tokens = [...textOf(conversation)].map((text, id) => ({ id, text }));
    return Promise.resolve({ tokens, truncated: false, positions: {} });
  }

  state(): Promise<ModelState> {
    return Promise.resolve({ deviceBytes: 1000, tokens: 50, computedTokens: 30 });
  }

  [Symbol.dispose](): void {
    this.isDisposed = true;
  }
}

/** The next conversations, so many at most: as a model looks a pack ahead. */
export async function some(
  iterator: AsyncIterator<Conversation>,
  most: number,
): Promise<Conversation[]> {
  const taken: Conversation[] = [];
  while (taken.length < most) {
    const { done, value } = await iterator.next();
    if (done) break;
    taken.push(value);
  }
  return taken;
}

/** What the fake model reads of a conversation. */
export function textOf(conversation: Conversation): string {
  const { templated } = conversation;
  if (templated !== undefined) {
    return "text" in templated ? templated.text : templated.ids.join(" ");
  }
  return conversation.at(-1)!.content;
}

function verdictOf(conversation: Conversation): Verdict {
  const text = textOf(conversation);
  const circumstances = {
    kernels: "cpu",
    tokens: text.length,
    truncated: false,
    scoreStd: null,
  } as const;
  if (text === "bad") {
    const error = new AssayError("text/too-long", "Cannot score the conversation: it is bad");
    const parts = { parts: {}, rewards: null, coefficients: null, gating: null };
    return { score: null, ...parts, ...circumstances, error };
  }
  const rewards = { helpful: text.length, brief: -text.length };
  const coefficients = { helpful: 1.5, brief: 0.5 };
  const parts = { rewards, coefficients };
  return {
    score: text.length,
    parts,
    ...parts,
    gating: null,
    ...circumstances,
    error: null,
  };
}
