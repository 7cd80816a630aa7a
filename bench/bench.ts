/**
 * `deno task bench`: Assay beside other engines and beside the machine's own ceilings.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { adapterFacts, busyCores, describeMachine } from "./machine.ts";
import { ModelFiles } from "./models/model_files.ts";
import { modelShape } from "./models/model_shape.ts";
import { installPeers, packagesFolder } from "./peers/packages.ts";
import { resultsPath, writeReport } from "./report.ts";
import type { Bench, Section } from "./section.ts";
import { bestOfEight } from "./sections/best_of_eight.ts";
import { coldStart } from "./sections/cold_start.ts";
import { engines, sameAdapter } from "./sections/engines.ts";
import { coldStartWithoutGpu } from "./sections/cold_start_without_gpu.ts";
import { kernels } from "./sections/kernels.ts";
import { lengths } from "./sections/lengths.ts";
import { products } from "./sections/products.ts";
import { ragged } from "./sections/ragged.ts";
import { realModel } from "./sections/real_model.ts";
import { serving } from "./sections/serving.ts";
import { streaming } from "./sections/streaming.ts";
import { withoutGpu, withoutGpuLong } from "./sections/without_gpu.ts";
import { readSettings, type Settings, usage } from "./settings.ts";

const sections: Readonly<Record<string, Section>> = {
  engines,
  same_adapter: sameAdapter,
  without_gpu: withoutGpu,
  without_gpu_long: withoutGpuLong,
  best_of_eight: bestOfEight,
  ragged,
  streaming,
  real_model: realModel,
  lengths,
  cold_start: coldStart,
  cold_start_without_gpu: coldStartWithoutGpu,
  serving,
  kernels,
  products,
};

function chosenSections({ sections: names }: Settings): Section[] {
  if (names === undefined) return Object.values(sections);
  return names.map((name) => {
    const section = sections[name];
    if (section !== undefined) return section;
    throw new TypeError(`--only takes ${Object.keys(sections).join(", ")}; found ${name}`);
  });
}

/** When, on what, with which command and beside how much other work a section was measured. */
function circumstances(
  { command }: Settings,
  adapter: string,
  start: Date,
  busyCores: number,
): string {
  const time = (date: Date): string => date.toISOString().slice(11, 16);
  return `Measured ${start.toISOString().slice(0, 10)}, ${time(start)}–${time(new Date())} UTC: ` +
    `\`${command}\`, adapter ${adapter}. Other work took ${busyCores.toFixed(1)} of ` +
    `${navigator.hardwareConcurrency} cores just before` +
    (busyCores > 0.3
      ? `: **the machine was not idle**, absolute numbers are too low and ratios lean against ` +
        "engines whose threads wait for each other by spinning."
      : ".");
}

/** Measures section by section; one that fails leaves its part of the results file as it was. */
async function measure(settings: Settings, folder: string): Promise<void> {
  const onProgress = (text: string): void => console.error(`  ${text}`);
  const missing = await installPeers();
  if (missing !== undefined) onProgress(`peers are not installed: ${missing}`);
  const facts = await adapterFacts();
  const adapter = facts?.description ?? "none";
  const bench: Bench = {
    settings,
    files: new ModelFiles(folder, modelShape(settings.layers)),
    packages: packagesFolder,
    cores: navigator.hardwareConcurrency,
    vectorBits: facts?.vectorBits,
    onProgress,
  };
  const titles = Object.values(sections).map(({ title }) => title);
  for (const section of chosenSections(settings)) {
    console.error(section.title);
    const start = new Date();
    const busy = await busyCores();
    try {
      const text = await section.measure(bench);
      console.log(`## ${section.title}\n\n${text}\n`);
      if (settings.dry) continue;
      const fresh = {
        title: section.title,
        text: `${circumstances(settings, adapter, start, busy)}\n\n${text}`,
      };
      const measured = { adapter: facts, machine: await describeMachine() };
      await writeReport(settings.results ?? resultsPath(facts), measured, titles, fresh);
    } catch (error) {
      onProgress(`not measured: ${error}`);
      Deno.exitCode = 1;
    }
  }
}

async function main(): Promise<void> {
  const settings = readSettings(Deno.args);
  if (settings.help) return console.log(usage);
  if (settings.list) return console.log(Object.keys(sections).join("\n"));
  const folder = settings.models ?? join(await Deno.makeTempDir(), "models");
  try {
    await measure(settings, folder);
  } finally {
    if (settings.models === undefined) await Deno.remove(dirname(folder), { recursive: true });
  }
}

await main();
