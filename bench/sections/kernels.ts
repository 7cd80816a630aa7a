import { Device } from "../../src/gpu/device.ts";
import { chooseKernelSet, type KernelSet } from "../../src/gpu/kernel_set.ts";
import { runDeno } from "../../tools/command.ts";
import { processorCeiling } from "../ceilings/processor.ts";
import type { AttentionShape, SpeedRequest, Speeds } from "../kernel_speeds.ts";
import type { ProductShape } from "../peers/serve.ts";
import { type Bench, type Section, table } from "../section.ts";
import { formatSpread, spread } from "../statistics.ts";
import { productName, productOperations, productShapes, quickShape } from "./products.ts";

const kernelSets: readonly KernelSet[] = ["tiled", "texture"];

/** The kernels alone, by the device's own clock, beside the machine's ceilings. */
export const kernels: Section = {
  title: "Kernels and ceilings",

  async measure(bench) {
    const ceilings = await measureCeilings(bench);
    const { taken, text } = await measureKernelSets(bench);
    return [
      "Ceilings, measured here: " + ceilings + ".",
      "The kernels of both kernel sets, on bf16 weights, GFLOP/s, by the device's own clock, on a " +
      "software adapter by how long a readback waits for them (its clock stands still during some): the " +
      "product with each tile (rows × columns × lanes of a workgroup; the first is taken where none was " +
      `timed), and causal attention; median (least–most) of ${bench.settings.rounds} rounds. Assay ` +
      `takes \`${taken}\` on this adapter.`,
      text,
    ].join("\n\n");
  },
};

async function measureCeilings({ settings: { rounds }, files, onProgress }: Bench) {
  const processor = await processorCeiling(files.folder);
  const onProcessor: number[] = [];
  const onAdapter: number[] = [];
  let bits = 0;
  for (let round = 1; round <= rounds; round++) {
    onProgress(`round ${round} of ${rounds}, ceilings`);
    const ceiling = await processor?.();
    if (ceiling !== undefined) onProcessor.push(ceiling.gigaflops);
    bits = ceiling?.bits ?? bits;
    const { ok, output } = await runDeno("run", "--allow-all", "bench/ceilings/adapter.ts");
    if (ok) onAdapter.push(Number(output.trim().split("\n").at(-1)));
  }
  const shown = (numbers: number[]): string =>
    numbers.length === 0 ? "not measured" : `${formatSpread(spread(numbers))} GFLOP/s`;
  return `${bits || "256"}-bit fused multiply-add on all cores ${shown(onProcessor)}; a loop of ` +
    `multiply-adds over registers on the WebGPU adapter ${shown(onAdapter)}`;
}

const attentionShape: AttentionShape = { tokens: 512, heads: 12, keyHeads: 12, headDim: 64 };

/** A feed-forward product of an 8 billion parameter model, for adapters that are up to it. */
const largeShape: ProductShape = { rows: 2048, columns: 14336, inner: 4096 };

/** A software adapter takes minutes for the large shapes with kernels that are not made for it. */
const mostOperations = 2e9;

async function measureKernelSets(bench: Bench): Promise<{ taken: string; text: string }> {
  const { settings: { rounds, quick }, onProgress } = bench;
  const taken = await kernelSetTaken();
  const shapes = taken === "tiled" ? [...productShapes, largeShape] : productShapes;
  const measured = quick ? [quickShape] : shapes;
  const requests = kernelSets.map((kernelSet): SpeedRequest => ({
    kernelSet,
    type: "BF16",
    products: taken === "texture" && kernelSet === "tiled"
      ? measured.filter((shape) => productOperations(shape) <= mostOperations)
      : measured,
    attention: attentionShape,
  }));
  const found: (Speeds | undefined)[][] = requests.map(() => []);
  for (let round = 1; round <= rounds; round++) {
    for (const [i, request] of requests.entries()) {
      onProgress(`round ${round} of ${rounds}, ${request.kernelSet} kernels`);
      found[i]!.push(await speedsOf(request));
    }
  }
  const tables = requests.map((request, i) =>
    kernelSetTable(request, found[i]!.filter((speeds) => speeds !== undefined))
  );
  return { taken, text: tables.join("\n\n") };
}

async function kernelSetTaken(): Promise<string> {
  using device = await Device.open();
  return chooseKernelSet(device);
}

async function speedsOf(request: SpeedRequest): Promise<Speeds | undefined> {
  const program = ["run", "--allow-all", "bench/kernel_speeds.ts", JSON.stringify(request)];
  const { ok, output } = await runDeno(...program);
  return ok ? JSON.parse(output.trim().split("\n").at(-1)!) : undefined;
}

function kernelSetTable({ kernelSet, products }: SpeedRequest, found: readonly Speeds[]): string {
  if (found.length === 0) return `\`${kernelSet}\`: not measured.`;
  const tiles = Object.keys(found[0]!.products[0] ?? {});
  const rows = products.map((shape, i) => [
    productName(shape),
    ...tiles.map((tile) => formatSpread(spread(found.map((speeds) => speeds.products[i]![tile]!)))),
  ]);
  const { tokens, heads, headDim } = attentionShape;
  const attention = formatSpread(spread(found.map((speeds) => speeds.attention)));
  return [
    table([`\`${kernelSet}\`, rows × columns × inner`, ...tiles], rows),
    `Attention, ${tokens} tokens, ${heads} heads of ${headDim}: ${attention}.`,
  ].join("\n\n");
}
