import type { ModelFiles } from "./models/model_files.ts";
import type { Settings } from "./settings.ts";

/** What a section measures with. */
export interface Bench {
  readonly settings: Settings;
  readonly files: ModelFiles;
  /** The folder of the peers' packages. */
  readonly packages: string;
  /** Cores of this machine. */
  readonly cores: number;
  /** Bits of the vectors that Assay has a software adapter compute with; undefined for others. */
  readonly vectorBits: number | undefined;
  readonly onProgress: (text: string) => void;
}

/** One part of a results file. */
export interface Section {
  readonly title: string;
  /** Measures, and returns Markdown. */
  measure(bench: Bench): Promise<string>;
}

/** A Markdown table. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [head, head.map(() => "---"), ...rows].map(line).join("\n");
}
