/** What the programs of the kit print: a line of JSON each. */
import type { Check } from "../../src/tasks/machine_check.ts";
import type { DispatchTimes } from "./dispatch_times.ts";

/** Something that is known of the machine; `null` where it has none. */
export interface FactRow {
  readonly row: "fact";
  readonly fact: "adapter" | "software" | "features" | "machine" | "driver" | "pytorch";
  readonly value: string | boolean | readonly string[] | null;
}

/** A line of `doctor`. */
export type DoctorRow = Check & { readonly row?: undefined };

/** A kernel's trials, or a time, or what a loop of multiply-adds over registers reaches. */
export type KernelRow =
  | { readonly row: "ceiling"; readonly gigaflops: number }
  | {
    readonly row: "tried";
    readonly kernel: string;
    readonly set: string;
    readonly trials: number;
    readonly largest: number;
    readonly failure?: string;
  }
  | {
    readonly row: "timed";
    readonly kernel: string;
    readonly set: string;
    readonly shape: readonly number[];
    readonly tile: string | null;
    readonly milliseconds: number;
    readonly unit: "operations" | "bytes";
    readonly amount: number;
  };

/** Sizes in a model's `config.json`. */
export interface LayersConfig {
  readonly num_hidden_layers: number;
  readonly hidden_size: number;
  readonly intermediate_size: number;
  readonly num_attention_heads: number;
  readonly num_key_value_heads: number;
}

/** Assay on the layers. */
export type LayersRow =
  | {
    readonly row: "model";
    readonly kernels: string;
    readonly seconds: number;
    readonly config: LayersConfig;
  }
  | {
    readonly row: "case";
    readonly count: number;
    readonly tokens: number;
    readonly scores: readonly number[];
    readonly milliseconds: readonly number[];
  }
  | DispatchTimes & {
    readonly row: "profile";
    readonly count: number;
    readonly tokens: number;
    /** Milliseconds from text to scores of the very run whose kernels were timed. */
    readonly wall: number;
    readonly failure?: string;
  };

/** PyTorch on the layers. */
export interface PyTorchRow {
  readonly row: "pytorch";
  readonly engine: string;
  readonly count: number;
  readonly tokens: number;
  readonly milliseconds?: number;
  readonly scores?: readonly number[];
  readonly error?: string;
}

/** Tests so far. */
export interface TestsRow {
  readonly row: "tests";
  readonly passed: number;
  readonly ignored: number;
  readonly failed: readonly string[];
}

/** Any of them. */
export type Row = FactRow | DoctorRow | KernelRow | LayersRow | PyTorchRow | TestsRow;
