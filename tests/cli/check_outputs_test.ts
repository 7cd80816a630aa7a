import assert from "node:assert/strict";
import { calibrateCommand } from "../../src/cli/calibrate/calibrate.ts";
import { checkOutputs } from "../../src/cli/check_outputs.ts";
import { curateCommand } from "../../src/cli/curate/curate.ts";
import { evaluateCommand } from "../../src/cli/evaluate/evaluate.ts";
import { fitCommand } from "../../src/cli/fit/fit.ts";
import { run } from "../../src/cli/main.ts";
import { scoreCommand } from "../../src/cli/score/score.ts";
import { soupCommand } from "../../src/cli/soup.ts";
import { voteCommand } from "../../src/cli/vote/vote.ts";
import { captureOutput, inFolder, runAssay } from "./captured_output.ts";

const golden = "tests/golden/parity/llama";
const line =
  '{"id":1,"prompt":"Q","chosen":"a","rejected":"b","chosen_score":1,"rejected_score":0,' +
  '"strength_mean":1}\n';
const rows = line.repeat(600);

async function assay(...args: readonly string[]) {
  const captured = captureOutput();
  const { output } = captured;
  const commands = [
    scoreCommand,
    calibrateCommand,
    curateCommand,
    evaluateCommand,
    fitCommand,
    soupCommand,
    voteCommand,
  ].map((command) => command(output));
  return { status: await run(commands, args, output), stderr: captured.stderr() };
}

/** A folder with a model, rows, and what else commands read; everything must stay as it is. */
async function inWorkplace(use: (folder: string) => Promise<void>): Promise<void> {
  await inFolder(async (folder) => {
    for (const model of ["model", "other"]) {
      await Deno.mkdir(`${folder}/${model}`);
      for await (const { name } of Deno.readDir(golden)) {
        await Deno.copyFile(`${golden}/${name}`, `${folder}/${model}/${name}`);
      }
    }
    await Deno.writeTextFile(`${folder}/rows.jsonl`, rows);
    for (const name of ["calibrator.json", "labels.json", "heads.safetensors"]) {
      await Deno.writeTextFile(`${folder}/${name}`, "{}");
    }
    await Deno.link(`${folder}/rows.jsonl`, `${folder}/hard.jsonl`);
    await Deno.symlink("rows.jsonl", `${folder}/soft.jsonl`);
    await Deno.symlink(folder, `${folder}/again`);
    await use(folder);
  });
}

async function contentOf(folder: string): Promise<Map<string, string>> {
  const content = new Map<string, string>();
  for await (const { name, isSymlink } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    const { isFile } = await Deno.stat(path);
    if (isFile) content.set(path, (await Deno.readFile(path)).toBase64());
    else if (!isSymlink) { for (const entry of await contentOf(path)) content.set(...entry); }
  }
  return content;
}

const names = ["rows.jsonl", "./rows.jsonl", "hard.jsonl", "soft.jsonl", "again/rows.jsonl"];

const refused: Readonly<Record<string, readonly (readonly string[])[]>> = {
  score: [
    ...names.map((name) => ["@model", "@rows.jsonl", "--output", `@${name}`]),
    ["@model", "@soft.jsonl", "--output", "@hard.jsonl"],
    ["@model", "@rows.jsonl", "--output", "@model/model.safetensors"],
    ["@model", "@rows.jsonl", "--output", "@again/model/config.json"],
    ["@model", "@rows.jsonl", "--output", "@calibrator.json", "--calibrate", "@calibrator.json"],
    ["@model", "@rows.jsonl", "--adapter", "@other", "--output", "@other/tokenizer.json"],
    [
      "@model",
      "@rows.jsonl",
      "--implicit",
      "--reference",
      "@other",
      "--output",
      "@other/config.json",
    ],
  ],
  calibrate: ["--output", "--fit", "--summary"].flatMap((flag) => [
    ["@rows.jsonl", flag, "@hard.jsonl"],
    ["@rows.jsonl", "--tokenizer", "@model", flag, "@model/tokenizer.json"],
    [
      "@rows.jsonl",
      flag,
      "@new",
      "--plot",
      "@again/new.svg",
      flag === "--fit" ? "--output" : "--fit",
      "@new",
    ],
  ]),
  curate: [
    ["@rows.jsonl", "--recipe", "flip", "--dropped", "@soft.jsonl"],
    ["@rows.jsonl", "--recipe", "flip", "--dropped", "@new", "--output", "@again/new"],
    ["--undo", "@rows.jsonl", "@soft.jsonl", "--output", "@hard.jsonl"],
  ],
  evaluate: [
    ["@rows.jsonl", "--summary", "@hard.jsonl"],
    ["@rows.jsonl", "--model", "@model", "--summary", "@model/config.json"],
    ["@rows.jsonl", "--calibrate", "@calibrator.json", "--summary", "@calibrator.json"],
  ],
  vote: [
    ["@rows.jsonl", "@calibrator.json", "--output", "@calibrator.json"],
    ["@rows.jsonl", "--summary", "@new.svg", "--plot", "@again/new.svg"],
    [
      "--model",
      "@model",
      "--heads",
      "@heads.safetensors",
      "@rows.jsonl",
      "--output",
      "@heads.safetensors",
    ],
    ["--model", "@model", "@rows.jsonl", "--cache", "@cache", "--output", "@model/config.json"],
  ],
  soup: [["@model", "@other", "--output", "@again/other"]],
  fit: [
    ["features", "@model", "@rows.jsonl", "--output", "@again/model"],
    ["head", "@model", "@rows.jsonl", "--output", "@again/model"],
    ["armo", "@model", "@rows.jsonl", "--labels", "@labels.json", "--output", "@again/model"],
  ],
};

for (const [command, cases] of Object.entries(refused)) {
  Deno.test(`assay ${command} refuses outputs that are inputs or each other, and touches neither`, async () => {
    await inWorkplace(async (folder) => {
      const before = await contentOf(folder);
      for (const args of cases) {
        const given = args.map((arg) => arg.startsWith("@") ? `${folder}/${arg.slice(1)}` : arg);
        const { status, stderr } = await assay(command, ...given);
        const said = `${command} ${args.join(" ")}: ${stderr}`;
        assert.equal(status, 2, said);
        assert.match(
          stderr,
          /^assay: Cannot write .*expected (another file|a folder without weights).* \[cli\/usage\]\n$/,
          said,
        );
        assert.deepEqual(await contentOf(folder), before, said);
      }
    });
  });
}

Deno.test("outputs beside the inputs, devices and files of earlier runs are no inputs", async () => {
  await inWorkplace(async (folder) => {
    const at = (name: string) => `${folder}/${name}`;
    await Deno.writeTextFile(at("model/scored.jsonl"), "");
    const inputs = [at("rows.jsonl"), at("model"), "https://host/model"];
    await checkOutputs({ inputs, outputs: [at("model/scored.jsonl"), at("new.jsonl")] });
    await checkOutputs({ inputs, outputs: ["/dev/null", "/dev/null", undefined] });
    await assert.rejects(Deno.stat(at("new.jsonl")), Deno.errors.NotFound);
  });
});

Deno.test("assay sees that standard input and output are files of the command", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/rows.jsonl`;
    await Deno.writeTextFile(path, rows);
    const assay =
      `"${Deno.execPath()}" run --quiet --no-prompt --allow-read --allow-write src/cli/main.ts`;
    for (
      const command of [
        `${assay} calibrate --output "${path}" < "${path}"`,
        `${assay} calibrate "${path}" >> "${path}"`,
      ]
    ) {
      const { code, stderr } = await new Deno.Command("sh", { args: ["-c", command] }).output();
      assert.equal(code, 2);
      assert.match(new TextDecoder().decode(stderr), /expected another file/);
      assert.equal(await Deno.readTextFile(path), rows);
    }
  });
});

Deno.test("assay tells early that CSV and Parquet need their folder", async () => {
  await inFolder(async (folder) => {
    const output = `${folder}/out.csv`;
    const { status, stderr } = await runAssay(["calibrate", "--output", output], {
      input: line,
      permissions: ["--allow-read", `--allow-write=${output}`],
    });
    assert.equal(status, 2);
    assert(stderr.includes(`add --allow-write=${folder} [data/cannot-write]`), stderr);
    await assert.rejects(Deno.stat(output), Deno.errors.NotFound);
  });
});
