import { fileURLToPath } from "node:url";
import type { AdapterDescription } from "../src/gpu/adapter.ts";
import { runDeno } from "../tools/command.ts";

/** A section as it stands in a results file. */
export interface Written {
  readonly title: string;
  readonly text: string;
}

/** A results file: what stands before its first section, and its sections. */
export interface Report {
  readonly head: string;
  readonly sections: readonly Written[];
}

/** What a results file's first lines say of the machine, for a file that is new. */
export interface Measured {
  /** The adapter; undefined where there is none. */
  readonly adapter: Pick<AdapterDescription, "description" | "software"> | undefined;
  /** The machine, one line each. */
  readonly machine: readonly string[];
}

/**
 * The name of an adapter's results file: each GPU has one of its own, so that a table never stands under
 * the name of a machine that it was not measured on. Software adapters share `RESULTS.md`.
 */
export function resultsName(adapter: Measured["adapter"]): string {
  if (adapter === undefined || adapter.software) return "RESULTS.md";
  const words = adapter.description.toLowerCase().replaceAll(/\((r|tm)\)/g, "")
    .match(/[a-z0-9]+/g) ?? [];
  const size = words.findIndex((word) => /^\d+gb$/.test(word)); // what follows is the memory's make
  const name = (size > 0 ? words.slice(0, size) : words).join("-");
  return `RESULTS.${name || "adapter-without-a-name"}.md`;
}

/** The path of an adapter's results file. */
export function resultsPath(adapter: Measured["adapter"]): string {
  return fileURLToPath(new URL(resultsName(adapter), import.meta.url));
}

/** Takes a results file apart. */
export function parseReport(text: string): Report {
  const [head, ...sections] = text.split(/^## /m);
  return {
    head: head!.trim(),
    sections: sections.map((section) => {
      const end = section.indexOf("\n");
      return { title: section.slice(0, end).trim(), text: section.slice(end).trim() };
    }),
  };
}

/** Lines of a list, each of them unwrapped. */
function listed(head: string): Set<string> {
  const items = head.match(/^- .*(?:\n {2}.*)*/gm) ?? [];
  return new Set(items.map((item) => item.slice(2).replaceAll(/\s+/g, " ")));
}

function newHead({ adapter, machine }: Measured): string {
  const isGpu = adapter !== undefined && !adapter.software;
  return [
    isGpu ? `# Results on ${adapter.description}` : "# Results of the bench",
    "Written by `deno task bench`; `deno task bench --help` names its options. Engines are measured " +
    "in turns within one run, each in a process of its own that is stopped while the others work: " +
    "ratios hold where absolute numbers depend on what else the machine did.",
    ...(adapter?.software
      ? [
        "**The adapter of these tables is a software one, lavapipe: it computes on the processor's " +
        "own cores. Its ratios say nothing of a GPU, and must not be quoted as GPU speed.**",
      ]
      : []),
    machine.map((line) => `- ${line}`).join("\n"),
  ].join("\n\n");
}

/**
 * A results file with a new section: in place of the one of its title, or where `titles` have it. All
 * else stays as it is, what is written by hand too. The list of the machine at the top is the one of the
 * sections that were there: a section that was measured on something else says so itself.
 */
export function withSection(
  { head, sections }: Report,
  measured: Measured,
  titles: readonly string[],
  fresh: Written,
): Report {
  if (head === "") return { head: newHead(measured), sections: [fresh] };
  const known = listed(head);
  const others = measured.machine.filter((line) => !known.has(line.replaceAll(/\s+/g, " ")));
  const text = others.length === 0
    ? fresh.text
    : `Not on what the list at the top says, but: ${others.join("; ")}.\n\n${fresh.text}`;
  const section = { title: fresh.title, text };
  const at = sections.findIndex(({ title }) => title === fresh.title);
  if (at >= 0) return { head, sections: sections.with(at, section) };
  const place = titles.indexOf(fresh.title);
  const next = sections.findIndex(({ title }) => place >= 0 && titles.indexOf(title) > place);
  return { head, sections: sections.toSpliced(next < 0 ? sections.length : next, 0, section) };
}

/** The text of a results file. */
export function formatReport({ head, sections }: Report): string {
  return [head, ...sections.flatMap(({ title, text }) => [`## ${title}`, text])].join("\n\n") +
    "\n";
}

/** Puts a section into a results file. */
export async function writeReport(
  path: string,
  measured: Measured,
  titles: readonly string[],
  fresh: Written,
): Promise<void> {
  const old = parseReport(await Deno.readTextFile(path).catch(() => ""));
  await Deno.writeTextFile(path, formatReport(withSection(old, measured, titles, fresh)));
  await runDeno("fmt", path);
}
