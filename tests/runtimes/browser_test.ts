/** The bundled module in Chromium without WebGPU: isolated from other origins, and not. */
import assert from "node:assert/strict";
import { chromium } from "playwright-core";
import { folderServer } from "../../tools/folder_server.ts";
import { chromiumExecutable, missingChromium } from "../chromium.ts";
import { testWhere } from "../requirement.ts";
import { assertAsDeno, assertGolden, bundledTasks, repository } from "./bundled_tasks.ts";
import type { Report, scoreModels } from "./score_models.ts";

/** What a page found. */
interface Found {
  readonly isolated: boolean;
  readonly adapter: boolean;
  readonly report: Report;
}

/** How a page is served, and what it does. */
interface PageOptions {
  readonly isolated: boolean;
  /** Its Content-Security-Policy. */
  readonly policy?: string;
  /** How many of the tasks it does; all by default. */
  readonly count?: number;
}

/** Has a page do the tasks. */
async function doTasks({ isolated, policy, count }: PageOptions): Promise<Found> {
  const { program, tasks: all } = await bundledTasks();
  const tasks = all.slice(0, count);
  const files = folderServer(repository, isolated);
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      const { pathname } = new URL(request.url);
      if (pathname !== "/" && pathname !== "/score_models.js") return await files(request);
      const { headers } = await files(new Request(new URL("/deno.json", request.url)));
      const [type, body] = pathname === "/"
        ? ["text/html", "<!doctype html><title>Assay</title>"]
        : ["text/javascript", program];
      headers.set("content-type", type);
      if (policy !== undefined) headers.set("content-security-policy", policy);
      return new Response(body, { headers });
    },
  );
  const place = `http://127.0.0.1:${server.addr.port}`;
  const args = ["--no-sandbox", "--disable-features=WebGPU", "--disable-gpu"];
  const browser = await chromium.launch({ executablePath: chromiumExecutable!, args });
  try {
    const page = await browser.newPage();
    await page.goto(place);
    return await page.evaluate(async ([place, tasks]) => {
      const gpu = (navigator as { gpu?: GPU }).gpu;
      const adapter = await gpu?.requestAdapter() ?? null;
      const module = await import(`${place}/score_models.js`);
      const report = await (module.scoreModels as typeof scoreModels)(place, tasks);
      const { crossOriginIsolated: isolated } = globalThis as { crossOriginIsolated?: boolean };
      return { isolated: isolated === true, adapter: adapter !== null, report };
    }, [place, tasks] as const);
  } finally {
    await browser.close();
  }
}

testWhere(missingChromium, "a page without WebGPU scores as Deno, with threads", async () => {
  const { isolated, adapter, report } = await doTasks({ isolated: true });
  assert.deepEqual({ isolated, adapter }, { isolated: true, adapter: false });
  assert.equal(report.helpers, 1);
  await assertGolden(report);
  await assertAsDeno(report);
});

testWhere(
  missingChromium,
  "a page without WebGPU that may share no memory scores as Deno, with one thread",
  async () => {
    const count = 16;
    const { isolated, adapter, report } = await doTasks({ isolated: false, count });
    assert.deepEqual({ isolated, adapter }, { isolated: false, adapter: false });
    assert.equal(report.helpers, 0);
    await assertGolden(report, count);
    await assertAsDeno(report);
  },
);

testWhere(
  missingChromium,
  "a page whose policy forbids workers scores with one thread",
  async () => {
    const policy = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'";
    const { isolated, report } = await doTasks({ isolated: true, policy, count: 2 });
    assert.ok(isolated);
    assert.equal(report.helpers, 0);
    for (const { scores, said } of report.done) assert.ok(!scores.includes(null), String(said));
  },
);

testWhere(
  missingChromium,
  "a page whose policy forbids WebAssembly is told what to allow",
  async () => {
    const policy = "default-src 'self'";
    await assert.rejects(
      () => doTasks({ isolated: true, policy, count: 1 }),
      /wasm-unsafe-eval/,
    );
  },
);
