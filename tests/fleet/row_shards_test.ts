import assert from "node:assert/strict";
import fc from "fast-check";
import { RequestLimit } from "../../src/fleet/request_limit.ts";
import { cutShards, type Shard, type ShardOptions } from "../../src/fleet/row_shards.ts";
import { rowsInMemory } from "../../src/tasks/repeatable_rows.ts";
import type { Row } from "../../src/data/rows.ts";

async function cut(rows: readonly Row[], options: ShardOptions): Promise<Shard[]> {
  return await Array.fromAsync(cutShards(rowsInMemory(rows).read(), options));
}

Deno.test("shards hold every row once, in order, and each within four budgets", async () => {
  const row = fc.record({
    prompt: fc.constantFrom("a", "b", "c".repeat(50)),
    response: fc.string({ maxLength: 300 }),
  });
  await fc.assert(fc.asyncProperty(fc.array(row, { maxLength: 60 }), async (rows) => {
    const shards = await cut(rows, { tokens: 50, conversations: 5 });
    assert.deepEqual(shards.map(({ index }) => index), shards.map((_, place) => place));
    assert.deepEqual(shards.flatMap(({ rows }) => rows.map(({ read }) => read.row)), rows);
    for (const { rows, lines, tokens } of shards) {
      assert.deepEqual(lines, rows.map(({ read }) => JSON.stringify(read.row)));
      assert.ok(rows.length === 1 || tokens <= 4 * 50 && rows.length <= 4 * 5);
    }
  }));
});

Deno.test("neighbours of one prompt stay together beyond the budget, up to four of it", async () => {
  const of = (prompt: string, count: number) =>
    Array.from({ length: count }, (_, i) => ({ prompt, response: `${i}` }));
  const shards = await cut([...of("a", 3), ...of("b", 6), ...of("c", 20)], { conversations: 4 });
  assert.deepEqual(shards.map(({ rows }) => rows.length), [3 + 1 + 5, 16, 4]);
});

Deno.test("rows that can't be sent end a shard too, and have no line", async () => {
  const reads = Array.from({ length: 100 }, (_, line) => ({
    line,
    row: undefined,
    error: undefined,
  }));
  const shards = await Array.fromAsync(cutShards(
    (async function* () {
      yield* reads;
    })(),
    { conversations: 2 },
  ));
  assert.deepEqual(shards.map(({ rows }) => rows.length), [16, 16, 16, 16, 16, 16, 4]);
  assert.ok(shards.every(({ lines }) => lines.length === 0));
});

Deno.test("a server gets more requests while none waits, fewer where they do, half when it refuses", () => {
  const limit = new RequestLimit(8);
  for (let i = 0; i < 100; i++) limit.answered(1);
  assert.equal(limit.value, 8);
  // A server that computes one after another: what is more than it computes waits.
  for (let i = 0; i < 200; i++) limit.answered(limit.value);
  assert.ok(limit.value >= 2 && limit.value <= 5, `${limit.value}`);
  const before = limit.value;
  limit.refused();
  assert.equal(limit.value, Math.floor(before / 2));
  for (let i = 0; i < 10; i++) limit.refused();
  assert.equal(limit.value, 1);
});
