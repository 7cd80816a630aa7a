/** Dawn in place of Deno's own WebGPU, each in a process of its own, on an adapter that both accept. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { tolerance } from "../../../src/ops/checks/trials.ts";
import { checkLoadOptions } from "../../../src/scoring/check_load_options.ts";
import { swiftShader } from "../../swift_shader.ts";
import { testWhere } from "../../requirement.ts";
import type { PrintedByWebGpu } from "./print_by_webgpu.ts";

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs Deno on a Vulkan driver, without the lock file, which does not list Dawn. */
async function runOn(driver: string, args: readonly string[]): Promise<Ended> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-lock", "--no-check", "--no-prompt", ...args],
    cwd: fileURLToPath(new URL("../../../", import.meta.url)),
    env: { NO_COLOR: "1", NODEVICE_SELECT: "1", VK_ICD_FILENAMES: driver, VK_DRIVER_FILES: driver },
    stdin: "null",
  }).output();
  const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

const program = "tests/scoring/engines/print_by_webgpu.ts";
const score = ["src/cli/main.ts", "score", "models/demo", "examples/conversations.jsonl"];

testWhere(
  swiftShader.missing,
  "Dawn computes the kernels, and the demo's score to the last bit as Deno's own WebGPU",
  async () => {
    const [own, dawn] = await Promise.all(["own", "dawn"].map(async (webgpu) => {
      const args = ["--allow-read", "--allow-env", "--allow-ffi", program, webgpu];
      const { code, stdout, stderr } = await runOn(swiftShader.driver!, args);
      assert.equal(code, 0, stderr); // it ended by itself
      return JSON.parse(stdout) as PrintedByWebGpu; // and nothing else was printed
    }));
    assert.match(own!.adapter, /swiftshader/i);
    assert.match(dawn!.adapter, /swiftshader/i);
    assert.deepEqual([own!.kernels, dawn!.kernels], ["tiled", "tiled-dawn"]);
    assert.equal(dawn!.score, own!.score);
    assert.deepEqual(dawn!.differences, own!.differences);
    for (const [kernel, difference] of Object.entries(dawn!.differences)) {
      assert.ok(difference <= tolerance, `${kernel}: ${difference}`);
    }
    assert.deepEqual([own!.errors, dawn!.errors], [[], []]);
  },
);

Deno.test("Dawn without a permission, and without an adapter, is an error that says what to do", async () => {
  const asked = [...score, "--webgpu", "dawn"];
  const [forbidden, lost] = await Promise.all([
    runOn("", ["--allow-read", ...asked]),
    runOn("no-such-driver.json", ["--allow-read", "--allow-ffi", ...asked]),
  ]);
  assert.deepEqual([forbidden.code, forbidden.stdout], [2, ""]);
  assert.match(forbidden.stderr, /`--allow-ffi`.*\[gpu\/dawn-permission\]/);
  assert.deepEqual([lost.code, lost.stdout], [2, ""]);
  assert.match(
    lost.stderr,
    /found none on this machine.*without `--webgpu dawn`.*\[gpu\/no-adapter\]/,
  );
});

Deno.test("Dawn is refused with an engine that is no GPU", () => {
  for (
    const [options, message] of [
      [{ webgpu: "dawn", backend: "wasm" }, /"webgpu" for a GPU alone.*"wasm"/],
      [{ webgpu: "dawn", backend: "cpu" }, /"webgpu" for a GPU alone.*"cpu"/],
      [{ webgpu: "dawn", threads: 2 }, /"threads" for the WebAssembly engine alone.*"webgpu"/],
      [{ webgpu: "dawn", experimental: true }, /"experimental" with .* precision "f16"/],
      [{ precision: "f16", experimental: true }, /"experimental" with webgpu "dawn"/],
      [{ webgpu: "naga" }, /webgpu to be "dawn", found "naga"/],
    ] as const
  ) assert.throws(() => checkLoadOptions(options), { code: "scoring/bad-option", message });
});
