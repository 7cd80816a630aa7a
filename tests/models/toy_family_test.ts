import assert from "node:assert/strict";
import { inspectCommand } from "../../src/cli/inspect/inspect.ts";
import { run } from "../../src/cli/main.ts";
import { AssayError } from "../../src/error.ts";
import { registerHead } from "../../src/heads/choose_head.ts";
import { registerFamily } from "../../src/models/families.ts";
import { seededRandom } from "../../src/numbers/seeded_random.ts";
import type { LoadOptions } from "../../src/scoring/load_options.ts";
import { RewardModel } from "../../src/scoring/reward_model.ts";
import { ChatTokenizer } from "../../src/text/chat_tokenizer.ts";
import { readTokenizerFiles } from "../../src/text/tokenizer_files.ts";
import { captureOutput, inFolder } from "../cli/captured_output.ts";
import { parityFolder } from "../golden/parity.ts";
import { localFolder } from "../../src/checkpoint/folder.ts";
import { twoReadsHead, twoReadsTensors } from "../heads/two_reads_head.ts";
import { testedKernelSets } from "../kernel_sets.ts";
import { floats } from "../merging/tiny_checkpoint.ts";
import { testWhere } from "../requirement.ts";
import { toy, toyFamily } from "./toy_family.ts";
import { toyFiles, toyFolder } from "./toy_folder.ts";
import { toyHiddenStates } from "./toy_reference.ts";

const prompt = "Which of the two is larger, and by how much? ".repeat(6);
const conversations = [
  ...["4", "It is five, not four.", "Hello. ".repeat(9), "5"].map((content) => [
    { role: "user", content: prompt },
    { role: "assistant", content },
  ]),
  [{ role: "user", content: "Hi" }, { role: "assistant", content: "Hello." }],
];

/** Numbers for a head's weight. */
function headWeight(rows: number, seed: number): number[] {
  const random = seededRandom(seed);
  return Array.from({ length: rows * toy.hidden }, () => 2 * random() - 1);
}

const score = headWeight(1, 5);
const scalar = [floats("score.weight", [1, toy.hidden], score)];

/** Tokens of the conversations, and the reference's final hidden states. */
async function reference() {
  const folder = localFolder(parityFolder("llama"));
  const files = {
    name: "llama",
    readText: async (file: string) => {
      const source = await folder.open(file);
      if (source === undefined) return undefined;
      using opened = source;
      return new TextDecoder().decode(await opened.read(0, opened.byteLength));
    },
  };
  assert.ok(await readTokenizerFiles(files));
  const tokenizer = await ChatTokenizer.open(files, { maxTokens: toy.positions });
  const { vocab_size } = JSON.parse(
    await Deno.readTextFile(`${parityFolder("llama")}/config.json`),
  );
  return conversations.map((conversation) => {
    const { ids } = tokenizer.tokenize(conversation);
    return { ids, states: toyHiddenStates(ids, vocab_size) };
  });
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, x, i) => sum + x * b[i]!, 0);
}

async function scores(options: LoadOptions, given = conversations): Promise<(number | null)[]> {
  using model = await RewardModel.load(await toyFolder(scalar), options);
  return (await model.score(given)).map((verdict) => verdict.score);
}

const ways: [string, string | undefined, LoadOptions][] = [
  ["CPU twins", undefined, { backend: "cpu" }],
  ...testedKernelSets.map(({ kernelSet, missing }): [string, string | undefined, LoadOptions] => [
    `${kernelSet} kernels`,
    missing,
    { backend: "gpu", kernels: kernelSet },
  ]),
];

for (const [name, missing, options] of ways) {
  testWhere(missing, `a family registered by a test scores as its formulas (${name})`, async () => {
    using _ = registerFamily(toyFamily);
    const expected = (await reference()).map(({ states }) => dot(states.at(-1)!, score));
    const found = await scores(options);
    found.forEach((score, i) => assert.ok(Math.abs(score! - expected[i]!) < 1e-4, `${i}`));
  });

  testWhere(missing, `it has the same bits streamed, shared and alone (${name})`, async () => {
    using _ = registerFamily(toyFamily);
    const usual = await scores(options);
    assert.deepEqual(await scores({ ...options, layers: "streamed" }), usual);
    assert.deepEqual(await scores({ ...options, sharePrefixes: false }), usual);
    // Packs so small that a prompt's responses fill several: its keys and values are kept.
    assert.deepEqual(await scores({ ...options, tokensPerPack: 128 }), usual);
    const alone = [];
    for (const conversation of conversations) alone.push(...await scores(options, [conversation]));
    assert.deepEqual(alone, usual);
  });

  testWhere(missing, `a head registered by a test reads where it says (${name})`, async () => {
    using _ = registerFamily(toyFamily);
    const known = await reference();
    // A token that every conversation has more than once, in the prompt and after it.
    const step = known[4]!.ids[known[4]!.ids.length - 1]!;
    using __ = registerHead(twoReadsHead(step));
    const [opening, steps] = [headWeight(2, 6), headWeight(1, 7)];
    const folder = await toyFolder([
      floats(twoReadsTensors.opening, [2, toy.hidden], opening),
      floats(twoReadsTensors.steps, [1, toy.hidden], steps),
    ]);
    using model = await RewardModel.load(folder, options);
    assert.equal(model.headKind, "two-reads");
    const verdicts = await model.score(conversations);
    verdicts.forEach(({ score, parts }, i) => {
      const { ids, states } = known[i]!;
      const at = [...ids.keys()].filter((position) => ids[position] === step);
      assert.ok(at.length > 1);
      const named = parts.opening as Record<string, number>;
      assert.deepEqual(Object.keys(named), ["warm", "cold"]);
      const numbers = [...Object.values(named), ...parts.steps as number[]];
      const expected = [
        dot(states[0]!, opening.slice(0, toy.hidden)),
        dot(states[0]!, opening.slice(toy.hidden)),
        ...at.map((position) => dot(states[position]!, steps)),
      ];
      assert.equal(numbers.length, expected.length);
      numbers.forEach((x, j) => assert.ok(Math.abs(x - expected[j]!) < 1e-4, `${i} ${j}`));
      assert.ok(Math.abs(score! - expected.reduce((a, b) => a + b)) < 1e-4);
    });
  });
}

Deno.test("assay inspect prints a family and a head that a test registered", async () => {
  using _ = registerFamily(toyFamily);
  using __ = registerHead(twoReadsHead(7));
  await inFolder(async (folder) => {
    const head = [
      floats(twoReadsTensors.opening, [2, toy.hidden], headWeight(2, 6)),
      floats(twoReadsTensors.steps, [1, toy.hidden], headWeight(1, 7)),
    ];
    for (const [name, blob] of await toyFiles(head)) {
      await Deno.writeFile(`${folder}/${name}`, new Uint8Array(await blob.arrayBuffer()));
    }
    const { output, stdout } = captureOutput();
    const args = ["inspect", folder, "--backend", "cpu", "--format", "table"];
    assert.equal(await run([inspectCommand(output)], args, output), 0);
    for (
      const line of [
        /family {6}toy/,
        /attention {3}2 heads of 16, positions learnt/,
        /kind {8}two-reads/,
        /reads {7}opening at the first token/,
        /reads {7}steps at each token 7/,
        /3 × .* toy\.\d\.query\.weight|toy\.0\.query\.weight/,
      ]
    ) assert.match(stdout(), line);
  });
});

Deno.test("a family is known only while it is registered", async () => {
  const code = (error: unknown) =>
    error instanceof AssayError && error.code === "models/unsupported-architecture";
  await assert.rejects(RewardModel.load(await toyFolder(scalar), { backend: "cpu" }), code);
  registerFamily(toyFamily)[Symbol.dispose]();
  await assert.rejects(RewardModel.load(await toyFolder(scalar), { backend: "cpu" }), code);
});
