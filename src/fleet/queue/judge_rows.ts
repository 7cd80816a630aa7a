import { conversationsInOrder } from "../../data/row_conversations.ts";
import type { ReadRow } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";
import type { Verdict } from "../../scoring/verdict.ts";
import type { Conversation } from "../../text/conversation.ts";
import { rowShape } from "../../tasks/score/score_rows.ts";
import type { Scorer } from "../../tasks/score/scorer.ts";
import type { RowResult } from "./verdict_text.ts";

/**
 * The verdicts of some rows, by row. A row that has no conversations, whatever the reason, has no
 * verdicts: what it lacks is found again where its output row is made.
 *
 * @throws {AssayError} `gpu/…` where the device fails as a whole; the signal's reason on abort.
 */
export async function judgeRows(
  rows: readonly ReadRow[],
  scorer: Scorer,
  signal: AbortSignal,
): Promise<RowResult[]> {
  const conversations = rows.map((row) => {
    const shape = rowShape(row);
    return shape instanceof AssayError ? [] : conversationsInOrder(shape);
  });
  const results: Verdict[][] = rows.map(() => []);
  let row = 0;
  for await (const verdict of scorer.scoreStream(inOrder(conversations.flat()), { signal })) {
    while (results[row]!.length === conversations[row]!.length) row++;
    results[row]!.push(verdict);
  }
  return results;
}

async function* inOrder(conversations: readonly Conversation[]): AsyncGenerator<Conversation> {
  for (const conversation of conversations) yield await Promise.resolve(conversation);
}
