import assert from "node:assert/strict";
import type { Device } from "../../src/gpu/device.ts";
import { expectShuffles } from "../../src/gpu/kernel_set.ts";

Deno.test("texture kernels are refused where a subgroup holds no group of 8 lanes", () => {
  const deviceOf = (size: number): Pick<Device, "adapter" | "subgroups"> => ({
    adapter: { description: "an adapter" } as Device["adapter"],
    subgroups: { size, enabledByDirective: false },
  });
  for (const size of [0, 4, 1, 12]) {
    assert.throws(() => expectShuffles(deviceOf(size), "texture"), { code: "gpu/no-shuffles" });
    expectShuffles(deviceOf(size), "tiled");
  }
  for (const size of [8, 16, 32, 64]) expectShuffles(deviceOf(size), "texture");
});
