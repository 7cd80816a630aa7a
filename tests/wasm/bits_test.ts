import assert from "node:assert/strict";
import type { Arithmetic } from "../../src/wasm/engine.ts";
import { fusesProducts } from "../../src/wasm/fused_products.ts";
import { testWhere } from "../requirement.ts";
import { openBackend, testedEngines } from "../wasm_engines.ts";
import { trialBits } from "./trial_bits.ts";

/** The digests of a process of its own, with flags of V8. */
async function bitsUnder(flags: string, options: object): Promise<Record<string, string>> {
  const program = new URL("./trial_bits.ts", import.meta.url).pathname;
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--allow-all", "--no-check", `--v8-flags=${flags}`, program],
      JSON.stringify(options),
    ],
    env: { NO_COLOR: "1" },
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

for (const arithmetic of ["relaxed", "strict"] satisfies Arithmetic[]) {
  const { missing } = testedEngines.find(({ name }) => name.includes(arithmetic))!;

  testWhere(
    missing,
    `every operation has the same bits with 1 and 3 threads, in memory that is shared or not (${arithmetic})`,
    async () => {
      using alone = await openBackend({ arithmetic, threads: 1 });
      const expected = await trialBits(alone);
      assert.equal(alone.engine.arithmetic, arithmetic);
      assert.deepEqual(await trialBits(alone), expected, "once more, by the optimising compiler");
      using three = await openBackend({ arithmetic, threads: 3 });
      assert.equal(three.engine.threads, 3);
      assert.deepEqual(await trialBits(three), expected, "3 threads");
      using unshared = await openBackend({ arithmetic, shared: false });
      assert.equal(unshared.engine.isShared, false);
      assert.deepEqual(await trialBits(unshared), expected, "unshared");
    },
  );

  testWhere(
    missing,
    `V8's baseline compiler has the same bits as its optimising one (${arithmetic})`,
    async () => {
      const options = { arithmetic, threads: 1 };
      const [baseline, optimising] = await Promise.all([
        bitsUnder("--liftoff-only", options),
        bitsUnder("--no-liftoff,--no-wasm-tier-up", options),
      ]);
      assert.deepEqual(baseline, optimising);
    },
  );
}

testWhere(
  fusesProducts() ? undefined : "relaxed multiply-add rounds twice here",
  "the two modules round differently where sums are long",
  async () => {
    using relaxed = await openBackend({ arithmetic: "relaxed", threads: 1 });
    using strict = await openBackend({ arithmetic: "strict", threads: 1 });
    const [a, b] = [await trialBits(relaxed), await trialBits(strict)];
    assert.equal(a.gather_rows, b.gather_rows);
    assert.notEqual(a.matmul, b.matmul);
  },
);
