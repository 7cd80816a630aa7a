import assert from "node:assert/strict";
import { ReadbackPace } from "../../../src/scoring/packs/readback_pace.ts";

Deno.test("a batch has more packs while it is short, fewer where it keeps results waiting", () => {
  const pace = new ReadbackPace(1, false);
  const after = (packs: number, milliseconds: number): number => {
    pace.add(packs, milliseconds);
    return pace.packs;
  };
  assert.equal(pace.packs, 1);
  assert.equal(after(1, 20), 2);
  assert.equal(after(2, 30), 4);
  assert.equal(after(3, 10), 4); // conversations ran short
  assert.equal(after(4, 60), 4);
  assert.equal(after(4, 300), 2);
  assert.equal(after(2, 300), 1);
  assert.equal(after(1, 300), 1);
  for (let i = 0; i < 9; i++) after(pace.packs, 1);
  assert.equal(pace.packs, 16);
});

Deno.test("a batch has always as many packs where the number is fixed", () => {
  const pace = new ReadbackPace(3, true);
  pace.add(3, 1);
  pace.add(3, 1000);
  assert.equal(pace.packs, 3);
});
