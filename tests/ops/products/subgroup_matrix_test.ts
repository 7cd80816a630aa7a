/**
 * The kernel for matrix units with its matrix operations written out, since no adapter here has one: what
 * it reads, pads, adds and writes is held against the twin, and nothing is left to try but the unit itself.
 */
import assert from "node:assert/strict";
import { matmulSubgroupMatrixShader } from "../../../shaders/shaders.ts";
import { Device } from "../../../src/gpu/device.ts";
import { matrixUnitOf } from "../../../src/gpu/matrix_unit.ts";
import type { Shader } from "../../../src/gpu/shader_source.ts";
import { randomDraws, weightBytes } from "../../../src/ops/checks/draws.ts";
import { tolerance } from "../../../src/ops/checks/trials.ts";
import { CpuBackend } from "../../../src/ops/cpu_backend.ts";
import { GpuBackend } from "../../../src/ops/gpu_backend.ts";
import type { Backend } from "../../../src/ops/backend.ts";
import type { Matrix } from "../../../src/ops/matrix.ts";
import { matmul } from "../../../src/ops/matmul.ts";
import type { WeightType } from "../../../src/ops/weight.ts";
import { noHalf } from "../../kernel_sets.ts";
import { testWhere } from "../../requirement.ts";

const written: readonly (readonly [RegExp, string])[] = [
  [/^diagnostic.*$/m, ""],
  [/ {2}@builtin\(subgroup_id\) subgroup: u32,\n/, ""],
  [/(let down = )/, "let subgroup = lane / SUBGROUP;\n  let own = lane % SUBGROUP;\n  $1"],
  [/array<subgroup_matrix_result<[^>]*>/, "array<array<f32, MATRIX / SUBGROUP>"],
  [/subgroupMatrixLoad<[^]*?&\w+, ([^;]*), STRIDE\)/g, "$1"],
  [
    /(sums\[[^\]]*\]) = subgroupMatrixMultiplyAccumulate[^;]*;/,
    "for (var s = 0u; s < MATRIX / SUBGROUP; s += 1u) {\n" +
    "let at = own + s * SUBGROUP;\n" +
    "for (var k = 0u; k < MATRIX_K; k += 1u) {\n" +
    "$1[s] += f32(input_tile[left + at / MATRIX_N * STRIDE + k]) * " +
    "f32(weight_tile[right + at % MATRIX_N * STRIDE + k]);\n}\n}",
  ],
  [
    /subgroupMatrixStore<row_major>\(&sum_tile, ([^,]*), (sums\[[^\]]*\]), MATRIX_N\);/,
    "for (var s = 0u; s < MATRIX / SUBGROUP; s += 1u) {\n" +
    "sum_tile[$1 + own + s * SUBGROUP] = $2[s];\n}",
  ],
];

function writtenOut({ name, source }: Shader): Shader {
  let text = source;
  for (const [operation, plain] of written) {
    assert.match(text, operation);
    text = text.replace(operation, plain);
  }
  assert.doesNotMatch(text, /subgroupMatrix|subgroup_matrix_/);
  return { name, source: text };
}

async function openWritten(m: number, n: number, k: number): Promise<Device> {
  const device = await Device.open();
  Object.defineProperty(device, "matrixUnit", { value: { m, n, k } });
  Object.defineProperty(device, "subgroups", { value: { size: 16, enabledByDirective: false } });
  const { pipelines } = device;
  const plain = writtenOut(matmulSubgroupMatrixShader);
  const chosen = (shader: Shader): Shader => shader.name === plain.name ? plain : shader;
  const get = pipelines.get.bind(pipelines);
  pipelines.get = (shader, constants) => get(chosen(shader), constants);
  return device;
}

/** A product of random shape, with edges that no matrix divides. */
function productOf(backend: Backend, seed: number, type: WeightType): Matrix {
  const random = randomDraws(seed);
  const rows = random.integer(1, 90);
  const inner = 8 * random.integer(1, 20);
  const columns = random.integer(1, 150);
  const output = backend.upload(rows, columns, random.numbers(rows * columns));
  backend.run(matmul, {
    input: backend.upload(rows, inner, random.numbers(rows * inner)),
    weight: backend.weight(columns, inner, type, weightBytes(random, columns, inner, type)),
    bias: backend.upload(1, columns, random.numbers(columns)),
    accumulate: seed % 2 === 0,
    activation: seed % 3 === 0 ? "relu" : undefined,
    precision: "f16",
    output,
  });
  return output;
}

/** Sizes of matrices, and types of weights: a software adapter takes seconds to compile each. */
const cases: readonly (readonly [number, number, number, ...WeightType[]])[] = [
  [16, 16, 16, "BF16", "I4x32"],
  [8, 16, 32, "F32"],
];

for (const [m, n, k, ...types] of cases) {
  testWhere(noHalf, `products on matrices of ${m}×${n}×${k} equal their twin`, async () => {
    const device = await openWritten(m, n, k);
    using gpu = new GpuBackend(device, "tiled", undefined, undefined, "f16");
    assert.equal(gpu.kernels, "matrix-dawn");
    using cpu = new CpuBackend();
    for (const [seed, type] of types.entries()) {
      const [actual] = await gpu.read([productOf(gpu, seed, type)]);
      const [expected] = await cpu.read([productOf(cpu, seed, type)]);
      const size = expected!.reduce((most, x) => Math.max(most, Math.abs(x)), 1e-3);
      const differences = expected!.map((x, i) => Math.abs(x - actual![i]!) / size);
      assert.ok(differences.every((difference) => difference <= tolerance), type);
    }
    assert.deepEqual(device.uncapturedErrors, []);
  });
}

Deno.test("a matrix unit is the largest that an adapter lists and the kernel divides", () => {
  const unit = (M: number, N: number, K: number, resultComponentType = "f32") => (
    { componentType: "f16", resultComponentType, M, N, K }
  );
  const of = (size: number, ...subgroupMatrixConfigs: unknown[]) =>
    matrixUnitOf({ subgroupMatrixConfigs } as unknown as GPUAdapterInfo, size);
  assert.deepEqual(of(32, unit(16, 8, 16), unit(16, 16, 16), unit(64, 64, 16)), {
    m: 16,
    n: 16,
    k: 16,
  });
  assert.equal(of(32, unit(16, 16, 16, "f16")), undefined);
  assert.equal(of(0, unit(16, 16, 16)), undefined);
  assert.equal(matrixUnitOf({} as GPUAdapterInfo, 32), undefined);
});
