import { Counter, Gauge, Registry } from "prom-client";
import { serveHttp } from "../runtime/http_server.ts";
import type { WorkerCounts } from "./queue/worker_figures.ts";
import { identityDigest, type ScoringIdentity } from "./scoring_identity.ts";

/** What is known of a worker that counts. */
export interface CountedWorker {
  /** What runs call its model. */
  readonly model: string;
  readonly identity: ScoringIdentity;
  /** What it has done so far. */
  readonly counts: () => WorkerCounts;
}

/** Where a worker's figures are read. */
export interface WorkerMetricsServer extends AsyncDisposable {
  /** `http://127.0.0.1:9100`. */
  readonly address: string;
}

/** A worker's counts by their names, with what each of them is. */
const counters: Readonly<Record<keyof WorkerCounts, readonly [name: string, help: string]>> = {
  jobs: ["assay_worker_jobs_total", "Jobs whose results are in the queue"],
  rows: ["assay_worker_rows_total", "Rows of those jobs"],
  failed: ["assay_worker_failed_rows_total", "Rows of which a conversation has no score"],
  conversations: ["assay_worker_conversations_total", "Conversations that were scored"],
  tokens: ["assay_worker_tokens_total", "Tokens of the conversations that were scored"],
  seconds: ["assay_worker_computing_seconds_total", "Seconds that the model computed"],
};

/** What a worker counts, in Prometheus' words. */
export async function workerMetrics(
  { model, identity, counts }: CountedWorker,
): Promise<Registry> {
  const registry = new Registry();
  const registers = [registry];
  for (const [what, [name, help]] of Object.entries(counters)) {
    new Counter({
      name,
      help,
      labelNames: ["model"],
      registers,
      collect() {
        this.reset(); // the worker itself counts
        this.inc({ model }, counts()[what as keyof WorkerCounts]);
      },
    });
  }
  const { assay: version, kernels, processor } = identity;
  const info = { model, version, kernels, processor, identity: await identityDigest(identity) };
  new Gauge({
    name: "assay_worker_info",
    help:
      "1; its labels tell what the worker computes with: workers of one identity give the same bits",
    labelNames: Object.keys(info),
    registers,
  }).set(info, 1);
  return registry;
}

/**
 * Serves a worker's figures: `/metrics`, and `/live` while the process runs.
 *
 * @param host The address to listen at.
 * @param port The port; 0 for any that is free.
 * @throws What the runtime throws: `failureOf` tells a port that is taken, or not permitted.
 */
export async function serveWorkerMetrics(
  worker: CountedWorker,
  host: string,
  port: number,
): Promise<WorkerMetricsServer> {
  const registry = await workerMetrics(worker);
  const server = await serveHttp(host, port, async ({ url }) => {
    switch (new URL(url).pathname) {
      case "/metrics":
        return new Response(await registry.metrics(), {
          headers: { "content-type": registry.contentType },
        });
      case "/live":
      case "/":
        return new Response("alive\n");
      default:
        return new Response("expected /metrics or /live\n", { status: 404 });
    }
  });
  const { hostname } = server;
  return {
    address: `http://${hostname.includes(":") ? `[${hostname}]` : hostname}:${server.port}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
