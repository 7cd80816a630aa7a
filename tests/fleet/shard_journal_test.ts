/** A run that was ended early goes on to the same rows, whatever became of its checkpoint. */
import assert from "node:assert/strict";
import { stringifyJson } from "../../src/data/json_text.ts";
import { scoreByServers, type ScoreByServersOptions } from "../../src/fleet/score_by_servers.ts";
import { flakyServer } from "./flaky_proxy.ts";
import { given, linesBy, linesHere, mixedRows } from "./scored_rows.ts";

/** A run that is given up after so many rows. */
async function endedRun(
  rows: ReturnType<typeof mixedRows>,
  options: ScoreByServersOptions,
  most: number,
): Promise<string[]> {
  const lines: string[] = [];
  for await (const { row } of scoreByServers(given(rows), { tokens: 100, ...options })) {
    lines.push(stringifyJson(row));
    if (lines.length === most) break;
  }
  return lines;
}

Deno.test("a run that was ended early goes on from its checkpoint", async () => {
  await using server = await flakyServer();
  const folder = await Deno.makeTempDir();
  const checkpoint = `${folder}/scored.jsonl.shards`;
  const rows = mixedRows(200);
  const expected = await linesHere(rows);
  const options = { servers: [server.address], checkpoint };
  try {
    assert.deepEqual(await endedRun(rows, options, 100), expected.slice(0, 100));
    const asked = server.asked.length;
    const notes: string[] = [];
    const onNote = (message: string) => void notes.push(message);
    assert.deepEqual(await linesBy(rows, { ...options, onNote }), expected);
    const again = server.asked.length - asked;
    assert.match(notes[0]!, /^going on from .*: \d+ shards are answered already$/);
    // Nothing that is in the file is asked for.
    server.asked.length = 0;
    assert.deepEqual(await linesBy(rows, options), expected);
    assert.equal(server.asked.length, 0);
    assert.ok(again > 0);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("equal rows on other lines have answers of their own: errors name lines", async () => {
  await using server = await flakyServer();
  const folder = await Deno.makeTempDir();
  const options = { servers: [server.address], checkpoint: `${folder}/shards`, mostInFlight: 1 };
  const rows = Array.from({ length: 60 }, (_, line) => ({
    line,
    row: { prompt: "x".repeat(50) },
    error: undefined,
  }));
  try {
    const expected = await linesHere(rows);
    assert.deepEqual(await linesBy(rows, options), expected);
    assert.deepEqual(await linesBy(rows, options), expected);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("of a checkpoint that was cut or changed what is whole is believed, and no more", async () => {
  await using server = await flakyServer();
  const folder = await Deno.makeTempDir();
  const checkpoint = `${folder}/shards`;
  const rows = mixedRows(100);
  const expected = await linesHere(rows);
  const options = { servers: [server.address], checkpoint };
  try {
    await linesBy(rows, options);
    const whole = await Deno.readFile(checkpoint);
    for (const length of [whole.length - 10, Math.floor(whole.length / 2), 10, 0]) {
      await Deno.writeFile(checkpoint, whole.subarray(0, length));
      assert.deepEqual(await linesBy(rows, options), expected, `${length} bytes`);
    }
    const changed = whole.slice();
    const place = new TextDecoder().decode(whole).indexOf('"tokens":') + 9;
    changed[place] = changed[place] === 0x31 ? 0x32 : 0x31;
    await Deno.writeFile(checkpoint, changed);
    assert.deepEqual(await linesBy(rows, options), expected);
    // Rows that were changed meanwhile are scored again.
    const others = rows.map((read, i) =>
      i === 50 ? { line: 1, row: { prompt: "a", response: "new" }, error: undefined } : read
    );
    await Deno.writeFile(checkpoint, whole);
    assert.deepEqual(await linesBy(others, options), await linesHere(others));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a checkpoint of another run, and a file that is none, are refused and stay", async () => {
  await using server = await flakyServer();
  const folder = await Deno.makeTempDir();
  const checkpoint = `${folder}/shards`;
  const rows = mixedRows(10);
  const options = { servers: [server.address], checkpoint };
  try {
    await linesBy(rows, options);
    await assert.rejects(linesBy(rows, { ...options, explain: true }), {
      code: "fleet/foreign-checkpoint",
      message: /expected .*"explain":true.*, found .*"explain":false.*; delete it to begin anew/,
    });
    for (const text of ["a page\n".repeat(1000), "a key without an end", '{"assay":"other"}\n']) {
      await Deno.writeTextFile(checkpoint, text);
      await assert.rejects(linesBy(rows, options), { code: "fleet/foreign-checkpoint" });
      assert.equal(await Deno.readTextFile(checkpoint), text);
    }
    await assert.rejects(linesBy(rows, { ...options, checkpoint: folder }), {
      code: "fleet/checkpoint",
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
