import assert from "node:assert/strict";
import fc from "fast-check";
import { Packer, type PackingRules, type ScoringPack } from "../../../src/scoring/packs/packs.ts";
import { firstOwnRow, type KeptPrefix } from "../../../src/models/token_pack.ts";
import type { Sequence } from "../../../src/scoring/packs/prefix_group.ts";

/** Shares whatever may be shared, and keeps no prefix for the next pack. */
const sharing = { mayShare: () => true, longestKept: 0 };

/** All packs of an input that is there at once. */
function packSequences(
  sequences: readonly Sequence[],
  rules: Partial<PackingRules> & { readonly tokensPerPack: number },
): ScoringPack[] {
  const packer = new Packer({ ...sharing, ...rules });
  for (const sequence of sequences) packer.add(sequence);
  const packs: ScoringPack[] = [];
  for (let pack; (pack = packer.next(true));) packs.push(pack);
  assert.equal(packer.rows, 0);
  return packs;
}

/** Tokens of each conversation as a query at its last row sees them, by following the spans. */
function readBack(
  sequences: readonly Sequence[],
  tokensPerPack: number,
  share: boolean,
  longestKept = 0,
) {
  const seen = new Map<number, number[]>();
  const gates = new Map<number, number>();
  const sizes: number[] = [];
  const kept = new Map<KeptPrefix, Uint32Array>();
  const rules = { tokensPerPack, mayShare: () => share, longestKept };
  for (const pack of packSequences(sequences, rules)) {
    const { ids, spans, pooled, lengths, carried } = pack.tokens;
    sizes.push(ids.length);
    assert.equal(pooled.length, pooledRowsOf(pack));
    const first = firstOwnRow(carried);
    const idAt = (row: number): number =>
      row < first ? kept.get(carried!)![row]! : ids[row - first]!;
    pack.members.forEach(({ index }, member) => {
      const [row] = rowsOf(pack, "last", member) as [number];
      const [position, prefix, length, own] = spans.subarray(4 * row, 4 * row + 4);
      assert.equal(lengths[row], position! + 1);
      const rowOf = (p: number): number => p < length! ? prefix! + p : own! + p - length!;
      assert.equal(rowOf(position!), first + row);
      seen.set(index, Array.from({ length: position! + 1 }, (_, p) => idAt(rowOf(p))));
      const [gateRow] = rowsOf(pack, "gate", member);
      gates.set(index, spans[4 * gateRow!]!);
    });
    if (pack.finished !== undefined) assert.ok(kept.delete(pack.finished), "it is freed once");
    if (pack.tokens.kept === undefined) continue;
    const { prefix, row } = pack.tokens.kept;
    kept.set(prefix, ids.slice(row, row + prefix.length));
  }
  assert.equal(kept.size, 0, "no prefix stays behind");
  return { seen, gates, sizes };
}

/** Rows of the pack that a read wants of a member. */
function rowsOf({ tokens, reads }: ScoringPack, read: string, member: number): number[] {
  const { rows, members } = reads[read]!;
  return members[member]!.map((place) => tokens.pooled[rows[place]!]!);
}

/** Rows that are wanted: every last token's, and the distinct gates that are none of those. */
function pooledRowsOf({ tokens: { pooled }, reads: { last, gate } }: ScoringPack): number {
  const wanted = [last!, gate!].flatMap(({ rows }) => [...rows].map((row) => pooled[row]!));
  return new Set(wanted).size;
}

function sequence(index: number, tokens: number[], gate = 0): Sequence {
  const positions = { last: [tokens.length - 1], gate: [gate] };
  return { index, ids: Uint32Array.from(tokens), truncated: false, positions };
}

Deno.test("Packer keeps every conversation whole, shared or not", () => {
  const prompt = fc.array(fc.nat(3), { minLength: 0, maxLength: 60 });
  const response = fc.array(fc.nat(3), { minLength: 1, maxLength: 40 });
  const prompts = fc.array(fc.tuple(prompt, fc.array(response, { minLength: 1, maxLength: 5 })), {
    minLength: 1,
    maxLength: 6,
  });
  const packSize = fc.integer({ min: 16, max: 300 });
  const keptTokens = fc.constantFrom(0, 30, 1000);
  fc.assert(
    fc.property(prompts, packSize, fc.boolean(), keptTokens, (drawn, size, share, kept) => {
      const texts = drawn.flatMap(([start, ends]) => ends.map((end) => [...start, ...end]));
      const sequences = texts.map((tokens, index) => sequence(index, tokens, tokens.length >> 1));
      const { seen, gates, sizes } = readBack(sequences, size, share, kept);
      sequences.forEach(({ index, ids, positions }) => {
        assert.deepEqual(seen.get(index), [...ids]);
        assert.equal(gates.get(index), positions.gate![0]);
      });
      const longest = Math.max(...texts.map((tokens) => tokens.length));
      sizes.forEach((rows) => assert.ok(rows <= Math.max(size, longest)));
    }),
    { numRuns: 300 },
  );
});

Deno.test("Packer lays a prompt once for all its responses, and its gate once", () => {
  const prompt = Array.from({ length: 100 }, (_, i) => i);
  const sequences = [5, 6, 7, 8].map((token, index) =>
    sequence(index, [...prompt, 1000 + token, token], 90)
  );
  const [pack, ...others] = packSequences(sequences, {
    tokensPerPack: 1000,
  });
  assert.equal(others.length, 0);
  assert.equal(pack!.tokens.ids.length, 100 + 4 * 2);
  assert.equal(pack!.reads.gate!.rows.length, 1);
  const unshared = packSequences(sequences, { tokensPerPack: 1000, mayShare: () => false });
  assert.equal(unshared[0]!.tokens.ids.length, 4 * 102);
});

Deno.test("Packer packs equal conversations without losing one", () => {
  const tokens = Array.from({ length: 50 }, (_, i) => i);
  const sequences = [0, 1, 2].map((index) => sequence(index, tokens, 3));
  const { seen, sizes } = readBack(sequences, 1000, true);
  assert.equal(seen.size, 3);
  assert.deepEqual(sizes, [49 + 3]);
});

Deno.test("Packer gives a sequence longer than a pack a pack of its own", () => {
  const long = Array.from({ length: 500 }, (_, i) => i);
  const sequences = [sequence(0, [1, 2, 3]), sequence(1, long), sequence(2, [4, 5])];
  assert.deepEqual(readBack(sequences, 64, true).sizes, [3 + 2, 500]);
});

/** Sequences by the words that they begin and end with: equal words are equal tokens. */
function made(...texts: readonly (readonly [word: number, count: number])[][]): Sequence[] {
  let own = 1e6;
  return texts.map((words, index) => {
    const tokens = words.flatMap(([word, count]) => Array.from({ length: count }, () => word));
    return sequence(index, [...tokens, own++]);
  });
}

Deno.test("Packer goes on with a prompt that an earlier pack computed", () => {
  const prompt = Array.from({ length: 100 }, (_, i) => i);
  const sequences = Array.from({ length: 30 }, (_, index) => ({
    ...sequence(index, [...prompt, ...new Array(10).fill(1000 + index)]),
    positions: { last: [109] },
  }));
  const sizes = packSequences(sequences, { tokensPerPack: 150, longestKept: 100 })
    .map(({ tokens }) => tokens.ids.length);
  assert.deepEqual(sizes, [150, 150, 100]); // 100 + 30 × 10 in all
  const again = packSequences(sequences, { tokensPerPack: 150, longestKept: 99 });
  assert.equal(again.length, 6); // too long to be kept: five responses beside the prompt in each
  // A gate in the prompt is computed for each response of the packs that go on.
  const gated = sequences.map((one) => ({ ...one, positions: { last: [109], gate: [90] } }));
  const packs = packSequences(gated, { tokensPerPack: 150, longestKept: 100 });
  assert.deepEqual(
    packs.map(({ reads }) => reads.gate!.rows.length),
    packs.map(({ members }, i) => i === 0 ? 1 : members.length),
  );
  assert.equal(packs[1]!.tokens.carried!.length, 90);
});

Deno.test("Packer fills packs with what fits, oldest first", () => {
  const lengths = [60, 50, 30, 40, 10, 9];
  const sequences = lengths.map((length, i) => sequence(i, new Array(length).fill(i)));
  const packs = packSequences(sequences, { tokensPerPack: 100 });
  const members = packs.map((pack) => pack.members.map(({ index }) => index));
  assert.deepEqual(members, [[0, 2, 4], [1, 3, 5]]);
});

Deno.test("Packer keeps responses to one prompt in one pack where they fit", () => {
  const prompt = [7, 50] as const;
  const sequences = made([[1, 29]], [prompt, [2, 9]], [prompt, [3, 9]], [prompt, [4, 9]], [[
    5,
    19,
  ]]);
  const packs = packSequences(sequences, { tokensPerPack: 100 });
  const members = packs.map((pack) => pack.members.map(({ index }) => index));
  assert.deepEqual(members, [[0, 4], [1, 2, 3]]);
  assert.equal(packs[1]!.tokens.ids.length, 50 + 3 * 10);
});

Deno.test("Packer shares each prompt after a single with the same system prompt", () => {
  const system = [9, 30] as const;
  const sequences = made(
    [system, [1, 100]],
    ...[2, 3, 4].flatMap((prompt) =>
      [5, 6].map((answer) => [system, [prompt, 100], [10 * prompt + answer, 10]] as const).map(
        (words) => [...words],
      )
    ),
  );
  const [pack] = packSequences(sequences, { tokensPerPack: 10_000 });
  // The single shares nothing; each pair shares its prompt of 130 tokens.
  assert.equal(pack!.tokens.ids.length, 131 + 3 * (130 + 2 * 11));
});

Deno.test("Packer leaves a group that may still grow for later", () => {
  const packer = new Packer({ ...sharing, tokensPerPack: 100 });
  const [first, second, third] = made([[1, 39]], [[2, 30], [3, 9]], [[2, 30], [4, 9]]);
  packer.add(first!);
  packer.add(second!);
  assert.deepEqual(packer.next(false)!.members, [first]);
  packer.add(third!);
  const pack = packer.next(true)!;
  assert.deepEqual(pack.members, [second, third]);
  assert.equal(pack.tokens.ids.length, 30 + 2 * 10);
});

Deno.test("Packer keeps beginnings of a conversation whole, which branch off from it", () => {
  const token = fc.nat(3);
  const drawnConversations = fc.array(
    fc.record({
      prompt: fc.array(token, { maxLength: 60 }),
      response: fc.array(token, { minLength: 1, maxLength: 40 }),
      closing: fc.array(token, { minLength: 1, maxLength: 4 }),
      step: fc.integer({ min: 1, max: 5 }),
    }),
    { minLength: 1, maxLength: 4 },
  );
  const packSize = fc.integer({ min: 16, max: 300 });
  const keptTokens = fc.constantFrom(0, 1000);
  fc.assert(
    fc.property(drawnConversations, packSize, keptTokens, (drawn, size, kept) => {
      const texts = drawn.flatMap(({ prompt, response, closing, step }) =>
        Array.from(
          { length: Math.ceil(response.length / step) },
          (_, i) => [...prompt, ...response.slice(0, response.length - i * step), ...closing],
        )
      );
      const sequences = texts.map((tokens, index) => sequence(index, tokens, tokens.length >> 1));
      const { seen, gates, sizes } = readBack(sequences, size, true, kept);
      sequences.forEach(({ index, ids, positions }) => {
        assert.deepEqual(seen.get(index), [...ids]);
        assert.equal(gates.get(index), positions.gate![0]);
      });
      const longest = Math.max(...texts.map((tokens) => tokens.length));
      sizes.forEach((rows) => assert.ok(rows <= Math.max(size, longest)));
    }),
    { numRuns: 300 },
  );
});

Deno.test("Packer takes rows in the order of n for n beginnings", () => {
  const tokens = Array.from({ length: 300 }, (_, i) => i);
  const beginnings = Array.from({ length: 200 }, (_, i) => [...tokens.slice(0, 300 - i), 9999]);
  const sequences = beginnings.map((ids, index) => sequence(index, ids));
  const { sizes } = readBack(sequences, 4096, true);
  assert.deepEqual(sizes, [301 + 199]); // the whole one, and a closing token for each of the others
  const { sizes: small } = readBack(sequences, 350, true);
  assert.ok(small.reduce((sum, rows) => sum + rows, 0) < 1500);
  // Others that follow, to another prompt or to the same one, leave its beginnings as they are.
  for (const start of [0, 400]) {
    const others = beginnings.map((
      ids,
    ) => [...ids.slice(0, 40), ...ids.slice(40).map((id) => id + start)]);
    const all = [...beginnings.slice(0, 200), ...others].map((ids, index) => sequence(index, ids));
    const { sizes } = readBack(all, 100_000, true);
    assert.ok(sizes.reduce((sum, rows) => sum + rows, 0) <= 2 * 500);
  }
});
