/**
 * `deno run --allow-all bench/fleet_chaos.ts [--rows 20000] [--events 40] [--seed 1] [--folder DIR]`: a
 * fleet on this machine to which things happen; its output is held against that of one machine, which is
 * kept in the folder for the next time.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { chaos } from "./fleet/chaos.ts";
import { chaosRows } from "./fleet/chaos_rows.ts";
import { assay } from "./fleet/fleet_processes.ts";

const { values } = parseArgs({
  options: {
    rows: { type: "string", default: "20000" },
    events: { type: "string", default: "40" },
    seed: { type: "string", default: "1" },
    workers: { type: "string", default: "3" },
    folder: { type: "string" },
  },
});
const [rows, events, seed, workers] = [values.rows, values.events, values.seed, values.workers]
  .map(Number) as [number, number, number, number];
const folder = values.folder ?? await Deno.makeTempDir({ prefix: "chaos-" });
await Deno.mkdir(folder, { recursive: true });
const [input, alone] = [`${folder}/rows-${rows}.jsonl`, `${folder}/alone-${rows}.jsonl`];
await Deno.writeTextFile(input, chaosRows(rows));

if (!await Deno.stat(alone).then(() => true, () => false)) {
  const start = performance.now();
  const model = new URL("../models/demo", import.meta.url).pathname;
  const { code, stderr } = await assay(
    ...["score", model, input, "--backend", "wasm", "--output", `${alone}.tmp`],
  ).output();
  if (code === 2) throw new Error(new TextDecoder().decode(stderr));
  await Deno.rename(`${alone}.tmp`, alone);
  console.log(`one machine: ${((performance.now() - start) / 1000).toFixed(1)} s`);
}

const output = `${folder}/fleet-${rows}-${seed}.jsonl`;
await Deno.remove(output).catch(() => {});
const report = await chaos({
  seed,
  workers,
  events,
  input,
  rows,
  jobRows: 100,
  patience: 3,
  output,
  onEvent: (what, done) => console.log(`${(100 * done).toFixed(1).padStart(5)}%  ${what}`),
});
const [expected, found] = [await Deno.readFile(alone), await Deno.readFile(output)];
const isEqual = expected.length === found.length &&
  expected.every((byte, at) => byte === found[at]);
console.log(JSON.stringify({ rows, workers, seed, ...report, equal: isEqual }));
if (!isEqual) Deno.exitCode = 1;
