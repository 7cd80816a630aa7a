import assert from "node:assert/strict";
import { GpuBackend } from "../../src/ops/gpu_backend.ts";
import { Backbone } from "../../src/scoring/backbone.ts";
import { parityFolder } from "../golden/parity.ts";
import { testedKernelSets } from "../kernel_sets.ts";
import { testWhere } from "../requirement.ts";

const conversation = [
  { role: "user", content: "How much is 2+2? ".repeat(8) },
  { role: "assistant", content: "4" },
];

for (const { kernelSet, missing } of testedKernelSets) {
  testWhere(
    missing,
    `the layers' kernels are compiled when a model is loaded (${kernelSet} kernels)`,
    async () => {
      const names = [
        "llama",
        "qwen3",
        "gemma2",
        "gemma3",
        "mixtral",
        "qwen2_moe",
        "qwen3_moe",
        "qwen3_5",
        "bert",
        "gpt_neox",
        "modernbert",
        "deberta",
      ];
      for (const name of names) {
        using backbone = await Backbone.load(parityFolder(name), { kernels: kernelSet });
        const { backend } = backbone;
        assert.ok(backend instanceof GpuBackend);
        const { pipelines } = backend.device;
        const loaded = pipelines.size;
        assert.ok(loaded > 5);
        const [state] = await backbone.pooledStates([conversation]);
        assert.ok(state !== undefined && "states" in state);
        assert.ok(state.states.last![0]!.every(Number.isFinite));
        assert.equal(pipelines.size, loaded, name);
        assert.deepEqual(backend.device.uncapturedErrors, []);
      }
    },
  );
}
