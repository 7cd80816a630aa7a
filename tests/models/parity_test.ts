import assert from "node:assert/strict";
import { Checkpoint } from "../../src/checkpoint/checkpoint.ts";
import { Device } from "../../src/gpu/device.ts";
import { planBackbone } from "../../src/models/families.ts";
import type { BackbonePlan } from "../../src/models/family.ts";
import type { TokenPack } from "../../src/models/token_pack.ts";
import { CpuBackend } from "../../src/ops/cpu_backend.ts";
import { GpuBackend } from "../../src/ops/gpu_backend.ts";
import { WasmBackend } from "../../src/ops/wasm_backend.ts";
import type { Backend } from "../../src/ops/backend.ts";
import type { Matrix } from "../../src/ops/matrix.ts";
import { Engine } from "../../src/wasm/engine.ts";
import {
  type GoldenConversation,
  goldenConversations,
  type GoldenStates,
  goldenStates,
  hasOwnBackbone,
  parityFolder,
  parityModels,
  parityTolerance,
} from "../golden/parity.ts";
import { testedKernelSets } from "../kernel_sets.ts";
import { testWhere } from "../requirement.ts";

for (const model of parityModels) {
  // Compiling shaders takes most of the time: of backbones that are another folder's too, once is enough.
  for (const { kernelSet, missing } of hasOwnBackbone(model) ? testedKernelSets : []) {
    const name = `hidden states of ${model} equal the reference's after every layer (${kernelSet})`;
    testWhere(missing, name, async () => {
      using backend = new GpuBackend(await Device.open(), kernelSet);
      await compareLayers(model, backend);
      assert.deepEqual(backend.device.uncapturedErrors, []);
    });
  }

  Deno.test(`hidden states of ${model} equal the reference's (wasm)`, async () => {
    using backend = new WasmBackend(await Engine.open({ threads: 2 }));
    await compareLayers(model, backend);
  });

  Deno.test(`hidden states of ${model} equal the reference's on the CPU twins`, async () => {
    using backend = new CpuBackend();
    await compareLayers(model, backend);
  });
}

async function compareLayers(model: string, backend: Backend): Promise<void> {
  using checkpoint = await Checkpoint.open(parityFolder(model));
  const plan = planBackbone(checkpoint);
  using layers = await plan.load(checkpoint, backend, { resident: true, feedForwardRows: 64 });
  const conversations = await goldenConversations(model);
  const { hiddenStates: bound } = await parityTolerance(model);
  for (const [name, golden] of await goldenStates(model)) {
    const conversation = conversations.find((conversation) => conversation.name === name)!;
    const { pack, last } = packOf(conversation);
    const [final] = await layers.hiddenStates([pack], {
      observer: async (layer, [hidden]) => {
        const [numbers] = await backend.read([hidden!]);
        // The last layer keeps the pooled row alone.
        const rows = layer === plan.layers - 1 ? [last] : golden.positions;
        for (const row of rows) {
          const at = layer === plan.layers - 1 ? 0 : row;
          const actual = stateOf(hidden!, numbers!, at, plan)
            .map((number) => number * (plan.streamScale ?? 1));
          const expected = goldenRow(golden, layer + 1, row);
          assertClose(actual, expected, bound, `layer ${layer}, row ${row}`);
        }
      },
    });
    const [numbers] = await backend.read([final!]);
    backend.release(final!);
    const actual = stateOf(final!, numbers!, 0, plan);
    assertClose(actual, goldenRow(golden, plan.layers + 1, last), bound, "final norm");
  }
}

function packOf(conversation: GoldenConversation): { pack: TokenPack; last: number } {
  const ids = Uint32Array.from(conversation.ids);
  const { token_type_ids: segments } = conversation;
  const types = segments && Uint32Array.from(segments);
  const spans = new Uint32Array(4 * ids.length);
  for (let position = 0; position < ids.length; position++) spans[4 * position] = position;
  const last = ids.length - 1;
  const lengths = new Uint32Array(ids.length).fill(ids.length);
  return { pack: { ids, types, spans, lengths, pooled: Uint32Array.of(last) }, last };
}

/** A hidden state; the columns after it, where sizes are padded, must hold zeros. */
function stateOf(
  { columns }: Matrix,
  numbers: Float32Array,
  row: number,
  { hiddenSize }: BackbonePlan,
): Float32Array {
  const whole = rowOf(numbers, row, columns);
  assert.ok(whole.subarray(hiddenSize).every((x) => x === 0), "padding holds numbers");
  return whole.subarray(0, hiddenSize);
}

function rowOf(numbers: Float32Array, row: number, columns: number): Float32Array {
  return numbers.subarray(row * columns, (row + 1) * columns);
}

function goldenRow({ positions, shape, states }: GoldenStates, layer: number, row: number) {
  const [, count, hidden] = shape as [number, number, number];
  const index = positions.indexOf(row);
  assert.ok(index >= 0, `row ${row} was not recorded`);
  return rowOf(states, layer * count + index, hidden);
}

/** Within `bound` of the reference, relative to the largest number of the row. */
function assertClose(
  actual: Float32Array,
  expected: Float32Array,
  bound: number,
  where: string,
): void {
  const size = expected.reduce((largest, x) => Math.max(largest, Math.abs(x)), 0);
  actual.forEach((x, i) => {
    const difference = Math.abs(x - expected[i]!) / size;
    assert.ok(difference <= bound, `${where}, column ${i}: relative difference ${difference}`);
  });
}
