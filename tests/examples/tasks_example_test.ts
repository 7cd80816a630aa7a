import assert from "node:assert/strict";

Deno.test("examples/tasks.ts scores, calibrates and lets two models vote, and finds their scores again", async () => {
  const folder = await Deno.makeTempDir();
  const runExample = async (...args: string[]) => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-prompt", "--allow-read", ...args],
      env: { NODEVICE_SELECT: "1" },
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    return new TextDecoder().decode(stdout);
  };
  try {
    const output = await runExample("examples/tasks.ts");
    assert.match(output, /^20 rows scored$/m);
    assert.match(output, /spearmanAfter: -?[\d.]+/);
    const lines = output.trimEnd().split("\n");
    const [, share, pairs] = /^the models agree on (\d+) % of (\d+) pairs$/.exec(lines.at(-1)!)!;
    const voted = lines.flatMap((line) => /margins (\S+) and (\S+)$/.exec(line) ?? []);
    assert.equal(voted.length / 3, Number(pairs));
    assert.ok(Number(share) >= 0 && Number(share) <= 100);

    const models = ["models/demo", "tests/golden/parity/llama", folder];
    const program = [`--allow-write=${folder}`, "examples/tasks.ts", ...models];
    assert.equal(await runExample(...program), output);
    assert.equal((await Array.fromAsync(Deno.readDir(folder))).length, 2); // one cache per voter
    assert.equal(await runExample(...program), output);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
