/** The end of a worker, as Deno lets its owner see it. */
import assert from "node:assert/strict";
import { endWorker, workersEnded } from "../../src/runtime/worker_end.ts";

/** A worker that has begun. */
async function begun(script: string): Promise<Worker> {
  const program = `data:text/javascript,${encodeURIComponent(`${script}; postMessage("begun");`)}`;
  const worker = new Worker(program, { type: "module" });
  await heardFrom(worker);
  return worker;
}

function heardFrom(worker: Worker): Promise<unknown> {
  return new Promise((resolve) => worker.addEventListener("message", resolve, { once: true }));
}

function ask(worker: Worker): () => Promise<unknown> {
  return () => {
    worker.postMessage("end");
    return heardFrom(worker);
  };
}

Deno.test("a worker that ends by itself is seen to have ended", async () => {
  const worker = await begun(`onmessage = () => { postMessage("closing"); close(); }`);
  let hasEnded = false;
  const end = endWorker(worker, ask(worker)).finally(() => hasEnded = true);
  await workersEnded();
  assert.ok(hasEnded);
  assert.equal(await end, true, "Deno does not close the port any more when the thread has ended");
});

Deno.test("a worker that does not hear, or can't, is ended all the same", async () => {
  const deaf = await begun(`setTimeout(() => { for (;;); })`);
  const failed = await begun("");
  const ends = [
    endWorker(deaf, ask(deaf)),
    endWorker(failed, () => Promise.reject(new Error("it failed"))),
  ];
  assert.deepEqual(await Promise.all(ends), [false, false]);
  await workersEnded(); // of none
});
