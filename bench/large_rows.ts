/**
 * Measures the commands that stream rows on large files: peak of resident memory and processor time,
 * medians of several runs. Linux only: it reads `/proc`.
 *
 *     python bench/large_rows.py FOLDER
 *     deno run --allow-all bench/large_rows.ts FOLDER [RUNS]
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { median } from "../src/numbers/ranks.ts";

const [folder = "", runs = "3"] = Deno.args;
const files = ["pairs.jsonl", "pyarrow.parquet", "pandas.parquet", "indexed.parquet"]
  .concat(["zstd_v2.parquet", "messages.parquet"]);
const commands: Readonly<Record<string, (file: string) => string[]>> = {
  calibrate: (file) => ["calibrate", file],
  vote: (file) => ["vote", file, file],
  curate: (file) => ["curate", file, "--recipe", "flip-margin"],
  evaluate: (file) => ["evaluate", file],
};

interface Cost {
  readonly mebibytes: number;
  readonly seconds: number;
}

/** Runs a command to its end; what it prints is thrown away. */
async function costOf(args: readonly string[]): Promise<Cost> {
  const program = new URL("../src/cli/main.ts", import.meta.url);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "--allow-all", fileURLToPath(program), ...args],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  let [mebibytes, seconds] = [0, 0];
  const look = setInterval(() => {
    try {
      const status = Deno.readTextFileSync(`/proc/${child.pid}/status`);
      mebibytes = Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? mebibytes * 1024) / 1024;
      // After the program's name: 11 fields, then the ticks of a hundredth of a second.
      const fields = Deno.readTextFileSync(`/proc/${child.pid}/stat`).split(") ")[1]!.split(" ");
      seconds = (Number(fields[11]) + Number(fields[12])) / 100;
    } catch {
      // It has just ended.
    }
  }, 20);
  const { code } = await child.status;
  clearInterval(look);
  if (code > 1) throw new Error(`assay ${args.join(" ")} ended with status ${code}`);
  return { mebibytes, seconds };
}

console.log("| command | file | peak, MiB | processor, s |");
console.log("| --- | --- | --- | --- |");
for (const [name, argumentsOf] of Object.entries(commands)) {
  for (const file of files) {
    const costs: Cost[] = [];
    for (let i = 0; i < Number(runs); i++) {
      costs.push(await costOf(argumentsOf(`${folder}/${file}`)));
    }
    const [memory, time] = [costs.map((c) => c.mebibytes), costs.map((c) => c.seconds)].map(median);
    console.log(`| ${name} | ${file} | ${memory!.toFixed(0)} | ${time!.toFixed(1)} |`);
  }
}
