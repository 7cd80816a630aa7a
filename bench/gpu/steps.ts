import { join } from "node:path";
import { boundedTests } from "./gpu_tests.ts";

/** What a step can't do without. */
export type Need = "adapter" | "pytorch";

/** One thing that the kit does, in processes of its own. */
export interface Step {
  readonly name: string;
  readonly does: string;
  /** Most seconds that it may take. */
  readonly limit: number;
  readonly needs: readonly Need[];
  /** Commands, one after another; asked for when the step begins. */
  commands(): string[][];
  /** The results file that the bench writes, section by section. */
  readonly sections?: string;
}

/** Where and how the steps work. */
export interface StepSettings {
  /** Tiny sizes, to see that everything runs; fit for a software adapter. */
  readonly quick: boolean;
  /** The folder of what is made on the way. */
  readonly work: string;
  /** The Python that has PyTorch. */
  readonly python: string;
  /** The layers' shape and cases, as `layers_model.ts` takes them. */
  readonly shape: string;
  /** Whether that Python has PyTorch. */
  readonly hasPyTorch: boolean;
}

/** A Llama-8B's layers; 8 of them, so that their weights are made and loaded in seconds. */
export const largeShape = "8,4096,14336,32,8:1x512,1x2048,16x128,8x512";
/** A shape that takes no time. */
export const tinyShape = "2,64,128,4,2:1x32,2x16";

/** Deno as this program was started, for a program of the repository. */
export function denoRun(...args: readonly string[]): string[] {
  return [Deno.execPath(), "run", "--allow-all", "--no-check", "--cached-only", ...args];
}

/** The bench's sections: a limit, and how many rounds are enough. */
const benchSteps: Readonly<Record<string, { does: string; limit: number; rounds: number }>> = {
  ceilings: { does: "products with each tile, and the machine's ceilings", limit: 120, rounds: 2 },
  same_adapter: { does: "ONNX Runtime Web on the same adapter", limit: 90, rounds: 3 },
  lengths: { does: "cost against length and batch", limit: 100, rounds: 3 },
  best_of_eight: { does: "responses that share a prompt", limit: 60, rounds: 3 },
  products: { does: "the product alone, beside other libraries", limit: 100, rounds: 3 },
  serving: { does: "requests of many clients", limit: 120, rounds: 2 },
};

function benchStep(name: keyof typeof benchSteps, { quick, work }: StepSettings): Step {
  const { does, limit, rounds } = benchSteps[name]!;
  const file = join(work, `${name}.md`);
  const section = name === "ceilings" ? "kernels" : name;
  const options = ["--only", section, "--backend", "gpu", "--results", file];
  const size = quick ? ["--quick"] : ["--rounds", String(rounds)];
  const models = ["--models", join(work, "models")];
  const engines = name === "same_adapter" ? ["--engines", "ONNX Runtime Web"] : []; // what is packed
  return {
    name,
    does: `bench: ${does}`,
    limit,
    needs: ["adapter"],
    commands: () => [denoRun("bench/bench.ts", ...options, ...engines, ...size, ...models)],
    sections: file,
  };
}

/** The model's files, where they are not there yet. */
function layersModel({ work, shape, hasPyTorch, python }: StepSettings): string[][] {
  const folder = join(work, "layers");
  try {
    Deno.statSync(join(folder, "complete"));
    return [];
  } catch {
    const make = denoRun("bench/gpu/layers_model.ts", folder, shape);
    const weights = [python, "bench/gpu/pytorch_layers.py", "make", folder];
    return [
      ...(hasPyTorch ? [make, weights] : [[...make, "--weights"]]),
      ["touch", join(folder, "complete")],
    ];
  }
}

/** The steps, the most valuable first: the time may end before they do. */
export function stepsOf(settings: StepSettings): Step[] {
  const { quick, work, python } = settings;
  const layers = join(work, "layers");
  const bench = (name: keyof typeof benchSteps): Step => benchStep(name, settings);
  const few = quick ? ["--trials", "2", "softmax_gate", "rms_norm"] : [];
  return [
    {
      name: "doctor",
      does: "checks the adapter, its limits, every kernel and tile",
      limit: 90,
      needs: ["adapter"],
      commands: () => [denoRun("src/cli/main.ts", "doctor", "--bench", "--format", "jsonl")],
    },
    {
      name: "kernels",
      does: "holds every kernel against its CPU twin and times it",
      limit: 180,
      needs: ["adapter"],
      commands: () => [denoRun("bench/gpu/kernels.ts", ...few)],
    },
    {
      name: "layers",
      does: "a Llama-8B's layers: times, the same bits alone and in company, each kernel's share",
      limit: 200,
      needs: ["adapter"],
      commands: () => [...layersModel(settings), denoRun("bench/gpu/layers.ts", layers)],
    },
    {
      name: "pytorch",
      does: "PyTorch on those layers: times and scores",
      limit: 150,
      needs: ["pytorch"],
      commands: () => [
        ...layersModel(settings),
        [python, "bench/gpu/pytorch_layers.py", "run", layers],
      ],
    },
    bench("same_adapter"),
    bench("ceilings"),
    {
      name: "matrix_unit",
      does: "products on matrix units by Dawn, where it is packed: trials, times beside the tiles'",
      limit: 90,
      needs: ["adapter"],
      commands: () => [denoRun("--no-lock", "bench/gpu/matrix_unit.ts")], // no lock file lists Dawn
    },
    {
      name: "tests",
      does: "the tests of kernels, models and memory",
      limit: 240,
      needs: ["adapter"],
      commands: () => [[
        Deno.execPath(),
        ...["test", "--allow-all", "--no-check", "--cached-only"],
        ...boundedTests(quick),
      ]],
    },
    bench("lengths"),
    bench("best_of_eight"),
    bench("products"),
    bench("serving"),
  ];
}
