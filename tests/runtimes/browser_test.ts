/** The bundled module in Chromium without WebGPU: isolated from other origins, and not. */
import assert from "node:assert/strict";
import { chromium } from "playwright-core";
import { folderServer } from "../../tools/folder_server.ts";
import { chromiumExecutable, missingChromium } from "../chromium.ts";
import { testWhere } from "../requirement.ts";
import { assertAsDeno, assertGolden, bundledTasks, repository } from "./bundled_tasks.ts";
import type { Report, scoreModels, Task } from "./score_models.ts";

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
  readonly tasks: readonly Task[];
}

/** Has a page do the tasks. */
async function doTasks({ isolated, policy, tasks }: PageOptions): Promise<Found> {
  const { program } = await bundledTasks();
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

/** Some of the tasks: Node does them all, and a page has each file from a server. */
async function everyFourth(first: number): Promise<Task[]> {
  return (await bundledTasks()).tasks.filter((_, i) => i % 4 === first);
}

testWhere(missingChromium, "a page without WebGPU scores as Deno, with threads", async () => {
  const tasks = await everyFourth(0);
  const { isolated, adapter, report } = await doTasks({ isolated: true, tasks });
  assert.deepEqual({ isolated, adapter }, { isolated: true, adapter: false });
  assert.equal(report.helpers, 1);
  await assertGolden(report, tasks);
  await assertAsDeno(report, tasks);
});

testWhere(
  missingChromium,
  "a page without WebGPU that may share no memory scores as Deno, with one thread",
  async () => {
    const tasks = await everyFourth(2);
    const { isolated, adapter, report } = await doTasks({ isolated: false, tasks });
    assert.deepEqual({ isolated, adapter }, { isolated: false, adapter: false });
    assert.equal(report.helpers, 0);
    await assertGolden(report, tasks);
    await assertAsDeno(report, tasks);
  },
);

testWhere(
  missingChromium,
  "a page whose policy forbids workers scores with one thread",
  async () => {
    const tasks = (await everyFourth(1)).slice(0, 1);
    const policy = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'";
    const { isolated, report } = await doTasks({ isolated: true, policy, tasks });
    assert.ok(isolated);
    assert.equal(report.helpers, 0);
    for (const { scores, said } of report.done) assert.ok(!scores.includes(null), String(said));
  },
);

testWhere(
  missingChromium,
  "a page whose policy forbids WebAssembly is told what to allow",
  async () => {
    const tasks = (await everyFourth(1)).slice(0, 1);
    const policy = "default-src 'self'";
    await assert.rejects(
      () => doTasks({ isolated: true, policy, tasks }),
      /wasm-unsafe-eval/,
    );
  },
);
