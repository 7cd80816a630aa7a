/** The example for Ray, without Ray: what talks to the servers. */
import assert from "node:assert/strict";
import { testWhere } from "../requirement.ts";
import { fakeIdentity, FakeModel } from "../server/fake_model.ts";
import { type FlakyServer, flakyServer } from "./flaky_proxy.ts";
import { linesHere, mixedRows } from "./scored_rows.ts";

const python = await new Deno.Command("python3", {
  args: ["--version"],
  stdout: "null",
  stderr: "null",
})
  .output().then(({ success }) => success, () => false);
const missing = python ? undefined : "python3 is not installed";

async function example(file: string, ...servers: FlakyServer[]) {
  const { success, stdout, stderr } = await new Deno.Command("python3", {
    args: [
      ...["-B", "examples/ray/score_with_ray.py", file, "-", "--batch", "20"],
      ...servers.flatMap(({ address }) => ["--server", address]),
    ],
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { success, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

testWhere(
  missing,
  "the example for Ray gives the rows of one machine, and refuses unlike servers",
  async () => {
    await using one = await flakyServer();
    await using two = await flakyServer();
    const other = {
      identity: { ...fakeIdentity, kernels: "wasm" },
      identityDigest: "e".repeat(32),
    };
    const load = () => Promise.resolve(Object.assign(new FakeModel(), other));
    await using unlike = await flakyServer({ load });
    let count = 0;
    one.misdeed = two.misdeed = () => (["again", "short", "cut", "busy"] as const)[count++];
    const file = await Deno.makeTempFile({ suffix: ".jsonl" });
    try {
      const rows = mixedRows(100).filter(({ row }) => row !== undefined);
      await Deno.writeTextFile(
        file,
        rows.map(({ row }) => JSON.stringify({ ...row, weight: 1 })).join("\n"),
      );
      const numbered = rows.map(({ row }, place) => ({
        line: place % 20 + 1, // counted in each request
        row: { ...row!, weight: 1 },
        error: undefined,
      }));
      const { success, stdout, stderr } = await example(file, one, two);
      assert.ok(success, stderr);
      assert.deepEqual(stdout.trimEnd().split("\n"), await linesHere(numbered));
      assert.ok(count > 4);
      const refused = await example(file, one, unlike);
      assert.match(refused.stderr, /would give other bits: they differ in \['kernels'\]/);
    } finally {
      await Deno.remove(file);
    }
  },
);
