import assert from "node:assert/strict";
import { Command } from "commander";
import { AssayError } from "../../src/error.ts";
import { main, run } from "../../src/cli/main.ts";
import { Output } from "../../src/cli/output.ts";
import { visibleLine, visibleLines } from "../../src/cli/visible_text.ts";
import { testWhere } from "../requirement.ts";
import { captureOutput, inFolder } from "./captured_output.ts";

const hostile = "a\x1b[2J\x9b31m\x07\r\n\u202eb\u2066\u200f\u2028\u{e0041}\ud800\x7f";
const steering = /[^\P{C}\n]|[\u2028\u2029]/u; // what Unicode calls control, format, half a character

Deno.test("visibleLine() writes what would steer a terminal as JSON does, and nothing else", () => {
  const visible = visibleLine(hostile);
  assert(!steering.test(visible), JSON.stringify(visible));
  assert.equal(JSON.parse(`"${visible}"`), hostile);
  const usual = "Grüße, 你好, नमस्ते 👍🏽 “x” — 1 × 2 ≤ 3";
  assert.equal(visibleLine(usual), usual);
  assert.equal(visibleLines("a\n\tb\x1b\n"), "a\n\\tb\\u001b\n");
});

Deno.test("what a checkpoint says steers no terminal, on any way out", async () => {
  await inFolder(async (folder) => {
    const config = { model_type: hostile, architectures: [hostile], [hostile]: 1 };
    await Deno.writeTextFile(`${folder}/config.json`, JSON.stringify(config));
    await Deno.writeTextFile(`${folder}/rows.jsonl`, '{"prompt":"a","response":"b"}\n');
    for (
      const args of [
        ["score", folder, `${folder}/rows.jsonl`],
        ["inspect", folder, "--format", "table"],
        ["inspect", folder, "--format", "jsonl"],
        ["score", folder, `${folder}/rows.jsonl`, "--verbose"],
        ["score", folder, `${folder}/${hostile.replaceAll("\ud800", "")}`],
        ["score", `--${hostile}`],
      ]
    ) {
      const captured = captureOutput({ isTerminal: true });
      await main([...args, ...args.includes("--backend") ? [] : []], captured.output);
      const said = captured.stdout() + captured.stderr().replaceAll("\r\x1b[K", "");
      assert(said.length > 20);
      assert(!steering.test(said.replaceAll("\n", "")), JSON.stringify(said));
    }
  });
});

Deno.test("results at a terminal are JSON of the same meaning; in a pipe they are as they were", async () => {
  for (const isTerminal of [true, false]) {
    const captured = captureOutput({ isTerminal });
    const line = `${JSON.stringify({ text: hostile })}\n`;
    await captured.output.write(new TextEncoder().encode(line));
    assert.deepEqual(captured.rows(), [{ text: hostile }]);
    if (isTerminal) assert(!steering.test(captured.stdout().trim()));
    else assert.equal(captured.stdout(), line);
  }
});

Deno.test("standard output that can't be written ends with 2, and the reason", async () => {
  const stderr: string[] = [];
  const stream = { isTerminal: false, columns: 80 };
  const output = new Output(
    {
      ...stream,
      write: () => Promise.reject(new AssayError("cli/cannot-write", "Cannot write: full")),
    },
    {
      ...stream,
      write: (bytes) => Promise.resolve(void stderr.push(new TextDecoder().decode(bytes))),
    },
  );
  const command = new Command("say").action(() => output.write(new Uint8Array(1)));
  assert.equal(await run([command], ["say"], output), 2);
  assert.equal(await run([command], ["--help"], output), 2);
  assert.equal(stderr[0], "assay: Cannot write: full [cli/cannot-write]\n");
});

const full = await Deno.stat("/dev/full").then(() => undefined, () => "there is no /dev/full");

testWhere(full, "a full standard output ends a command with 2", async () => {
  await inFolder(async (folder) => {
    const rows = '{"score":1,"length":1}\n'.repeat(50);
    await Deno.writeTextFile(`${folder}/rows.jsonl`, rows);
    const assay = `"${Deno.execPath()}" run --quiet --no-prompt --allow-read src/cli/main.ts`;
    for (
      const args of ["--help", `calibrate "${folder}/rows.jsonl"`, `vote "${folder}/rows.jsonl"`]
    ) {
      const { code, stderr } = await new Deno.Command("sh", {
        args: ["-c", `${assay} ${args} > /dev/full`],
      }).output();
      const said = new TextDecoder().decode(stderr);
      assert.equal(code, 2, said);
      assert.match(
        said,
        /Cannot write to standard output: .*No space left.* \[cli\/cannot-write\]/,
      );
    }
  });
});
