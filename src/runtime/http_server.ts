/**
 * A server of HTTP: Deno's, or one of `node:http` that speaks the web's `Request` and `Response`.
 *
 * @module
 */
import { requireBuiltin } from "./builtin.ts";

/** Answers a request; its `signal` aborts where the client goes away. */
export type Handler = (request: Request) => Response | Promise<Response>;

/** A server that listens. */
export interface HttpServer {
  readonly hostname: string;
  readonly port: number;
  /** Takes no more requests, and resolves when those that are under way are answered. */
  shutdown(): Promise<void>;
}

interface DenoServe {
  serve(
    options: { hostname: string; port: number; onListen: () => void },
    handler: Handler,
  ): { readonly addr: { hostname: string; port: number }; shutdown(): Promise<void> };
}

/** The part of `node:http` that is used. */
interface NodeHttp {
  createServer(answer: (incoming: Incoming, outgoing: Outgoing) => void): NodeServer;
}

interface NodeServer {
  listen(port: number, hostname: string, done: () => void): void;
  once(event: "error", listener: (error: Error) => void): void;
  address(): { readonly address: string; readonly port: number };
  close(done: () => void): void;
  closeIdleConnections(): void;
}

interface Incoming {
  readonly method: string;
  readonly url: string;
  readonly headersDistinct: Readonly<Record<string, readonly string[]>>;
}

interface Outgoing {
  readonly writableEnded: boolean;
  writeHead(status: number, headers: readonly (readonly [string, string])[]): void;
  write(bytes: Uint8Array, done: (error?: Error | null) => void): void;
  end(): void;
  destroy(): void;
  on(event: "close" | "error", listener: () => void): void;
}

interface NodeStream {
  readonly Readable: { toWeb(readable: Incoming): ReadableStream<Uint8Array> };
}

/**
 * Listens.
 *
 * @param hostname The address; a name is looked up.
 * @param port The port; 0 for any that is free.
 * @throws What the runtime throws: `failureOf` tells a port that is taken, or not permitted.
 */
export async function serveHttp(
  hostname: string,
  port: number,
  handler: Handler,
): Promise<HttpServer> {
  const { Deno } = globalThis as { Deno?: DenoServe };
  if (Deno === undefined) return await serveByNode(hostname, port, handler);
  const server = Deno.serve({ hostname, port, onListen: () => {} }, handler);
  return { ...server.addr, shutdown: () => server.shutdown() };
}

/** A server of `node:http`, which Node, Bun and Deno have. */
export async function serveByNode(
  hostname: string,
  port: number,
  handler: Handler,
): Promise<HttpServer> {
  let isStopping = false;
  const server = requireBuiltin<NodeHttp>("node:http").createServer((incoming, outgoing) => {
    // Its connection is idle now, and would keep the server up for as long as the client keeps it.
    outgoing.on("close", () => isStopping && server.closeIdleConnections());
    void answer(incoming, outgoing, handler);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, hostname, resolve);
  });
  const bound = server.address();
  return {
    hostname: bound.address,
    port: bound.port,
    async shutdown() {
      isStopping = true;
      const closed = new Promise<void>((resolve) => server.close(resolve));
      server.closeIdleConnections();
      await closed;
    },
  };
}

async function answer(incoming: Incoming, outgoing: Outgoing, handler: Handler): Promise<void> {
  const gone = new AbortController();
  outgoing.on("error", () => {}); // told by the write that fails
  outgoing.on("close", () => {
    if (!outgoing.writableEnded) gone.abort(new Error("the client has gone away"));
  });
  try {
    await send(await handler(requestOf(incoming, gone.signal)), outgoing, gone.signal);
  } catch {
    outgoing.destroy(); // no half an answer looks like a whole one
  }
}

function requestOf(incoming: Incoming, signal: AbortSignal): Request {
  const { method, url, headersDistinct } = incoming;
  const headers = new Headers();
  for (const [name, values] of Object.entries(headersDistinct)) {
    for (const value of values) headers.append(name, value);
  }
  const place = url.startsWith("/") ? `http://${headers.get("host") ?? "localhost"}${url}` : url;
  const hasBody = method !== "GET" && method !== "HEAD";
  const body = hasBody ? requireBuiltin<NodeStream>("node:stream").Readable.toWeb(incoming) : null;
  // A body that comes in pieces must say so; TypeScript's `RequestInit` doesn't know the word.
  const init = { method, headers, body, signal, duplex: "half" };
  return new Request(place, init as RequestInit);
}

async function send(response: Response, outgoing: Outgoing, signal: AbortSignal): Promise<void> {
  outgoing.writeHead(response.status, [...response.headers]);
  const reader = response.body?.getReader();
  try {
    for (let piece; reader !== undefined && !(piece = await reader.read()).done;) {
      signal.throwIfAborted();
      await new Promise<void>((resolve, reject) => {
        outgoing.write(piece.value!, (error) => error ? reject(error) : resolve());
      });
    }
  } catch (error) {
    await reader?.cancel(error).catch(() => {});
    throw error;
  }
  outgoing.end();
}
