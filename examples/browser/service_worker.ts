/**
 * Keeps the page's own files, so that it opens without a network, and serves them with the headers
 * that a browser wants before workers may share memory (COOP, COEP). Models are kept elsewhere.
 *
 * @module
 */

/** Put before this script as it is built. */
declare const page: {
  /** Tells this build's files from others'. */
  readonly version: string;
  /** Paths of the files, the page's own first. */
  readonly files: readonly string[];
};

/** What TypeScript knows only of workers. */
interface ExtendableEvent extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface FetchEvent extends ExtendableEvent {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}
interface ServiceWorkerScope {
  readonly clients: { claim(): Promise<void> };
  readonly registration: { readonly scope: string };
  skipWaiting(): Promise<void>;
  addEventListener(type: "install" | "activate", listen: (event: ExtendableEvent) => void): void;
  addEventListener(type: "fetch", listen: (event: FetchEvent) => void): void;
}

const scope = globalThis as unknown as ServiceWorkerScope;
const prefix = "assay-page-";
const cacheName = prefix + page.version;

const isolating = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
  "cross-origin-resource-policy": "same-origin",
};

/** What the worker that scores may do: no connection at all. */
const scoringPolicy = "default-src 'none'; script-src 'self' blob: 'wasm-unsafe-eval'; " +
  "worker-src blob:";

async function install(): Promise<void> {
  const cache = await caches.open(cacheName);
  await cache.addAll(page.files.map((file) => new Request(file, { cache: "reload" })));
  await scope.skipWaiting();
}

async function activate(): Promise<void> {
  for (const name of await caches.keys()) {
    if (name.startsWith(prefix) && name !== cacheName) await caches.delete(name);
  }
  await scope.clients.claim();
}

/** The page's file that an address means; `undefined` for every other address. */
function fileOf(url: URL): string | undefined {
  if (!url.href.startsWith(scope.registration.scope)) return undefined;
  const path = url.origin + url.pathname;
  const file = path.slice(scope.registration.scope.length) || page.files[0]!;
  return page.files.includes(file) ? file : undefined;
}

async function answer(file: string, request: Request): Promise<Response> {
  const cache = await caches.open(cacheName);
  const kept = await cache.match(new URL(file, scope.registration.scope)) ?? await fetch(request);
  const headers = new Headers(kept.headers);
  for (const [name, value] of Object.entries(isolating)) headers.set(name, value);
  const { pathname, search } = new URL(request.url);
  if (pathname.endsWith("/worker.js") && search === "") {
    headers.set("content-security-policy", scoringPolicy);
  }
  return new Response(kept.body, { status: kept.status, headers });
}

scope.addEventListener("install", (event) => event.waitUntil(install()));
scope.addEventListener("activate", (event) => event.waitUntil(activate()));
scope.addEventListener("fetch", (event) => {
  const { request } = event;
  const file = request.method === "GET" ? fileOf(new URL(request.url)) : undefined;
  if (file !== undefined) event.respondWith(answer(file, request));
});
