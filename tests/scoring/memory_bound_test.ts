import assert from "node:assert/strict";
import { Device } from "../../src/gpu/device.ts";
import { RewardModel } from "../../src/scoring/reward_model.ts";
import { seededRandom } from "../../src/ops/trials.ts";
import type { Conversation } from "../../src/text/conversation.ts";
import { gpuTest } from "../adapter.ts";
import { parityFolder } from "../golden/parity.ts";
import { testedFamilies } from "../kernel_families.ts";
import { testWhere } from "../requirement.ts";

const storage = 0x80 | 0x08 | 0x04; // STORAGE | COPY_DST | COPY_SRC

const random = seededRandom(6);

function conversationOf(words: number): Conversation {
  return [
    { role: "user", content: `Question ${random.integer(0, 99)}` },
    { role: "assistant", content: "word ".repeat(words) },
  ];
}

/** Lengths as they come: many short conversations, few long ones, some that fill a pack. */
function ragged(count: number): Conversation[] {
  return Array.from({ length: count }, () =>
    conversationOf(
      Math.floor(random.integer(1, 12) * random.integer(1, 20) / random.integer(1, 4)),
    ));
}

for (const { family: kernels, missing } of testedFamilies) {
  for (const layers of ["resident", "streamed"] as const) {
    const name = `device memory stays within the plan, ${layers} layers (${kernels})`;
    testWhere(missing, name, async () => {
      const options = { kernels, layers, tokensPerPack: 256 } as const;
      using model = await RewardModel.load(parityFolder("armo"), options);
      const { peakBytes, longestBytes } = model.plan;
      const within = (most: number): void => {
        assert.ok(model.deviceBytes <= most, `${model.deviceBytes} bytes are held of ${most}`);
      };
      for (const count of [1, 40, 7, 25, 3]) {
        await model.score(ragged(count), { onProgress: () => within(peakBytes) });
        within(peakBytes);
      }
      const prompt = { role: "user", content: "word ".repeat(60) };
      const responses = ragged(20).map(([, response]) => [prompt, response!]);
      await model.score(responses, { onProgress: () => within(peakBytes) }); // the prompt is kept
      within(peakBytes);
      const [long] = await model.score([conversationOf(700)]);
      assert.ok(long!.tokens > 2 * 256);
      within(longestBytes);
      await model.score(ragged(10));
      within(peakBytes);
    });
  }
}

gpuTest(
  "the pools let idle memory go, oldest first, rather than grow over their limit",
  async () => {
    using device = await Device.open();
    device.pooledLimit = 40_000;
    const [old, recent] = [10_000, 20_000].map((size) => device.pool.acquire(size, "record"));
    device.pool.release(old!);
    device.pool.release(recent!);
    device.submitted();
    const before = device.pool.bytes;
    const added = device.pool.acquire(15_000, "record");
    assert.ok(device.pool.bytes <= 40_000 && device.pool.bytes > 15_000, `${device.pool.bytes}`);
    assert.equal(device.pool.bytes, before - old!.size + added.size);
    assert.equal(device.pool.acquire(20_000, "record"), recent);
    // What recorded commands use is let go only once they are submitted.
    device.pool.release(recent!);
    let submissions = 0;
    device.onFull = () => {
      submissions++;
      device.submitted();
    };
    device.pool.release(added);
    device.textures.release(device.textures.acquire(4, 256));
    assert.equal(submissions, 1);
    assert.ok(device.pool.bytes + device.textures.bytes <= 40_000);
    const held = [device.createBuffer(4, storage), device.pool.acquire(50_000, "record")];
    assert.ok(device.pool.bytes >= 50_000, "what is held at once is not refused");
    held[0]!.destroy();
    await device.settle();
    assert.deepEqual(device.uncapturedErrors, []);
  },
);
