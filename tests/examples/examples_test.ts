/** Every example runs, with no permission but --allow-read, and says what it promises to say. */
import assert from "node:assert/strict";

async function runExample(name: string): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "--allow-read", `examples/${name}`],
    env: { NODEVICE_SELECT: "1" },
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

Deno.test("examples/score.ts scores two answers in ten lines or fewer", async () => {
  const source = await Deno.readTextFile("examples/score.ts");
  const lines = source.split("\n").filter((line) => line !== "" && !line.startsWith("//"));
  assert(lines.length <= 10, `${lines.length} lines`);
  const scores = (await runExample("score.ts")).trimEnd().split("\n").map(Number.parseFloat);
  assert.equal(scores.length, 2);
  assert(scores.every(Number.isFinite));
});

Deno.test("examples/best_of_n.ts ranks the answers, the best first", async () => {
  const output = await runExample("best_of_n.ts");
  const scores = output.trimEnd().split("\n").map(Number.parseFloat);
  assert.equal(scores.length, 3);
  assert(scores.every(Number.isFinite));
  assert.deepEqual(scores, scores.toSorted((a, b) => b - a));
});

Deno.test("examples/pairs.ts counts the pairs that the model agrees with", async () => {
  const lines = (await runExample("pairs.ts")).trimEnd().split("\n");
  const [, agreed, pairs] = /^(\d+) of (\d+) pairs agree$/.exec(lines.at(-1)!)!;
  const rows = (await Deno.readTextFile("examples/conversations.jsonl")).trimEnd().split("\n");
  assert.equal(Number(pairs), rows.filter((row) => "chosen" in JSON.parse(row)).length);
  assert.equal(lines.length - 1, Number(pairs) - Number(agreed));
});
