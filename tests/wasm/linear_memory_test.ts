import assert from "node:assert/strict";
import { seededRandom } from "../../src/numbers/seeded_random.ts";
import { LinearMemory } from "../../src/wasm/linear_memory.ts";

function memoryOf(pages: number): LinearMemory {
  return new LinearMemory(new WebAssembly.Memory({ initial: 1, maximum: pages }));
}

Deno.test("LinearMemory gives out addresses that don't overlap, aligned, after the control block", () => {
  const memory = memoryOf(256);
  const random = seededRandom(7);
  const held: { address: number; bytes: number }[] = [];
  for (let turn = 0; turn < 3000; turn++) {
    if (held.length > 0 && random() < 0.48) {
      const [freed] = held.splice(Math.floor(random() * held.length), 1);
      memory.free(freed!.address);
      continue;
    }
    const bytes = 1 + Math.floor(random() ** 3 * 60000);
    const address = memory.allocate(bytes);
    assert.equal(address % 64, 0);
    assert.ok(address >= 1024);
    assert.ok(address + bytes <= memory.memory.buffer.byteLength);
    const other = held.find((place) =>
      address < place.address + place.bytes && place.address < address + bytes
    );
    assert.equal(other, undefined, `turn ${turn}: ${address} + ${bytes} overlaps`);
    held.push({ address, bytes });
  }
  for (const { address } of held) memory.free(address);
  assert.equal(memory.bytes, 0);
});

Deno.test("LinearMemory joins what was given back, so that it need not grow", () => {
  const memory = memoryOf(64);
  const addresses = Array.from({ length: 30 }, () => memory.allocate(65536));
  const size = memory.memory.buffer.byteLength;
  for (const address of addresses.filter((_, i) => i % 2 === 0)) memory.free(address);
  for (const address of addresses.filter((_, i) => i % 2 === 1)) memory.free(address);
  const whole = memory.allocate(30 * 65536);
  assert.equal(memory.memory.buffer.byteLength, size);
  memory.free(whole);
});

Deno.test("LinearMemory keeps numbers where they are while it grows", () => {
  const memory = memoryOf(64);
  const address = memory.allocate(400);
  memory.float32(address, 100).set(Float32Array.from({ length: 100 }, (_, i) => i));
  memory.allocate(20 * 65536);
  assert.deepEqual([...memory.float32(address, 100)], Array.from({ length: 100 }, (_, i) => i));
});

Deno.test("LinearMemory tells what is in use where the runtime gives no more", () => {
  const memory = memoryOf(4);
  memory.allocate(100000);
  assert.throws(() => memory.allocate(300000), {
    code: "wasm/memory",
    message: /Cannot hold 300032 more bytes: .* 100032 in use/,
  });
  memory.allocate(100000); // it goes on
});

Deno.test("LinearMemory takes back an address once", () => {
  const memory = memoryOf(4);
  const address = memory.allocate(64);
  memory.free(address);
  memory.free(address);
  assert.equal(memory.bytes, 0);
  assert.notEqual(memory.allocate(64), memory.allocate(64));
});
