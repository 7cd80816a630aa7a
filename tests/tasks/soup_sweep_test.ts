import assert from "node:assert/strict";
import { Checkpoint } from "../../src/checkpoint/checkpoint.ts";
import { localFolder } from "../../src/checkpoint/folder.ts";
import { writeSafetensors } from "../../src/checkpoint/safetensors_writer.ts";
import { fromFloat32, isFloatDtype, toFloat32 } from "../../src/checkpoint/tensor.ts";
import { averagedFolder } from "../../src/merging/averaged_folder.ts";
import { seededRandom } from "../../src/numbers/seeded_random.ts";
import { RewardModel } from "../../src/scoring/reward_model.ts";
import { rowsInMemory } from "../../src/tasks/repeatable_rows.ts";
import { writeSoup } from "../../src/tasks/soup.ts";
import { sweepSoup } from "../../src/tasks/soup_sweep.ts";
import { inFolder } from "../cli/captured_output.ts";
import { parityFolder } from "../golden/parity.ts";

/** A model beside a golden one: each weight moved a little. */
async function writeVariant(model: string, folder: string, seed: number): Promise<string> {
  using base = await Checkpoint.open(parityFolder(model));
  await Deno.mkdir(folder);
  for (const { name } of Deno.readDirSync(parityFolder(model))) {
    if (name.endsWith(".safetensors") || name.includes("index")) continue;
    await Deno.copyFile(`${parityFolder(model)}/${name}`, `${folder}/${name}`);
  }
  const random = seededRandom(seed);
  const tensors = [...base.tensors.values()].map(({ name, dtype, shape }) => ({
    name,
    dtype,
    shape,
    bytes: (async function* () {
      const tensor = await base.read(name);
      if (!isFloatDtype(dtype)) yield Uint8Array.from(tensor.bytes);
      else yield fromFloat32(toFloat32(tensor).map((x) => x * (1 + random())), dtype);
    })(),
  }));
  using file = await Deno.open(`${folder}/model.safetensors`, { write: true, create: true });
  await writeSafetensors(file.writable, tensors);
  return folder;
}

const pairs = Array.from({ length: 12 }, (_, i) => ({
  prompt: `Question ${i >> 1}`,
  chosen: `It is ${i}.`,
  rejected: `No ${i * 7}, not so.`,
}));
const backend = "cpu";

Deno.test("a sweep's averages are what assay soup writes, to the bit, and so are their accuracies", async () => {
  await inFolder(async (folder) => {
    const a = parityFolder("llama");
    const b = await writeVariant("llama", `${folder}/b`, 5);
    const { lines, pairs: count, left_out } = await sweepSoup(
      [a, b],
      rowsInMemory([...pairs, { prompt: "no pair", response: "one" }]),
      { steps: 3, load: { backend } },
    );
    assert.deepEqual([lines.length, count, left_out], [1, 12, 1]);
    const [line] = lines;
    assert.deepEqual(line!.points.map(({ lambda }) => lambda), [0, 0.5, 1]);
    const accuracies: number[] = [];
    for (const [step, weights] of [[1, 0], [0.5, 0.5], [0, 1]].entries()) {
      const written = `${folder}/soup-${step}`;
      await writeSoup([a, b], written, { weights });
      using soup = await Checkpoint.open(written);
      using first = await Checkpoint.open(a);
      using second = await Checkpoint.open(b);
      using averaged = await Checkpoint.open(averagedFolder([
        { folder: localFolder(a), checkpoint: first },
        { folder: localFolder(b), checkpoint: second },
      ], weights));
      for (const name of soup.tensors.keys()) {
        assert.deepEqual(await averaged.read(name), await soup.read(name));
      }
      using model = await RewardModel.load(written, { backend });
      accuracies.push(await accuracyOf(model));
    }
    line!.points.forEach(({ accuracy, expected, gain }, step) => {
      assert.ok(Math.abs(accuracy.estimate! - accuracies[step]!) < 1e-12);
      const between = accuracies[0]! + [0, 0.5, 1][step]! * (accuracies[2]! - accuracies[0]!);
      assert.ok(Math.abs(expected - between) < 1e-12);
      assert.ok(Math.abs(gain.estimate! - (accuracies[step]! - between)) < 1e-12);
      assert.ok(accuracy.low! <= accuracy.estimate! && accuracy.estimate! <= accuracy.high!);
    });
    assert.deepEqual(line!.points[0]!.gain, { estimate: 0, low: 0, high: 0 });
  });
});

async function accuracyOf(model: RewardModel): Promise<number> {
  const conversation = (prompt: string, content: string) => [
    { role: "user", content: prompt },
    { role: "assistant", content },
  ];
  let wins = 0;
  for (const { prompt, chosen, rejected } of pairs) {
    const [one, two] = await model.score([
      conversation(prompt, chosen),
      conversation(prompt, rejected),
    ]);
    wins += (Math.sign(one!.score! - two!.score!) + 1) / 2;
  }
  return wins / pairs.length;
}

Deno.test("of more models a sweep goes from each to their average, which is scored once", async () => {
  const a = parityFolder("llama");
  let loaded = 0;
  const { lines } = await sweepSoup([a, a, a], rowsInMemory(pairs.slice(0, 2)), {
    steps: 2,
    load: { backend },
    loadScorer: async (source, options) => {
      loaded++;
      return await RewardModel.load(source, options);
    },
  });
  assert.deepEqual(lines.map(({ to, connected }) => [to, connected]), [
    ["average", true],
    ["average", true],
    ["average", true],
  ]);
  assert.equal(loaded, 4);
  await assert.rejects(sweepSoup([a, a], rowsInMemory([]), { load: { backend }, steps: 2 }), {
    code: "evaluation/no-label",
  });
  await assert.rejects(sweepSoup([a], rowsInMemory(pairs)), { code: "voting/cannot-average" });
  await assert.rejects(sweepSoup([a, a], rowsInMemory(pairs), { steps: 1 }), {
    code: "merging/bad-option",
  });
});
