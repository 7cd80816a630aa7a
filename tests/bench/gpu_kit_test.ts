import assert from "node:assert/strict";
import { join } from "node:path";
import { boundedTests } from "../../bench/gpu/gpu_tests.ts";
import { compareScores } from "../../bench/gpu/layers_section.ts";
import { importedPackages, programsOf } from "../../bench/gpu/pack.ts";
import { earlierResults, factsOf, type Results, withStep } from "../../bench/gpu/results.ts";
import { lackOf, planOf } from "../../bench/gpu/run.ts";
import { LineReader, runStep, type StepResult } from "../../bench/gpu/run_step.ts";
import { sectionsOf } from "../../bench/gpu/sections.ts";
import { parseShape } from "../../bench/gpu/layers_model.ts";
import { largeShape, type Step, stepsOf } from "../../bench/gpu/steps.ts";
import { run } from "../../tools/command.ts";
import { gpuTest } from "../adapter.ts";

const settings = {
  quick: false,
  work: "nowhere",
  python: "python3",
  shape: largeShape,
  hasPyTorch: false,
};
const none: Results = { software: false, machine: [], features: [], commit: "abc", steps: [] };
const done: StepResult = { name: "doctor", state: "done", seconds: 1, rows: [], sections: [] };
const onGpu: Results = { ...none, adapter: "A card", pytorch: "2.0 on A card" };

function kit(...args: string[]) {
  const program = ["run", "--allow-all", "--no-check", "bench/gpu/run.ts"];
  return run(Deno.execPath(), [...program, ...args, "--python", "no-such-python"], {
    env: { NO_COLOR: "1", NODEVICE_SELECT: "1" },
  });
}

Deno.test("steps that are done are not run again, unless they are asked for by name", () => {
  const steps = stepsOf(settings);
  const results = withStep(onGpu, done, steps.map(({ name }) => name));
  const plan = planOf(steps, results, undefined);
  assert.equal(plan.length, steps.length);
  assert.deepEqual(
    plan.filter(({ skip }) => skip !== undefined).map(({ step, skip }) => [
      step.name,
      skip,
    ]),
    [["doctor", "done before"]],
  );
  assert.equal(planOf(steps, results, ["doctor"])[0]!.skip, undefined);
  assert.throws(() => planOf(steps, results, ["docter"]), /--steps takes doctor, kernels, layers/);
});

Deno.test("a machine without a GPU or PyTorch leaves out the steps that need them", () => {
  const steps = stepsOf(settings);
  const left = steps.map((step) => lackOf(step, { adapter: "A card" }));
  assert.deepEqual(
    steps.filter((_, i) => left[i] !== undefined).map(({ name }) => name),
    ["pytorch"],
  );
  assert.ok(steps.every((step) => lackOf(step, none) !== undefined));
});

Deno.test("every measurement of Assay is pinned to the GPU, and none is of what goes without", () => {
  const commands = stepsOf(settings).flatMap((step) => step.commands());
  for (const command of commands.filter((words) => words.includes("bench/bench.ts"))) {
    assert.match(command.join(" "), / --backend gpu /);
    assert.doesNotMatch(command.join(" "), /without_gpu/);
  }
});

Deno.test("a step that takes too long is ended, its children too, and what it told is kept", async () => {
  const told = '{"row":"ceiling","gigaflops":7}';
  const step: Step = {
    name: "slow",
    does: "",
    limit: 60,
    needs: [],
    commands: () => [["bash", "-c", `echo '${told}'; echo noise >&2; sleep 50 & wait`]],
  };
  const lines: string[] = [];
  const start = performance.now();
  const result = await runStep(step, { limit: 1, log: (line) => lines.push(line) });
  assert.ok(performance.now() - start < 30_000);
  assert.equal(result.state, "cut off");
  assert.deepEqual(result.rows, [{ row: "ceiling", gigaflops: 7 }]);
  assert.deepEqual(lines.toSorted(), ["noise", told]);
});

Deno.test("a step of several commands ends with the first that fails", async () => {
  const commands = () => [["true"], ["bash", "-c", "exit 3"], ["bash", "-c", `echo '{"row":1}'`]];
  const step: Step = { name: "three", does: "", limit: 60, needs: [], commands };
  const { state, reason, rows } = await runStep(step, { limit: 60, log: () => {} });
  assert.deepEqual({ state, reason, rows }, {
    state: "failed",
    reason: "exit status 3",
    rows: [],
  });
});

Deno.test("tests of the processor's engines are left out, and no others", () => {
  const taken = new RegExp(boundedTests(false)[1]!.slice(1, -1));
  for (
    const name of [
      "rope equals its CPU twin on random shapes (tiled)",
      "one that was slow",
      "positions",
      "the same bits in all packs",
    ]
  ) assert.match(name, taken);
  for (const name of ["rope equals its twin (wasm, 2 threads)", "hidden states on the CPU twins"]) {
    assert.doesNotMatch(name, taken);
  }
});

Deno.test("lines of tests are counted, and other lines are left alone", () => {
  const reader = new LineReader();
  const lines = ["a ... ok (3ms)", "b: c ... FAILED (1ms)", "d ... ignored (0ms)", "  e ... ok"];
  assert.deepEqual(lines.map((line) => reader.read(line)), [true, true, true, false]);
  assert.equal(reader.read('{"row":"ceil'), false);
  assert.equal(reader.read('{"score":1}'), false);
  assert.deepEqual(reader.rows, [{ row: "tests", passed: 1, ignored: 1, failed: ["b: c"] }]);
});

Deno.test("results are gone on from on the same adapter at the same commit alone", async () => {
  const folder = await Deno.makeTempDir();
  const file = join(folder, "results.json");
  try {
    assert.equal(await earlierResults([file], onGpu), undefined);
    await Deno.writeTextFile(file, JSON.stringify({ ...onGpu, steps: [done] }));
    const same = await earlierResults([file], onGpu);
    assert.deepEqual((same as Results).steps, [done]);
    assert.match(await earlierResults([file], { ...onGpu, commit: "d" }) as string, /at abc/);
    assert.match(await earlierResults([file], { ...onGpu, adapter: "B" }) as string, /A card/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("scores are the same within a tolerance, and one that is missing or no number is not", () => {
  assert.equal(compareScores([0.5, 20], [0.50009, 20.0019]).ok, true);
  assert.equal(compareScores([0.5], [0.5002]).ok, false);
  assert.equal(compareScores([0.5, 1], [0.5]).ok, false);
  assert.equal(compareScores([NaN], [0.5]).ok, false);
});

Deno.test("what a run found becomes sections: ratios, shares, and what is wrong", () => {
  const config = {
    num_hidden_layers: 1,
    hidden_size: 4096,
    intermediate_size: 8192,
    num_attention_heads: 32,
    num_key_value_heads: 8,
  };
  const one = { count: 1, tokens: 512 };
  const scores = [1.5];
  const kernels = [{ kernel: "matmul_tiled 8×64×1", count: 2, milliseconds: 30 }];
  const steps: StepResult[] = [
    {
      ...done,
      name: "kernels",
      rows: [
        { row: "ceiling", gigaflops: 100 },
        { row: "tried", kernel: "rope", set: "tiled", trials: 2, largest: 1, failure: "is wrong" },
        {
          row: "timed",
          kernel: "matmul",
          set: "tiled",
          shape: [1, 2],
          tile: "64x64x64",
          milliseconds: 1,
          unit: "operations",
          amount: 5e7,
        },
      ],
    },
    {
      ...done,
      name: "layers",
      rows: [
        { row: "model", kernels: "tiled", seconds: 1, config },
        { row: "case", ...one, scores, milliseconds: [200, 220, 240] },
        { row: "profile", ...one, wall: 220, kernels, milliseconds: 30, span: 31, untimed: 0 },
      ],
    },
    {
      ...done,
      name: "pytorch",
      rows: [
        { row: "pytorch", engine: "PyTorch 2, f32", ...one, milliseconds: 110, scores: [1.6] },
        { row: "pytorch", engine: "PyTorch 2, bf16", ...one, error: "out of memory" },
      ],
    },
    { ...done, name: "lengths", sections: [{ title: "Cost against length", text: "t" }] },
  ];
  const sections = sectionsOf({ ...onGpu, steps });
  const [checks, layers, times, bench] = sections.map(({ text }) => text);
  assert.match(checks!, /\*\*rope, `tiled`\*\*: is wrong/);
  assert.match(sections[1]!.title, /^A Llama-8B's layers: 1 layers × 4096/);
  assert.match(layers!, /\| 1 × 512 \| 220 \(200–240\) .* \| 110 \(2\.00\) \| out of memory \|/);
  assert.match(layers!, /PyTorch 2, f32: NOT the same/);
  assert.match(layers!, /Not to be believed/);
  assert.match(
    times!,
    /\| matmul \| `tiled` \| 1×2 \| 64x64x64 \| 1\.00 \| 50\.0 GFLOP\/s \| 50\.0 %/,
  );
  assert.equal(bench, "t");
});

Deno.test("a shape of layers is read, and refused where it is none", () => {
  const { shape, cases } = parseShape("2,64,128,4,2:1x32,3×16");
  assert.deepEqual([shape.layers, shape.hidden, shape.heads, shape.keyHeads], [2, 64, 4, 2]);
  assert.deepEqual(cases.map(({ ids }) => ids.map((one) => one.length)), [[32], [16, 16, 16]]);
  assert.throws(() => parseShape("2,64,128,4:1x32"), /key heads/);
  assert.throws(() => parseShape("2,64,128,4,2:1x"), /no such case: "1x"/);
});

Deno.test("what the steps run is packed, and nothing of what they don't", () => {
  const files = ["mod.ts", "src/a.ts", "src/a.wgsl", "tests/ops/a_test.ts", "tests/cli/b_test.ts"];
  assert.deepEqual(programsOf(files), ["mod.ts", "src/a.ts", "tests/ops/a_test.ts"]);
  const of = (name: string, ...dependencies: string[]) => ({
    name,
    version: "1.0.0",
    dependencies,
  });
  const info = {
    modules: [{}, { npmPackage: "a@1" }],
    npmPackages: {
      "a@1": of("a", "@b/c@1", "typescript@1"),
      "typescript@1": of("typescript"), // a peer of types alone
      "@b/c@1": of("@b/c", "a@1"),
      "big@1": of("big"),
    },
  };
  assert.deepEqual([...importedPackages(info)], ["a/1.0.0", "@b/c/1.0.0"]);
});

Deno.test("a machine that could not be looked at has nothing", () => {
  const { adapter, software, pytorch, features } = factsOf([]);
  assert.deepEqual([adapter, software, pytorch, features], [undefined, false, undefined, []]);
});

Deno.test("without a GPU the kit says what it would do, and what is missing", async () => {
  const out = await Deno.makeTempDir();
  try {
    const { code, output } = await kit("--dry-run", "--out", out);
    assert.equal(code, 0, output);
    assert.match(output, /PyTorch: none/);
    assert.match(output, /^ {2}kernels +(180 s at most|no WebGPU adapter) +holds every kernel/m);
    assert.match(output, /^ {2}pytorch +no Python with PyTorch/m);
    const wrong = await kit("--minutes", "soon");
    assert.equal(wrong.code, 2, wrong.output);
  } finally {
    await Deno.remove(out, { recursive: true });
  }
});

gpuTest(
  "the kit runs in tiny sizes: kernels, layers, their report, and goes on from there",
  async () => {
    const out = await Deno.makeTempDir();
    try {
      const { code, output } = await kit("--quick", "--steps", "kernels,layers", "--out", out);
      assert.equal(code, 0, output);
      const results: Results = JSON.parse(await Deno.readTextFile(join(out, "results.json")));
      assert.deepEqual(results.steps.map(({ name, state }) => [name, state]), [
        ["kernels", "done"],
        ["layers", "done"],
      ]);
      const profiles = results.steps[1]!.rows.filter((row) => row.row === "profile");
      assert.equal(profiles.length, 2);
      for (const { kernels, untimed } of profiles) {
        assert.ok(kernels.some(({ kernel }) => kernel.startsWith("matmul_")));
        assert.equal(untimed, 0);
      }
      const report = await Deno.readTextFile(join(out, "report.md"));
      assert.match(report, /^\| rms_norm \| `tiled` \| 512×2048 \|/m);
      assert.match(report, /^## Layers: 2 layers × 64/m);
      assert.match((await kit("--dry-run", "--quick", "--out", out)).output, /layers +done before/);
    } finally {
      await Deno.remove(out, { recursive: true });
    }
  },
);
