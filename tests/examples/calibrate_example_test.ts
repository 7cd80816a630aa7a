import assert from "node:assert/strict";

Deno.test("examples/calibrate.ts needs no permission and brings a biased judge's accuracy up", async () => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "examples/calibrate.ts"],
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  const output = new TextDecoder().decode(stdout);
  const [before, after] = [...output.matchAll(/^accuracy \w+: +(\d+) %$/gm)].map((match) =>
    Number(match[1])
  );
  assert(before! + 10 <= after!, output);
  assert.equal(output.match(/^score \d+\.\d\d → -?\d+\.\d\d/gm)?.length, 2);
});
