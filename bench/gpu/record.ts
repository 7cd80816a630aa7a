/**
 * `deno task gpu:record RESULTS`: puts what the kit found into `bench/RESULTS.<adapter>.md`, section by
 * section. Sections that the kit did not measure, and what was written by hand, stay as they are.
 *
 * @module
 */
import { relative } from "node:path";
import { resultsPath, writeReport } from "../report.ts";
import type { Results } from "./results.ts";
import { sectionsOf } from "./sections.ts";

const [file] = Deno.args;
if (file === undefined || file.startsWith("-")) {
  console.error("Usage: deno task gpu:record RESULTS, the results.json of the kit");
  Deno.exit(2);
}
const results: Results = JSON.parse(await Deno.readTextFile(file));
const { adapter: description, software, machine } = results;
if (description === undefined || software) {
  console.error(
    "Not recorded: these results are of no GPU; what a software adapter does is measured " +
      "by `deno task bench`",
  );
  Deno.exit(1);
}
const adapter = { description, software };
const sections = sectionsOf(results);
for (const section of sections) {
  await writeReport(
    resultsPath(adapter),
    { adapter, machine },
    sections.map(({ title }) => title),
    section,
  );
}
console.log(`${sections.length} sections in ${relative(Deno.cwd(), resultsPath(adapter))}`);
