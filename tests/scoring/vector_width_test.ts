/** Mesa's software adapter with vectors of 256 and of 512 bits, each in a process of its own. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { describeAdapter, findAdapter } from "../../src/gpu/adapter.ts";
import {
  processorHasWideVectors,
  softwareAdapterVariables,
} from "../../src/gpu/software_adapter.ts";
import { testWhere } from "../requirement.ts";

const checkpoints = [
  "armo",
  "qwen3",
  "llama_f16",
  "mistral",
  "gemma2",
  "bert",
  "deberta",
  "mixtral",
  "qwen3_5",
].map((
  name,
) => `tests/golden/parity/${name}`);

async function missing(): Promise<string | undefined> {
  const adapter = await findAdapter();
  if (adapter === undefined) return "no WebGPU adapter on this machine";
  if (describeAdapter(adapter).vectorBits === undefined) return "the adapter is not lavapipe";
  return processorHasWideVectors() === true ? undefined : "this processor has no AVX-512";
}

interface Printed {
  readonly vectorBits: number;
  readonly scores: Record<string, (number | null)[]>;
}

/** Runs `print_scores.ts` with an empty shader cache. */
async function printScores(
  permissions: readonly string[],
  environment: Record<string, string>,
  models: readonly string[],
): Promise<Printed> {
  const cache = await Deno.makeTempDir();
  try {
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--quiet",
        "--no-prompt",
        ...permissions,
        fileURLToPath(new URL("print_scores.ts", import.meta.url)),
        ...models,
      ],
      env: {
        NODEVICE_SELECT: "1",
        LP_NATIVE_VECTOR_WIDTH: "",
        MESA_SHADER_CACHE_DIR: cache,
        ...environment,
      },
    }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
    return JSON.parse(new TextDecoder().decode(stdout));
  } finally {
    await Deno.remove(cache, { recursive: true });
  }
}

const reason = await missing();

testWhere(reason, "scores are the same bits with vectors of 256 and of 512 bits", async () => {
  const [narrow, wide] = await Promise.all(
    ["256", "512"].map((bits) =>
      printScores(["--allow-read"], { LP_NATIVE_VECTOR_WIDTH: bits }, checkpoints)
    ),
  );
  assert.deepEqual([narrow!.vectorBits, wide!.vectorBits], [256, 512]);
  const scores = Object.values(narrow!.scores).flat();
  assert.ok(scores.length === 12 * checkpoints.length && scores.every(Number.isFinite));
  assert.deepEqual(wide!.scores, narrow!.scores);
});

testWhere(
  reason,
  "512 bits are taken with permission for the variables, and only then",
  async () => {
    const [tiny] = checkpoints;
    const processor = await Deno.readTextFile("/proc/cpuinfo");
    const environment = { ASSAY_PROCESSOR: processor.split("\n").slice(0, 40).join("\n") };
    const granted = `--allow-env=${softwareAdapterVariables.join(",")}`;
    const permissions = [["--allow-read"], ["--allow-read", granted], ["--allow-all"]];
    const printed = await Promise.all(
      permissions.map((those) => printScores(those, environment, [tiny!])),
    );
    assert.deepEqual(printed.map(({ vectorBits }) => vectorBits), [256, 512, 512]);
  },
);
