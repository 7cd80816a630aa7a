/** The examples of votes and curation run without any permission, and show what they promise. */
import assert from "node:assert/strict";

async function runExample(name: string): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", `examples/${name}`],
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

Deno.test("examples/vote.ts finds the pair that was labelled the wrong way round", async () => {
  const lines = (await runExample("vote.ts")).trimEnd().split("\n");
  const wrong = lines.filter((line) => line.includes("incorrect"));
  assert.deepEqual(wrong.length, 1);
  assert.match(wrong[0]!, /^-1\.70 .*the rejected one wins: Is 91 a prime\?$/);
  assert.deepEqual(lines.slice(-2), ["best by mean: 0", "best by median: 1"]);
});

Deno.test("examples/curate.ts flips one pair and undoes it", async () => {
  const lines = (await runExample("curate.ts")).trimEnd().split("\n");
  const [first] = lines.slice(0, 3).map((line) => JSON.parse(line));
  assert.deepEqual([first.action, first.chosen, first.margin > 2.7], ["flip", "4", true]);
  const undone = JSON.parse(lines.at(-1)!.replace(/^undone: /, ""));
  assert.deepEqual(undone, {
    prompt: "2 + 2?",
    chosen: "5",
    rejected: "4",
    margins: [-3.1, -2.2, -2.9],
  });
});
