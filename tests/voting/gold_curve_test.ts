import assert from "node:assert/strict";
import { goldCurves, type GoldPrompt } from "../../src/voting/gold_curve.ts";
import { seededRandom } from "../../src/numbers/seeded_random.ts";
import { allClose, close } from "./golden.ts";

const file = new URL("../golden/voting/gold_curves.json", import.meta.url);
const golden = JSON.parse(await Deno.readTextFile(file)) as {
  prompts: GoldPrompt[];
  curves: { gold: number[]; proxy: number[]; kl: number[]; alpha: number; beta: number }[];
};

Deno.test("goldCurves() equal the means over all subsets, ties included, and NumPy's least squares", () => {
  const report = goldCurves(["good", "bad"], golden.prompts);
  assert.deepEqual([report.prompts, report.left_out, report.n], [12, 0, 9]);
  golden.curves.forEach((expected, i) => {
    const { points, fit, peak } = report.curves[i]!;
    allClose(points.map(({ gold }) => gold.estimate!), expected.gold);
    allClose(points.map(({ proxy }) => proxy), expected.proxy);
    allClose(points.map(({ kl }) => kl), expected.kl);
    close(fit!.alpha, expected.alpha, 1e-10);
    close(fit!.beta, expected.beta, 1e-10);
    assert.equal(peak.n, expected.gold.indexOf(Math.max(...expected.gold)) + 1);
    points.forEach(({ gold: { estimate, low, high } }) => {
      assert.ok(low! < estimate! && estimate! < high!);
    });
  });
});

/** Prompts whose gold quality rises with the score up to a place, and falls above it. */
function prompts(count: number, candidates: number, turn: number, seed = 1): GoldPrompt[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => {
    const scores = Array.from({ length: candidates }, random);
    const gold = scores.map((score) => -Math.abs(score - turn) + random() / 4);
    return { scores: [scores, gold], gold };
  });
}

Deno.test("goldCurves() tell that quality falls where the proxy goes on rising, and only there", () => {
  const { curves } = goldCurves(["score", "gold"], prompts(200, 16, 0.7));
  const [score, gold] = curves;
  assert.ok(score!.over_optimised && score!.drop.high! < 0 && score!.peak.n < 8);
  assert.ok(score!.fit!.peak_kl! > 0);
  score!.points.slice(1).forEach(({ proxy }, i) => assert.ok(proxy > score!.points[i]!.proxy));
  assert.ok(!gold!.over_optimised);
  assert.deepEqual(gold!.drop, { estimate: 0, low: 0, high: 0 });
  assert.equal(score!.gain, null);
  assert.ok(gold!.gain!.low! > 0);
  const flat = prompts(50, 16, 0.7).map(({ scores }) => ({
    scores,
    gold: Array.from(scores[0]!, () => 0.7),
  }));
  for (const curve of goldCurves(["a", "b"], flat).curves) assert.ok(!curve.over_optimised);
});

Deno.test("goldCurves() leave whole prompts out, for all proxies", () => {
  const whole = prompts(4, 6, 0.5);
  const [first, second, third] = whole as [GoldPrompt, GoldPrompt, GoldPrompt];
  const holes: GoldPrompt[] = [
    { scores: [[1, NaN, 2], [1, 2, 3]], gold: [1, 2, 3] },
    { scores: [[1, 2, 3], [1, 2]], gold: [1, 2, 3] },
    { scores: [[1, 2, 3], [1, 2, 3]], gold: [1, Infinity, 3] },
    { scores: [[], []], gold: [] },
  ];
  const report = goldCurves(["a", "b"], [first, ...holes, second, third], { draws: 50 });
  assert.deepEqual([report.prompts, report.left_out, report.n], [3, 4, 6]);
  const alone = goldCurves(["a", "b"], [first, second, third], { draws: 50 });
  assert.deepEqual(report.curves, alone.curves);
  const short = goldCurves(["a", "b"], [...whole, ...prompts(3, 2, 0.5)], {
    largest: 5,
    draws: 50,
  });
  assert.deepEqual([short.prompts, short.left_out, short.n], [4, 3, 5]);
  const none = goldCurves(["a", "b"], holes);
  assert.deepEqual([none.prompts, none.left_out, none.curves], [0, 4, []]);
  const one = goldCurves(["a"], [{ scores: [[1]], gold: [2] }]);
  assert.deepEqual(one.curves[0]!.points[0]!.gold, { estimate: 2, low: null, high: null });
  assert.ok(!one.curves[0]!.over_optimised);
});

Deno.test("goldCurves() take fewer points and draws of large inputs, and are plain JSON", () => {
  const large = goldCurves(["a", "b"], prompts(3, 400, 0.5), { draws: 20 });
  const [curve] = large.curves;
  assert.ok(curve!.points.length < 60);
  assert.equal(curve!.points.at(-1)!.n, 400);
  const wide = prompts(2, 4, 0.5)[0]!;
  assert.ok(goldCurves(["a", "b"], new Array(3000).fill(wide), { largest: 1 }).draws <= 10_000);
  assert.deepEqual(JSON.parse(JSON.stringify(large)), large);
});

Deno.test("goldCurves() refuse options that are none, and other numbers of proxies", () => {
  const bad = { code: "voting/bad-option" };
  assert.throws(() => goldCurves(["a"], prompts(1, 2, 0.5)), bad);
  assert.throws(() => goldCurves([], [], { largest: 0 }), bad);
  assert.throws(() => goldCurves([], [], { confidence: 1 }), bad);
});
