import assert from "node:assert/strict";
import { countArgument, sizeArgument } from "../../src/cli/arguments.ts";
import { progressBar, showWave } from "../../src/cli/progress_bar.ts";
import { table } from "../../src/cli/table.ts";
import { captureOutput } from "./captured_output.ts";

Deno.test("sizeArgument() reads sizes as people write them", () => {
  const sizes: [string, number][] = [
    ["1", 1],
    ["4e9", 4e9],
    ["512MiB", 512 * 2 ** 20],
    ["6 GiB", 6 * 2 ** 30],
    ["1.5gb", 1.5e9],
    ["64k", 64_000],
  ];
  for (const [text, bytes] of sizes) assert.equal(sizeArgument(text), bytes, text);
  for (const text of ["", "0", "-1", "big", "1TB", "1.5.2", "GiB"]) {
    assert.throws(() => sizeArgument(text), /Expected a size/, text);
  }
});

Deno.test("countArgument() takes whole numbers of at least 1 and nothing else", () => {
  assert.equal(countArgument("2048"), 2048);
  for (const text of ["0", "-1", "1.5", "1e3", "", " ", "99999999999999999999"]) {
    assert.throws(() => countArgument(text), /Expected a whole number/, text);
  }
});

Deno.test("table() aligns columns, numbers to the right, and lets nothing tear a line", async () => {
  const { output, stdout } = captureOutput();
  const lines = table(output, ["name", "size#", "note"]);
  await lines.add(["a\nb", "1", ""], ["below\x1b[2J it"]);
  await lines.add(["é", "1000", "last"]);
  await lines.close();
  assert.equal(
    stdout(),
    "name  size  note\n" +
      "a b      1\n" +
      "    below [2J it\n" +
      "é     1000  last\n",
  );
});

Deno.test("table() writes while lines come, once it has seen enough for its widths", async () => {
  const { output, stdout } = captureOutput();
  const lines = table(output, ["n#"]);
  for (let i = 0; i < 199; i++) await lines.add([String(i)]);
  assert.equal(stdout(), "");
  for (let i = 199; i < 300; i++) await lines.add([String(i)]);
  assert.equal(stdout().split("\n").length, 302);
  await lines.close();
  assert.equal(stdout().split("\n").length, 302);
});

Deno.test("progressBar() shows nothing where standard error is no terminal", () => {
  const { output, stderr } = captureOutput();
  using bar = progressBar(output);
  bar.update("loading", 1, 2);
  assert.equal(stderr(), "");
});

Deno.test("progressBar() shows each phase and leaves an empty line", () => {
  const { output, stderr, stdout } = captureOutput({ isTerminal: true });
  {
    using bar = progressBar(output);
    bar.update("loading layers", 1, 2);
    bar.update("loading layers", 2, 2);
    bar.update("rows scored", 5, undefined);
  }
  assert.match(stderr(), /loading layers .*50%/);
  assert.match(stderr(), /rows scored 5/);
  assert.equal(stdout(), "");
  const shown = stderr();
  assert(shown.lastIndexOf("\x1b[0K") > shown.lastIndexOf("rows scored"), JSON.stringify(shown));
});

Deno.test("progressBar() shows ? for the time left as long as nothing is done", () => {
  const { output, stderr } = captureOutput({ isTerminal: true });
  using bar = progressBar(output);
  bar.update("loading", 0, 2);
  bar.update("loading", 0, 2);
  assert.match(stderr(), /\? left/);
  assert.doesNotMatch(stderr(), /LL|NF/); // ends of the package's own NULL and INF
});

Deno.test("results wipe a progress bar away where both stand in one terminal", async () => {
  const { output, stdout, stderr } = captureOutput({ isTerminal: true });
  await output.write(new TextEncoder().encode("row\n"));
  assert.deepEqual([stdout(), stderr()], ["row\n", "\r\x1b[K"]);
  const piped = captureOutput();
  await piped.output.write(new TextEncoder().encode("row\n"));
  assert.deepEqual([piped.stdout(), piped.stderr()], ["row\n", ""]);
});

Deno.test("progressBar() shows waves, layers and the time that the work itself tells", () => {
  const { output, stderr } = captureOutput({ isTerminal: true });
  using bar = progressBar(output);
  const wave = { wave: 1, waves: 2, layer: 3, layers: 32, secondsLeft: 200 };
  showWave(bar, { phase: "score", done: 0, total: 8, wave: { ...wave, secondsLeft: undefined } });
  assert.match(stderr(), /wave 1 of 2, layer 3 of 32 .*\? left/);
  showWave(bar, { phase: "score", done: 0, total: 8, wave });
  bar.clear();
  assert.match(stderr(), /wave 1 of 2, layer 3 of 32 .*3m20s left/);
});
