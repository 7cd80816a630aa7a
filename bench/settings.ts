import { parseArgs } from "node:util";
import type { LoadOptions } from "../mod.ts";

/** What to measure, and how long. */
export interface Settings {
  /** Sections to run, by name; all by default. */
  readonly sections: readonly string[] | undefined;
  /** Engines to run, by a part of their name; all by default. */
  readonly engines: readonly string[] | undefined;
  /** Measurements of each kind, of which the median is taken. */
  readonly rounds: number;
  /** Layers of the random model. */
  readonly layers: number;
  /** Tokens of the sequence that all engines score. */
  readonly tokens: number;
  /** Tiny sizes, to see that everything runs. */
  readonly quick: boolean;
  /** Where the models stay; by default a temporary folder that goes at the end. */
  readonly models: string | undefined;
  /** The backend of Assay where a section names none; what `auto` takes by default. */
  readonly backend: LoadOptions["backend"];
  /** The results file; by default the adapter's own. */
  readonly results: string | undefined;
  /** Whether the results file is left as it is. */
  readonly dry: boolean;
  /** The command line, for the record; where files lie is nobody's business. */
  readonly command: string;
}

/** What `--help` prints. */
export const usage = `Usage: deno task bench [options]

Measures Assay beside other engines, in turns, and writes bench/RESULTS.md, or
bench/RESULTS.<adapter>.md on a GPU.

  --quick            tiny sizes and one round, nothing written: does it all run?
  --only NAMES       sections to measure, with commas between; the file keeps the others
  --engines NAMES    engines to measure, by parts of their names, with commas between
  --rounds N         measurements of each kind (default 5)
  --layers N         layers of the random model (default 12)
  --tokens N         tokens of the sequence that all engines score (default 256)
  --models FOLDER    keep the models here and use them again
  --backend NAME     gpu, wasm or cpu for Assay where a section names none (default auto)
  --results FILE     the file to write
  --dry              print, but leave the results as they are
  --list             name the sections
  --help             this text

The environment variable ASSAY_BENCH_PYTHON names a Python with torch and transformers; without it
PyTorch is left out.
`;

/** Reads the command line; `help` and `list` are answered by the caller. */
export function readSettings(args: readonly string[]): Settings & { help: boolean; list: boolean } {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string" },
      engines: { type: "string" },
      rounds: { type: "string" },
      layers: { type: "string" },
      tokens: { type: "string" },
      models: { type: "string" },
      backend: { type: "string" },
      results: { type: "string" },
      dry: { type: "boolean", default: false },
      list: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const { quick, backend } = values;
  if (backend !== undefined && !["auto", "gpu", "wasm", "cpu"].includes(backend)) {
    throw new TypeError(`--backend takes auto, gpu, wasm or cpu; found ${backend}`);
  }
  const count = (name: "rounds" | "layers" | "tokens", usual: number, small: number): number => {
    const value = values[name] === undefined ? quick ? small : usual : Number(values[name]);
    if (Number.isSafeInteger(value) && value > 0) return value;
    throw new TypeError(`--${name} takes a whole number from 1 on`);
  };
  return {
    sections: values.only?.split(","),
    engines: values.engines?.split(","),
    rounds: count("rounds", 5, 1),
    layers: count("layers", 12, 1),
    tokens: count("tokens", 256, 64),
    quick,
    models: values.models,
    backend: backend as LoadOptions["backend"],
    results: values.results,
    dry: values.dry || quick,
    command: ["deno task bench", ...args].join(" ").replaceAll(/ --(models|results)[ =]\S+/g, ""),
    help: values.help,
    list: values.list,
  };
}
