import { serveByNode } from "../../src/runtime/http_server.ts";
import { serve } from "../../src/server/serve.ts";
import { answerHeaders } from "../../src/fleet/answer_headers.ts";
import type { IdentifiedModel } from "../../src/fleet/identified_model.ts";
import { FakeModel } from "../server/fake_model.ts";

/** What a proxy does with a request for rows, in place of handing it on. */
export type Misdeed =
  | "drop" // the connection ends before anything was answered
  | "cut" // it ends in the middle of the answer
  | "short" // an answer that looks whole lacks its end
  | "again" // the answer to an earlier request
  | "busy"
  | "page" // a page of its own
  | "late"
  | "other"; // rows that something else computed

/** A server of fake models on a socket, with a proxy before it that tests make misbehave. */
export interface FlakyServer extends AsyncDisposable {
  readonly address: string;
  /** Requests for rows that came. */
  readonly asked: string[];
  /** What is done with the next request. */
  misdeed: () => Misdeed | undefined;
  /** While it is set, nothing is answered at all. */
  isAway: boolean;
}

/** How a {@link FlakyServer} is made. */
export interface FlakyOptions {
  readonly load?: () => Promise<IdentifiedModel>;
  readonly apiKey?: string;
  readonly mostBytes?: number;
  readonly mostWaiting?: number;
}

/** Starts one. */
export async function flakyServer(options: FlakyOptions = {}): Promise<FlakyServer> {
  const { load = () => Promise.resolve(new FakeModel()), ...others } = options;
  const server = await serve([{ id: "fake", load }], { port: 0, log: () => {}, ...others });
  await server.ready;
  const state = {
    asked: [] as string[],
    misdeed: (): Misdeed | undefined => undefined,
    isAway: false,
  };
  let earlier: { headers: Headers; body: Uint8Array<ArrayBuffer> } | undefined;
  const answer = async (request: Request): Promise<Response> => {
    if (state.isAway) return broken(new Uint8Array());
    const { pathname, search } = new URL(request.url);
    const body = request.body === null ? null : await request.arrayBuffer();
    const isRows = pathname === "/v1/rows";
    if (isRows) state.asked.push(new TextDecoder().decode(body!));
    const misdeed = isRows ? state.misdeed() : undefined;
    if (misdeed === "drop") return broken(new Uint8Array());
    if (misdeed === "page") {
      const headers = { "content-type": "text/html" };
      return new Response("<html><title>Bad gateway</title></html>", { status: 502, headers });
    }
    if (misdeed === "busy") {
      const error = { code: "tasks/queue-full", message: "Cannot take the request" };
      return Response.json({ error }, { status: 429, headers: { "retry-after": "0" } });
    }
    if (misdeed === "late") await new Promise((resolve) => setTimeout(resolve, 30));
    const { method, headers } = request;
    const scored = await fetch(`${server.address}${pathname}${search}`, { method, headers, body });
    const bytes = new Uint8Array(await scored.arrayBuffer());
    const told = new Headers(scored.headers);
    if (misdeed === "cut") return broken(bytes.subarray(0, bytes.length / 2), told);
    told.delete("content-length");
    if (misdeed === "short") {
      return new Response(bytes.subarray(0, bytes.length - 9), { headers: told });
    }
    if (misdeed === "other") told.set(answerHeaders.identity, "0".repeat(32));
    if (misdeed === "again" && earlier !== undefined) {
      return new Response(earlier.body, { headers: earlier.headers });
    }
    if (isRows && scored.status === 200) earlier = { headers: told, body: bytes };
    return new Response(bytes, { status: scored.status, headers: told });
  };
  // Of Node, which ends the connection of an answer that breaks off, and says nothing of it.
  const proxy = await serveByNode("127.0.0.1", 0, async (request) => {
    const answered = await answer(request);
    answered.headers.set("connection", "close"); // else the end of the test waits for it
    return answered;
  });
  return Object.assign(state, {
    address: `http://127.0.0.1:${proxy.port}`,
    async [Symbol.asyncDispose]() {
      await proxy.shutdown();
      await server.stop();
    },
  });
}

/** An answer that breaks off after some bytes. */
function broken(bytes: Uint8Array<ArrayBuffer>, headers?: Headers): Response {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      if (bytes.length > 0) controller.enqueue(bytes);
    },
    pull(controller) {
      controller.error(new Error("broken off"));
    },
  });
  return new Response(body, headers && { headers });
}
