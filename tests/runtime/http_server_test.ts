/** The server of `node:http`, which Deno has too, over a real socket. */
import assert from "node:assert/strict";
import { failureOf } from "../../src/runtime/failure.ts";
import { type Handler, type HttpServer, serveByNode } from "../../src/runtime/http_server.ts";

async function served(
  handler: Handler,
  use: (address: string, server: HttpServer) => Promise<void>,
): Promise<void> {
  const server = await serveByNode("127.0.0.1", 0, handler);
  try {
    await use(`http://${server.hostname}:${server.port}`, server);
  } finally {
    await server.shutdown();
  }
}

Deno.test("a request comes whole: method, address, headers, body", async () => {
  await served(async (request) =>
    Response.json({
      method: request.method,
      url: new URL(request.url).pathname + new URL(request.url).search,
      key: request.headers.get("x-key"),
      body: await request.text(),
    }, { status: 201, headers: { "x-answer": "yes" } }), async (address) => {
    const body = "é".repeat(100_000);
    const answer = await fetch(`${address}/a%20b?c=d`, {
      method: "POST",
      headers: { "x-key": "k" },
      body,
    });
    assert.equal(answer.status, 201);
    assert.equal(answer.headers.get("x-answer"), "yes");
    const expected = { method: "POST", url: "/a%20b?c=d", key: "k", body };
    assert.deepEqual(await answer.json(), expected);
  });
});

Deno.test("an answer that is made in pieces comes as it is made; one that breaks is no whole one", async () => {
  await served((request) => {
    const breaks = request.url.endsWith("/breaks");
    let pieces = 0;
    return new Response(
      new ReadableStream({
        pull(controller) {
          if (pieces++ < 3) return controller.enqueue(new TextEncoder().encode("piece "));
          if (breaks) throw new Error("broken");
          controller.close();
        },
      }),
    );
  }, async (address) => {
    assert.equal(await (await fetch(`${address}/`)).text(), "piece piece piece ");
    await assert.rejects(async () => await (await fetch(`${address}/breaks`)).text());
    assert.equal(await (await fetch(`${address}/`)).text(), "piece piece piece ");
  });
});

Deno.test("a client that goes away aborts its request's signal", async () => {
  const aborted = Promise.withResolvers<void>();
  await served((request) => {
    request.signal.addEventListener("abort", () => aborted.resolve());
    return new Promise<Response>((resolve) => aborted.promise.then(() => resolve(new Response())));
  }, async (address) => {
    const controller = new AbortController();
    const asked = fetch(address, { signal: controller.signal });
    setTimeout(() => controller.abort(), 50);
    await assert.rejects(asked);
    await aborted.promise;
  });
});

Deno.test("a port that is taken is an error with a meaning", async () => {
  await served(() => new Response(), async (_, { port }) => {
    const error = await serveByNode("127.0.0.1", port, () => new Response()).catch((e) => e);
    assert.equal(failureOf(error), "address-in-use");
  });
});

Deno.test("shutting down answers what is under way", async () => {
  const begun = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  const server = await serveByNode("127.0.0.1", 0, async () => {
    begun.resolve();
    await go.promise;
    return new Response("answered");
  });
  const answer = fetch(`http://127.0.0.1:${server.port}`).then((response) => response.text());
  await begun.promise;
  const down = server.shutdown();
  go.resolve();
  assert.equal(await answer, "answered");
  await down;
});
