import configuration from "../../../deno.json" with { type: "json" };
import type { Failure } from "../failures.ts";
import type { ServerMetrics } from "../metrics.ts";
import { type Protocol, route } from "../protocol.ts";
import type { ServedModels } from "../served_models.ts";

/** What is told of the server itself: whether it lives, is ready, what it serves and counts. */
export function stateProtocol(
  models: ServedModels,
  metrics: ServerMetrics,
  openApi: () => unknown,
): Protocol {
  const ready = (): Response =>
    models.isReady
      ? new Response(null, { status: 200 })
      : Response.json({ error: "unhealthy", error_type: "Unhealthy" }, {
        status: 503,
        headers: { "retry-after": "1" },
      });
  return {
    name: "state",
    routes: [
      route({
        method: "GET",
        path: "/live",
        summary: "200 while the process runs",
        answerTo: () => new Response(null, { status: 200 }),
      }),
      ...["/ready", "/health", "/ping"].map((path) =>
        route({
          method: "GET",
          path,
          summary: "200 while every model can compute, else 503",
          answerTo: ready,
        })
      ),
      route({
        method: "GET",
        path: "/version",
        summary: "The version",
        answerTo: () => ({ version: configuration.version }),
      }),
      route({
        method: "GET",
        path: "/v1/models",
        summary: "The models that are served (OpenAI)",
        answerTo: () => ({
          object: "list",
          data: models.all.map(({ id, created, model, depth }) => ({
            id,
            object: "model",
            created,
            owned_by: "assay",
            ready: model !== undefined,
            waiting: depth,
            ...(model === undefined ? {} : {
              architecture: model.architecture,
              head: model.headKind,
              objectives: model.objectives,
              kernels: model.kernels,
              ...(model.weights !== undefined && { weights: model.weights }),
              max_model_len: model.maxTokens,
            }),
          })),
        }),
      }),
      route({
        method: "GET",
        path: "/metrics",
        summary: "What the server counts (Prometheus)",
        answerTo: async () =>
          new Response(await metrics.text(), { headers: { "content-type": metrics.contentType } }),
      }),
      route({
        method: "GET",
        path: "/openapi.json",
        summary: "This document",
        answerTo: openApi,
      }),
    ],
    failed: ({ code, message }: Failure) => ({ error: { code, message } }),
  };
}
