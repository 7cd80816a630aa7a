import assert from "node:assert/strict";
import { Command } from "commander";
import configuration from "../../deno.json" with { type: "json" };
import { main, run } from "../../src/cli/main.ts";
import { captureOutput } from "./captured_output.ts";

async function assay(
  ...args: string[]
): Promise<{ status: number; stdout: string; stderr: string }> {
  const { output, stdout, stderr } = captureOutput();
  const status = await main(args, output);
  return { status, stdout: stdout(), stderr: stderr() };
}

/** The commands that `assay --help` lists. */
async function listedCommands(): Promise<string[]> {
  const { stdout } = await assay("--help");
  const names = stdout.slice(stdout.indexOf("Commands:")).matchAll(/^ {2}([a-z]+) /gm);
  return [...names].map((match) => match[1]!).filter((name) => name !== "help");
}

Deno.test("assay --help lists the commands, on standard output, with 0", async () => {
  const { status, stdout, stderr } = await assay("--help");
  assert.deepEqual([status, stderr], [0, ""]);
  assert.match(stdout, /^Usage: assay \[options\] \[command\]\n/);
  assert.match(stdout, /\nExit status: 0 all rows fine, 1 some rows failed/);
  const commands = await listedCommands();
  for (const name of ["score", "inspect", "doctor"]) assert(commands.includes(name), name);
});

Deno.test("every command has --help with an example", async () => {
  for (const name of await listedCommands()) {
    const { status, stdout, stderr } = await assay(name, "--help");
    assert.deepEqual([status, stderr], [0, ""], name);
    assert.match(stdout, new RegExp(`^Usage: assay ${name}`));
    assert.match(stdout, new RegExp(`Examples?:\n  .*assay ${name} ?`), name);
    assert.equal((await assay("help", name)).stdout, stdout);
  }
});

Deno.test("assay --version prints the version of the package", async () => {
  assert.deepEqual(await assay("--version"), {
    status: 0,
    stdout: `${configuration.version}\n`,
    stderr: "",
  });
});

Deno.test("assay without a command prints its help to standard error, with 2", async () => {
  const { status, stdout, stderr } = await assay();
  assert.deepEqual([status, stdout], [2, ""]);
  assert.match(stderr, /^Usage: assay/);
});

Deno.test("assay refuses commands and flags it does not know, with 2", async () => {
  const command = await assay("scor");
  assert.equal(command.status, 2);
  assert.equal(
    command.stderr,
    "assay: unknown command 'scor' (Did you mean score?) [cli/usage]\n",
  );
  const flag = await assay("--nonsense");
  assert.equal(flag.status, 2);
  assert.match(flag.stderr, /^assay: unknown option '--nonsense'.* \[cli\/usage\]\n$/);
});

Deno.test("an error that is a bug is told as one, without a stack unless --verbose asks", async () => {
  const broken = () => new Command("broken").action(() => Promise.reject(new TypeError("oops")));
  const plain = captureOutput();
  assert.equal(await run([broken()], ["broken"], plain.output), 2);
  assert.equal(
    plain.stderr(),
    "assay: unexpected error: oops [cli/unexpected]\nassay: run it with --verbose for the cause\n",
  );
  const verbose = captureOutput();
  assert.equal(await run([broken()], ["broken", "--verbose"], verbose.output), 2);
  assert.match(verbose.stderr(), /at broken.*main_test\.ts|main_test\.ts/);
});
