import { fileURLToPath } from "node:url";
import { runDeno } from "../tools/command.ts";

const path = fileURLToPath(new URL("RESULTS.md", import.meta.url));

/** A section as it stands in RESULTS.md. */
export interface Written {
  readonly title: string;
  readonly text: string;
}

/** The sections that RESULTS.md has now. */
export async function readReport(): Promise<Written[]> {
  const text = await Deno.readTextFile(path).catch(() => "");
  return text.split(/^## /m).slice(1).map((section) => {
    const end = section.indexOf("\n");
    return { title: section.slice(0, end), text: section.slice(end).trim() };
  });
}

/** Writes RESULTS.md: a new section in place of the one of its title, in the order of `titles`. */
export async function writeReport(
  machine: readonly string[],
  software: boolean,
  titles: readonly string[],
  fresh: Written,
): Promise<void> {
  const old = await readReport();
  const sections = titles.flatMap((title) =>
    title === fresh.title ? fresh : old.find((section) => section.title === title) ?? []
  );
  const text = [
    "# Results of the bench",
    "Written by `deno task bench`; `deno task bench --help` names its options. Engines are measured " +
    "in turns within one run, each in a process of its own that is stopped while the others work: " +
    "ratios hold where absolute numbers depend on what else the machine did.",
    ...(software
      ? [
        "**The adapter of these tables is a software one, lavapipe: it computes on the processor's " +
        "own cores. Its ratios say nothing of a GPU, and must not be quoted as GPU speed.**",
      ]
      : []),
    machine.map((line) => `- ${line}`).join("\n"),
    ...sections.flatMap((section) => [`## ${section.title}`, section.text]),
  ].join("\n\n");
  await Deno.writeTextFile(path, `${text}\n`);
  await runDeno("fmt", path);
}
