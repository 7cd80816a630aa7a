import assert from "node:assert/strict";
import { AssayError } from "../../src/error.ts";
import { Device } from "../../src/gpu/device.ts";
import { Recorder } from "../../src/gpu/recorder.ts";
import { gpuTest } from "../adapter.ts";

const storage = 0x80 | 0x08 | 0x04;

function code(expected: string): (error: unknown) => boolean {
  return (error) => error instanceof AssayError && error.code === expected;
}

gpuTest("Device.open() asks for more than the default limits", async () => {
  using device = await Device.open();
  assert.ok(device.maxBindingBytes >= 128 * 2 ** 20);
});

gpuTest("upload() refuses what would end the process", async () => {
  using device = await Device.open();
  const buffer = device.createBuffer(16, storage);
  device.upload(buffer, 0, new Uint8Array(0)); // nothing to do, and no crash
  assert.throws(() => device.upload(buffer, 8, new Uint8Array(12)), code("gpu/upload-range"));
  assert.throws(() => device.upload(buffer, 2, new Uint8Array(4)), code("gpu/upload-range"));
  assert.throws(() => device.upload(buffer, 0, new Uint8Array(6)), code("gpu/upload-range"));
  assert.throws(() => device.upload(buffer, -4, new Uint8Array(4)), code("gpu/upload-range"));
  buffer.destroy();
});

gpuTest(
  "uploadTexels() refuses regions that are not the texture's, and other numbers of texels",
  async () => {
    using device = await Device.open();
    const texture = device.createTexture(8, 4, "rgba32uint");
    const region = { x: 4, y: 2, width: 4, height: 2 };
    device.uploadTexels(texture, region, new Uint32Array(32));
    for (const change of [{ x: 5 }, { y: 3 }, { x: -1 }, { width: 0 }, { height: 3 }]) {
      const { width, height } = { ...region, ...change };
      assert.throws(
        () =>
          device.uploadTexels(
            texture,
            { ...region, ...change },
            new Uint32Array(4 * width * height),
          ),
        code("gpu/upload-range"),
      );
    }
    assert.throws(
      () => device.uploadTexels(texture, region, new Uint32Array(28)),
      code("gpu/upload-range"),
    );
    await device.settle();
    assert.deepEqual(device.uncapturedErrors, []);
    texture.destroy();
  },
);

gpuTest("createBuffer() refuses sizes that the adapter cannot hold", async () => {
  using device = await Device.open();
  assert.throws(() => device.createBuffer(0, storage), code("gpu/buffer-size"));
  assert.throws(() => device.createBuffer(2 ** 40, storage), code("gpu/buffer-size"));
});

gpuTest("a kernel that does not compile is an error with its message, at settle()", async () => {
  using device = await Device.open();
  device.pipelines.get({ name: "broken", source: "@compute fn main( {" }, {});
  await assert.rejects(() => device.settle(), code("gpu/kernel"));
  await device.settle(); // reported once
  assert.deepEqual(device.uncapturedErrors, []);
});

gpuTest("a disposed device is an error, not silence", async () => {
  const device = await Device.open();
  device[Symbol.dispose]();
  assert.throws(() => device.createBuffer(16, storage), code("gpu/device-destroyed"));
  assert.throws(() => new Recorder(device).submit(), code("gpu/device-destroyed"));
});

gpuTest("read() returns several ranges from one readback", async () => {
  using device = await Device.open();
  const a = device.createBuffer(16, storage);
  const b = device.createBuffer(8, storage);
  device.upload(a, 0, Uint32Array.of(1, 2, 3, 4));
  device.upload(b, 0, Uint32Array.of(5, 6));
  const read = await new Recorder(device).read([
    { buffer: b, offset: 0, size: 8 },
    { buffer: a, offset: 4, size: 8 },
  ]);
  assert.deepEqual(read.map((bytes) => [...new Uint32Array(bytes.buffer)]), [[5, 6], [2, 3]]);
  a.destroy();
  b.destroy();
});

gpuTest(
  "the pool hands a buffer of the current recording to commands, not to uploads",
  async () => {
    using device = await Device.open();
    const first = device.pool.acquire(1000, "record");
    device.pool.release(first);
    const upload = device.pool.acquire(1000, "upload");
    assert.notEqual(upload, first);
    assert.equal(device.pool.acquire(1000, "record"), first);
    device.pool.release(first);
    device.pool.submitted();
    assert.equal(device.pool.acquire(1000, "upload"), first);
  },
);
