import assert from "node:assert/strict";
import { httpSource } from "../../src/checkpoint/http_source.ts";

export type Answer = (request: Request) => Response | Promise<Response>;

/** Runs a test against a server on this machine; notes the requests it gets. */
export async function withServer(
  answer: Answer,
  test: (address: string, requests: Request[]) => Promise<void>,
): Promise<void> {
  const requests: Request[] = [];
  const handler: Answer = (request) => {
    requests.push(request);
    return answer(request);
  };
  const onError = () => new Response(null, { status: 500 });
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {}, onError },
    handler,
  );
  await test(`http://127.0.0.1:${server.addr.port}`, requests);
}

export const content = Uint8Array.from({ length: 1000 }, (_, i) => i);

/** Answers as a server that knows range requests; `change` may spoil the answer. */
export function serve(
  bytes: Uint8Array<ArrayBuffer> = content,
  change: (response: Response, request: Request) => Response = (response) => response,
): Answer {
  return (request) => {
    const range = /^bytes=([0-9]+)-([0-9]+)$/.exec(request.headers.get("range") ?? "");
    if (request.method === "HEAD") {
      const headers = { "content-length": `${bytes.length}`, "accept-ranges": "bytes" };
      return change(new Response(null, { headers }), request);
    }
    if (range === null) return change(new Response(bytes), request);
    const [start, end] = [Number(range[1]), Math.min(Number(range[2]), bytes.length - 1)];
    if (start >= bytes.length) {
      const headers = { "content-range": `bytes */${bytes.length}` };
      return change(new Response(null, { status: 416, headers }), request);
    }
    const headers = { "content-range": `bytes ${start}-${end}/${bytes.length}` };
    const body = bytes.slice(start, end + 1);
    return change(new Response(body, { status: 206, headers }), request);
  };
}

/** The same response with some headers changed; `null` takes one away. */
export function withHeaders(response: Response, changes: Record<string, string | null>): Response {
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) headers.delete(name);
    else headers.set(name, value);
  }
  return new Response(response.body, { status: response.status, headers });
}

/** As {@linkcode serve}, with HEAD refused. */
export function refuseHead(answer: Answer, status = 405): Answer {
  return (request) => request.method === "HEAD" ? new Response(null, { status }) : answer(request);
}

/** Opens the file of a server of {@linkcode withServer}. */
export async function openAt(address: string) {
  const source = await httpSource(`${address}/model.safetensors`);
  assert.ok(source !== undefined);
  return source;
}
