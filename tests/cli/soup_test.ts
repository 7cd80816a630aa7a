import assert from "node:assert/strict";
import { Checkpoint } from "../../src/checkpoint/checkpoint.ts";
import { overlayFolder } from "../../src/merging/overlay_folder.ts";
import { localFolder } from "../../src/checkpoint/folder.ts";
import { toFloat32 } from "../../src/checkpoint/tensor.ts";
import { run } from "../../src/cli/main.ts";
import { soupCommand } from "../../src/cli/soup.ts";
import { RewardModel } from "../../src/scoring/reward_model.ts";
import { floats, safetensorsBlob } from "../merging/tiny_checkpoint.ts";
import { captureOutput, inFolder } from "./captured_output.ts";

async function soup(...args: readonly string[]) {
  const captured = captureOutput();
  const status = await run([soupCommand(captured.output)], ["soup", ...args], captured.output);
  return { status, stdout: captured.stdout(), stderr: captured.stderr() };
}

async function writeMember(folder: string, weight: number, bias: number): Promise<string> {
  await Deno.mkdir(folder);
  await Deno.writeTextFile(`${folder}/config.json`, '{"model_type":"tiny"}');
  await Deno.writeTextFile(`${folder}/tokenizer.json`, '{"model":{}}');
  const blob = await safetensorsBlob([
    floats("a.weight", [2, 2], [weight, 2 * weight, 3 * weight, 4 * weight]),
    floats("b.bias", [1], [bias]),
  ]);
  await Deno.writeFile(`${folder}/model.safetensors`, await blob.bytes());
  return folder;
}

async function values(folder: string, name: string): Promise<number[]> {
  using checkpoint = await Checkpoint.open(folder);
  return [...toFloat32(await checkpoint.read(name))];
}

Deno.test("assay soup writes a checkpoint that opens, as one file and as shards", async () => {
  await inFolder(async (folder) => {
    const a = await writeMember(`${folder}/a`, 1, 10);
    const b = await writeMember(`${folder}/b`, 3, 20);
    const one = await soup(a, b, "--output", `${folder}/one`);
    assert.equal(one.status, 0, one.stderr);
    assert.match(one.stderr, /2 tensors of 2 models averaged/);
    assert.deepEqual(await values(`${folder}/one`, "a.weight"), [2, 4, 6, 8]);
    assert.equal(await Deno.readTextFile(`${folder}/one/tokenizer.json`), '{"model":{}}');

    const weighted = ["--weights", "1/4,3/4", "--shard-size", "16", "--output", `${folder}/shards`];
    assert.equal((await soup(a, b, ...weighted)).status, 0);
    assert.deepEqual(await values(`${folder}/shards`, "b.bias"), [17.5]);
    const files = [...Deno.readDirSync(`${folder}/shards`)].map(({ name }) => name).sort();
    assert.deepEqual(files, [
      "config.json",
      "model-00001-of-00002.safetensors",
      "model-00002-of-00002.safetensors",
      "model.safetensors.index.json",
      "tokenizer.json",
    ]);
  });
});

Deno.test("assay soup refuses what can't be averaged, and leaves nothing half written", async () => {
  await inFolder(async (folder) => {
    const a = await writeMember(`${folder}/a`, 1, 10);
    const broken = await writeMember(`${folder}/broken`, NaN, 10);
    const out = `${folder}/out`;
    const refused: [string[], RegExp][] = [
      [[a], /at least two checkpoints, found 1/],
      [[a, a, "--weights", "0.5,0.6"], /voting\/bad-weights/],
      [[a, a, "--weights", "half,half"], /Expected a number/],
      [[a, `${folder}/none`], /checkpoint\/missing-config/],
      [[a, broken], /tensor a\.weight of .*broken.*NaN/],
    ];
    for (const [args, message] of refused) {
      const { status, stderr } = await soup(...args, "--output", out);
      assert.equal(status, 2, stderr);
      assert.match(stderr, message);
    }
    assert.deepEqual([...Deno.readDirSync(out)], []);
    const over = await soup(a, a, "--output", a);
    assert.equal(over.status, 2);
    assert.match(over.stderr, /found model\.safetensors/);
    assert.deepEqual(await values(a, "b.bias"), [10]);
  });
});

Deno.test("a soup of heads on one backbone scores as the mean of its members", async () => {
  const parity = localFolder("tests/golden/parity/llama");
  using base = await Checkpoint.open(parity);
  const head = base.tensors.get("score.weight")!;
  const hidden = head.shape[1]!;
  /** The same backbone with another head. */
  const member = (seed: number) =>
    overlayFolder(`member ${seed}`, parity, base, {
      tensors: [{
        name: "score.weight",
        dtype: "F32",
        shape: [1, hidden],
        readRows: () => {
          const weight = Float32Array.from({ length: hidden }, (_, i) => Math.sin(seed * (i + 1)));
          return Promise.resolve(new Uint8Array(weight.buffer));
        },
      }],
    });
  await inFolder(async (folder) => {
    const paths: string[] = [];
    for (const seed of [1, 2, 3]) {
      const path = `${folder}/${seed}`;
      paths.push(path);
      await Deno.mkdir(path);
      for (const file of await parity.list!()) {
        using source = await member(seed).open(file);
        await Deno.writeFile(`${path}/${file}`, await source!.read(0, source!.byteLength));
      }
    }
    const out = `${folder}/soup`;
    assert.equal((await soup(...paths, "--weights", "0.5,0.3,0.2", "--output", out)).status, 0);
    const conversations = ["Hello.", "What?", "Four, as two and two make four."].map((content) => [
      { role: "user", content: "How much is 2 + 2?" },
      { role: "assistant", content },
    ]);
    const scores = async (path: string) => {
      using model = await RewardModel.load(path, { backend: "cpu", onWarning: () => {} });
      return (await model.score(conversations)).map(({ score }) => score!);
    };
    const members = await Promise.all(paths.map(scores));
    const averaged = await scores(out);
    averaged.forEach((score, i) => {
      const ensemble = 0.5 * members[0]![i]! + 0.3 * members[1]![i]! + 0.2 * members[2]![i]!;
      assert.ok(Math.abs(score - ensemble) <= 1e-5 * Math.max(1, Math.abs(ensemble)));
    });
  });
});

Deno.test("assay soup --sweep tells the averages' accuracies, and writes nothing", async () => {
  await inFolder(async (folder) => {
    const pairs = `${folder}/pairs.jsonl`;
    await Deno.writeTextFile(pairs, '{"prompt":"Hi","chosen":"Hello.","rejected":"No."}\n');
    const before = [...Deno.readDirSync(folder)].length;
    const models = ["tests/golden/parity/llama", "tests/golden/parity/llama"];
    const args = [...models, "--sweep", pairs, "--steps", "2", "--backend", "cpu"];
    const { status, stdout, stderr } = await soup(...args);
    assert.equal(status, 0, stderr);
    const rows = stdout.trim().split("\n").map((line) => JSON.parse(line));
    assert.deepEqual(rows.map(({ lambda, pairs, gain }) => [lambda, pairs, gain]), [
      [0, 1, 0],
      [1, 1, 0],
    ]);
    assert.match(stderr, /surely below the line between its ends/);
    assert.equal([...Deno.readDirSync(folder)].length, before);
    assert.match((await soup(...args, "--format", "table")).stdout, /^from +to +λ +accuracy/);
    assert.equal((await soup(...models)).status, 2);
  });
});
