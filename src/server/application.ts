import { type Context, Hono } from "hono";
import { stringifyJson } from "../data/json_text.ts";
import { isEqualSecret } from "./api_key.ts";
import { type Failure, failureOf, serverError } from "./failures.ts";
import type { ServerMetrics } from "./metrics.ts";
import type { Exchange, Protocol, Route } from "./protocol.ts";
import { checkBody, readBytes, readJson } from "./request_body.ts";
import type { ServedModels } from "./served_models.ts";

/** How a server treats requests. */
export interface ApplicationOptions {
  /** The key that requests must bring, as `Authorization: Bearer KEY`; none by default. */
  readonly apiKey?: string | undefined;
  /** Bytes of a request's body; 8 MiB by default. */
  readonly mostBytes?: number | undefined;
  /** Milliseconds in which a request must have come whole; 30,000 by default. */
  readonly bodyPatience?: number | undefined;
  /** Milliseconds in which a request is answered, or given up; 300,000 by default. */
  readonly deadline?: number | undefined;
  /** Told of failures that are the server's own. */
  readonly log: (message: string) => void;
}

/** What an {@link application} is made of. */
export interface ApplicationParts {
  readonly models: ServedModels;
  /** Where several have one address, the earlier ones are asked first. */
  readonly protocols: readonly Protocol[];
  readonly metrics: ServerMetrics;
}

/** Bytes of all headers together: more are no client's of a reward model. */
const mostHeaderBytes = 16 * 1024;

/** Addresses that need no key: whoever watches the server has none, and they tell nothing of requests. */
const publicPaths: ReadonlySet<string> = new Set(["/", "/live", "/ready", "/health", "/ping"]);

/** A route with the protocol that it is of. */
interface Mounted {
  readonly protocol: Protocol;
  readonly route: Route;
}

/**
 * The server's answer to a request: every protocol over one inner call. It knows no socket, so that
 * tests ask it directly.
 */
export function application(parts: ApplicationParts, options: ApplicationOptions): Hono {
  const app = new Hono();
  for (const [path, mounted] of mountedRoutes(parts.protocols)) {
    for (const method of new Set(mounted.map(({ route }) => route.method))) {
      const here = mounted.filter(({ route }) => route.method === method);
      app.on(method, path, (context) => answer(context, here, parts, options));
    }
    app.all(path, (context) => {
      const methods = [...new Set(mounted.map(({ route }) => route.method))].join(", ");
      context.header("allow", methods);
      return failed(
        context,
        mounted[0]!.protocol,
        failureOf(
          serverError(
            "server/wrong-method",
            `Cannot ${context.req.method.slice(0, 20)} ${path}: expected ${methods}`,
          ),
        ),
      );
    });
  }
  const [assay] = parts.protocols;
  app.notFound((context) => {
    const path = JSON.stringify(new URL(context.req.url).pathname.slice(0, 200));
    const error = serverError(
      "server/unknown-route",
      `Cannot find ${path}: /openapi.json lists every address`,
    );
    return failed(context, assay!, failureOf(error));
  });
  return app;
}

/** Every address: a protocol's own, and the same under its name. */
function mountedRoutes(protocols: readonly Protocol[]): Map<string, Mounted[]> {
  const byPath = new Map<string, Mounted[]>();
  for (const protocol of protocols) {
    for (const route of protocol.routes) {
      for (const path of [route.path, `/${protocol.name}${route.path}`]) {
        byPath.set(path, [...byPath.get(path) ?? [], { protocol, route }]);
      }
    }
  }
  return byPath;
}

async function answer(
  context: Context,
  mounted: readonly Mounted[],
  parts: ApplicationParts,
  options: ApplicationOptions,
): Promise<Response> {
  let chosen = mounted[0]!;
  const begun = performance.now();
  let code = "ok";
  try {
    await checkAdmission(context, options);
    const { lines, wholeLines } = chosen.route;
    if (wholeLines !== undefined) {
      expectJsonLines(context.req.raw);
      const bytes = await readBytes(context.req.raw, limitsOf(options));
      return await wholeLines(bytes, exchangeOf(context, parts, options));
    }
    if (lines !== undefined && isJsonLines(context.req.raw)) {
      return await lines(context.req.raw, exchangeOf(context, parts, options));
    }
    const body = chosen.route.method === "GET"
      ? undefined
      : await readJson(context.req.raw, limitsOf(options));
    chosen = chosenRoute(mounted, body);
    const exchange = exchangeOf(context, parts, options);
    const checked = chosen.route.body === undefined ? body : checkBody(chosen.route.body, body);
    const answered = await chosen.route.answerTo(checked as never, exchange);
    if (answered instanceof Response) return answered;
    exchange.headers.set("content-type", "application/json");
    // What a request is echoed of keeps whole numbers beyond 2⁵³.
    return new Response(stringifyJson(answered), { headers: exchange.headers });
  } catch (error) {
    const failure = failureOf(error);
    code = failure.code;
    if (failure.status === 500) options.log(error instanceof Error ? error.stack! : String(error));
    return failed(context, chosen.protocol, failure);
  } finally {
    const { route } = chosen;
    parts.metrics.answered(chosen.protocol.name, route.path, code, performance.now() - begun);
  }
}

/** Header size and key, before anything of the body is read. */
async function checkAdmission({ req }: Context, { apiKey }: ApplicationOptions): Promise<void> {
  let bytes = 0;
  for (const [name, value] of req.raw.headers) bytes += name.length + value.length + 4;
  if (bytes > mostHeaderBytes) {
    throw serverError(
      "server/headers-too-large",
      `Cannot read the request: expected at most ${mostHeaderBytes} bytes of headers, found more`,
    );
  }
  if (apiKey === undefined || publicPaths.has(req.path)) return;
  const given = /^Bearer (.+)$/i.exec(req.header("authorization") ?? "")?.[1];
  if (given !== undefined && await isEqualSecret(given, apiKey)) return;
  throw serverError(
    "server/unauthorized",
    'Cannot answer: expected the header "Authorization: Bearer KEY" with this server\'s key',
  );
}

function isJsonLines({ headers }: Request): boolean {
  return /^application\/(x-ndjson|jsonl|json-lines)\b/i.test(headers.get("content-type") ?? "");
}

function expectJsonLines(request: Request): void {
  if (isJsonLines(request)) return;
  const type = request.headers.get("content-type") ?? "none";
  throw serverError(
    "server/wrong-content-type",
    `Cannot read the request: expected the header "content-type: application/x-ndjson", found ${
      type.slice(0, 100)
    }; this address takes JSON Lines`,
  );
}

function limitsOf({ mostBytes, bodyPatience }: ApplicationOptions) {
  return { mostBytes: mostBytes ?? 8 * 2 ** 20, patience: bodyPatience ?? 30_000 };
}

function chosenRoute(
  mounted: readonly Mounted[],
  body: Readonly<Record<string, unknown>> = {},
): Mounted {
  return mounted.find(({ route }) => route.accepts?.(body) ?? true) ?? mounted[0]!;
}

function exchangeOf(
  context: Context,
  { models }: ApplicationParts,
  options: ApplicationOptions,
): Exchange {
  const { deadline = 300_000 } = options;
  const request = context.req.raw;
  const url = new URL(request.url);
  return {
    request,
    url,
    id: crypto.randomUUID().replaceAll("-", ""),
    now: Math.floor(Date.now() / 1000),
    signal: request.signal,
    model: (name) => models.named(name ?? url.searchParams.get("model")),
    limits: limitsOf(options),
    score: (model, conversations) =>
      model.score(conversations, { signal: request.signal, deadline }),
    headers: new Headers(),
  };
}

function failed(context: Context, protocol: Protocol, failure: Failure): Response {
  const status = protocol.status?.(failure) ?? failure.status;
  const headers = new Headers(context.res?.headers);
  headers.delete("content-type");
  if (failure.retryAfter !== undefined) headers.set("retry-after", `${failure.retryAfter}`);
  if (failure.status === 401) headers.set("www-authenticate", "Bearer");
  const body = protocol.failed(failure);
  return body === undefined
    ? new Response(null, { status, headers })
    : Response.json(body, { status, headers });
}
