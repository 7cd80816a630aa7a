import assert from "node:assert/strict";
import { detect, flipAndDetect, readHeldBackPairs } from "../../bench/vote_flipped_labels.ts";
import { seededRandom } from "../../src/numbers/seeded_random.ts";
import { close } from "./golden.ts";

/** Margins of voters that see the true margin with noise of their own, and know nothing of length. */
function syntheticPairs(voters: number, pairs: number, noise: number) {
  const random = seededRandom(7);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const truth = Array.from({ length: pairs }, () => Math.abs(normal()) + 0.2);
  return {
    voters: Array.from({ length: voters }, () => truth.map((margin) => margin + noise * normal())),
    lengths: truth.map(normal),
  };
}

Deno.test("detect() counts by hand, ties one half", () => {
  const flipped = [true, false, true, false, false];
  assert.deepEqual(detect([-2, 1, -1, 2, 3], flipped), {
    areaUnderCurve: 1,
    precision: 1,
    recall: 0.5,
    precisionAtShare: 1,
  });
  const tied = detect([0, 0, 0, 0, 0], flipped);
  close(tied.areaUnderCurve, 0.5);
  close(tied.precision, 2 / 5);
  close(tied.precisionAtShare, 2 / 5);
  close(detect([3, 1, 2, 0, -1], flipped).areaUnderCurve, 0);
});

Deno.test("more voters find flipped labels better than one, and far better than length", () => {
  const results = flipAndDetect(syntheticPairs(5, 600, 1.5), 0.2, 10);
  const area = (name: string) =>
    results.find(({ detector }) => detector.includes(name))!.mean.areaUnderCurve;
  assert.ok(area("mean margin") > area("one voter") + 0.03);
  assert.ok(area("one voter") > area("length") + 0.2);
  assert.ok(Math.abs(area("length") - 0.5) < 0.05);
});

Deno.test("flawless voters find every flipped label", () => {
  for (const share of [0.1, 0.2, 0.4]) {
    const [first] = flipAndDetect(syntheticPairs(5, 200, 0), share, 3);
    assert.deepEqual([first!.mean.areaUnderCurve, first!.mean.precisionAtShare], [1, 1]);
    close(first!.mean.recall, Math.min(1, 0.2 / share));
  }
});

Deno.test("readHeldBackPairs() reads score files, a voted file and a table alike", async () => {
  const folder = await Deno.makeTempDir();
  const write = async (name: string, lines: readonly string[]) => {
    await Deno.writeTextFile(`${folder}/${name}`, lines.join("\n"));
    return `${folder}/${name}`;
  };
  const texts = { chosen: "é😀", rejected: [{ role: "assistant", content: "a" }], subset: "x-1" };
  const row = (extra: object) => JSON.stringify({ ...texts, ...extra });
  const files = [
    await write("a.jsonl", [
      row({ chosen_score: 2, rejected_score: 1 }),
      row({ chosen_score: null }),
    ]),
    await write("b.jsonl", [row({ chosen_score: 5, rejected_score: 7 }), row({ chosen_score: 1 })]),
  ];
  const expected = { voters: [[1], [-2]], lengths: [1] };
  assert.deepEqual(await readHeldBackPairs(files), { ...expected, left: 1 });
  const voted = await write("voted.jsonl", [row({ margins: [1, -2] })]);
  assert.deepEqual(await readHeldBackPairs([voted], /^x/), { ...expected, left: 0 });
  assert.deepEqual((await readHeldBackPairs([voted], /^y/)).lengths, []);
  const header = "subset,len_chosen,len_rejected,a__chosen,a__rejected,b__chosen,b__rejected";
  const table = await write("table.csv", [header, "s,3,2,2,1,5,7"]);
  assert.deepEqual(await readHeldBackPairs([table]), { ...expected, left: 0 });
  await Deno.remove(folder, { recursive: true });
});
