import assert from "node:assert/strict";
import { chooseExperts, shareExpert } from "../../src/models/blocks/routing.ts";

Deno.test("each row takes the experts of its largest logits", () => {
  const logits = Float32Array.of(1, 3, 2, 0, /* row */ -1, -5, -2, 4);
  const chosen = chooseExperts(logits, 4, { perRow: 2, normalised: true });
  assert.deepEqual(chosen.map(({ rows }) => rows), [[1], [0], [0], [1]]);
  const high = 1 / (1 + Math.exp(-1));
  assert.ok(Math.abs(chosen[1]!.weights[0]! - high) < 1e-15);
  assert.ok(Math.abs(chosen[2]!.weights[0]! - (1 - high)) < 1e-15);
});

Deno.test("weights that are not divided by their sum are those of the softmax over all", () => {
  const [first] = chooseExperts(Float32Array.of(2, 1, 0), 3, { perRow: 1, normalised: false });
  const all = Math.exp(2) + Math.exp(1) + 1;
  assert.ok(Math.abs(first!.weights[0]! - Math.exp(2) / all) < 1e-15);
});

Deno.test("of equal logits the first are taken", () => {
  const chosen = chooseExperts(Float32Array.of(0, 1, 1, 1), 4, { perRow: 2, normalised: true });
  assert.deepEqual(chosen.map(({ rows }) => rows.length), [0, 1, 1, 0]);
});

Deno.test("a row whose logits overflow gets NaN, and no other row", () => {
  for (const bad of [NaN, Infinity, -Infinity]) {
    const logits = Float32Array.of(1, bad, /* row */ 1, 2);
    const chosen = chooseExperts(logits, 2, { perRow: 1, normalised: true });
    const weights = new Map(
      chosen.flatMap(({ rows, weights }) => rows.map((row, i) => [row, weights[i]!] as const)),
    );
    assert.ok(Number.isNaN(weights.get(0)));
    assert.equal(weights.get(1), 1);
  }
});

Deno.test("every row takes a shared expert, as much as the sigmoid of its gate says", () => {
  const { rows, weights } = shareExpert(Float32Array.of(0, 50, -200));
  assert.deepEqual(rows, [0, 1, 2]);
  assert.deepEqual(weights.slice(0, 2), [0.5, 1]);
  assert.ok(Number.isNaN(shareExpert(Float32Array.of(Infinity)).weights[0]));
  assert.ok(weights[2]! > 0 && weights[2]! < 1e-80);
});
