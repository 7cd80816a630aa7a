import assert from "node:assert/strict";
import fc from "fast-check";
import { packSequences, type Sequence } from "../../src/scoring/packs.ts";

/** Tokens of each conversation as a query at its last row sees them, by following the spans. */
function readBack(sequences: readonly Sequence[], tokensPerPack: number, share: boolean) {
  const seen = new Map<number, number[]>();
  const gates = new Map<number, number>();
  const sizes: number[] = [];
  for (const pack of packSequences(sequences, { tokensPerPack, mayShare: () => share })) {
    const { ids, spans, pooled, lengths } = pack.tokens;
    sizes.push(ids.length);
    assert.equal(pooled.length, pack.members.length + pack.gates);
    pack.members.forEach((index, member) => {
      const row = pooled[member]!;
      const [position, prefix, length, own] = spans.subarray(4 * row, 4 * row + 4);
      assert.equal(lengths[row], position! + 1);
      const rowOf = (p: number): number => p < length! ? prefix! + p : own! + p - length!;
      assert.equal(rowOf(position!), row);
      seen.set(index, Array.from({ length: position! + 1 }, (_, p) => ids[rowOf(p)]!));
      const gateRow = pooled[pack.members.length + pack.gateRows[member]!]!;
      gates.set(index, spans[4 * gateRow]!);
    });
  }
  return { seen, gates, sizes };
}

function sequence(index: number, tokens: number[], gate = 0): Sequence {
  return { index, ids: Uint32Array.from(tokens), gate };
}

Deno.test("packSequences() keeps every conversation whole, shared or not", () => {
  const prompt = fc.array(fc.nat(3), { minLength: 0, maxLength: 60 });
  const response = fc.array(fc.nat(3), { minLength: 1, maxLength: 40 });
  const prompts = fc.array(fc.tuple(prompt, fc.array(response, { minLength: 1, maxLength: 5 })), {
    minLength: 1,
    maxLength: 6,
  });
  fc.assert(
    fc.property(prompts, fc.integer({ min: 16, max: 300 }), fc.boolean(), (drawn, size, share) => {
      const texts = drawn.flatMap(([start, ends]) => ends.map((end) => [...start, ...end]));
      const sequences = texts.map((tokens, index) => sequence(index, tokens, tokens.length >> 1));
      const { seen, gates, sizes } = readBack(sequences, size, share);
      sequences.forEach(({ index, ids, gate }) => {
        assert.deepEqual(seen.get(index), [...ids]);
        assert.equal(gates.get(index), gate);
      });
      const longest = Math.max(...texts.map((tokens) => tokens.length));
      sizes.forEach((rows) => assert.ok(rows <= Math.max(size, longest)));
    }),
    { numRuns: 300 },
  );
});

Deno.test("packSequences() lays a prompt once for all its responses, and its gate once", () => {
  const prompt = Array.from({ length: 100 }, (_, i) => i);
  const sequences = [5, 6, 7, 8].map((token, index) =>
    sequence(index, [...prompt, 1000 + token, token], 90)
  );
  const [pack, ...others] = packSequences(sequences, {
    tokensPerPack: 1000,
    mayShare: () => true,
  });
  assert.equal(others.length, 0);
  assert.equal(pack!.tokens.ids.length, 100 + 4 * 2);
  assert.equal(pack!.gates, 1);
  const unshared = packSequences(sequences, { tokensPerPack: 1000, mayShare: () => false });
  assert.equal(unshared[0]!.tokens.ids.length, 4 * 102);
});

Deno.test("packSequences() packs equal conversations without losing one", () => {
  const tokens = Array.from({ length: 50 }, (_, i) => i);
  const sequences = [0, 1, 2].map((index) => sequence(index, tokens, 3));
  const { seen, sizes } = readBack(sequences, 1000, true);
  assert.equal(seen.size, 3);
  assert.deepEqual(sizes, [49 + 3]);
});

Deno.test("packSequences() gives a sequence longer than a pack a pack of its own", () => {
  const long = Array.from({ length: 500 }, (_, i) => i);
  const sequences = [sequence(0, [1, 2, 3]), sequence(1, long), sequence(2, [4, 5])];
  assert.deepEqual(readBack(sequences, 64, true).sizes, [3, 500, 2]);
});
