/**
 * `deno task demo`: scores the example conversations through the command line, with the demo
 * checkpoint where this checkout has it. It needs no adapter, and installs none.
 *
 * @module
 */

const trained = "models/demo";
const random = "tests/golden/parity/armo";

async function chooseModel(): Promise<string> {
  try {
    await Deno.stat(`${trained}/config.json`);
    return trained;
  } catch {
    console.error(
      "There is no trained demo checkpoint yet. This one is tiny and ITS WEIGHTS ARE RANDOM: the " +
        "run shows every step of scoring at work, but the scores mean nothing.",
    );
    return random;
  }
}

const model = await chooseModel();
const args = ["score", model, "examples/conversations.jsonl", "--explain", "--format", "table"];
console.error(`$ deno task assay ${args.join(" ")}`);
const { code } = await new Deno.Command(Deno.execPath(), {
  args: ["run", "--allow-read", "src/cli/main.ts", ...args],
  env: { NODEVICE_SELECT: "1" },
}).spawn().status;
Deno.exitCode = code;
