import type { ReadRow, Row } from "../../src/data/rows.ts";
import { stringifyJson } from "../../src/data/json_text.ts";
import { badRow } from "../../src/data/read_json_lines.ts";
import { scoreByServers, type ScoreByServersOptions } from "../../src/fleet/score_by_servers.ts";
import { seededRandom } from "../../src/numbers/seeded_random.ts";
import { scoreRows } from "../../src/tasks/score/score_rows.ts";
import { FakeModel } from "../server/fake_model.ts";

/** Rows of every shape, bad ones among them, several to a prompt. */
export function mixedRows(count: number, seed = 1): ReadRow[] {
  const random = seededRandom(seed);
  const text = () => "x".repeat(1 + Math.floor(40 * random()));
  let prompt = text();
  return Array.from({ length: count }, (_, index): ReadRow => {
    const line = 2 * index + 1; // as where every second line is blank
    if (random() < 0.4) prompt = `${index} ${text()}`;
    const of = (columns: Row): ReadRow => ({
      line,
      row: { id: index, prompt, ...columns },
      error: undefined,
    });
    const kind = random();
    if (kind < 0.03) return badRow(line, "expected a JSON object, found a list");
    if (kind < 0.06) return of({});
    if (kind < 0.1) return of({ response: "bad", score: 7 });
    if (kind < 0.4) return of({ chosen: text(), rejected: text() });
    if (kind < 0.6) return of({ responses: [text(), text(), "bad"] });
    return of({ response: text(), weight: 2n ** 70n });
  });
}

/** Rows as an input gives them. */
export async function* given<Item>(items: readonly Item[]): AsyncGenerator<Item> {
  yield* items;
}

/** The lines that one machine writes. */
export async function linesHere(rows: readonly ReadRow[], explain = false): Promise<string[]> {
  const lines: string[] = [];
  for await (const { row } of scoreRows(given(rows), new FakeModel(), { explain })) {
    lines.push(stringifyJson(row));
  }
  return lines;
}

/** The lines that servers give. */
export async function linesBy(
  rows: readonly ReadRow[] | AsyncIterable<ReadRow>,
  options: ScoreByServersOptions,
): Promise<string[]> {
  const input = Symbol.asyncIterator in rows ? rows : given(rows as readonly ReadRow[]);
  const lines: string[] = [];
  for await (const { row } of scoreByServers(input, { tokens: 100, ...options })) {
    lines.push(stringifyJson(row));
  }
  return lines;
}
