import type { Calibrator } from "../calibration/calibrator.ts";
import { serveHttp } from "../runtime/http_server.ts";
import type { IdentifiedModel } from "../fleet/identified_model.ts";
import { application, type ApplicationOptions } from "./application.ts";
import { ServerMetrics } from "./metrics.ts";
import { openApiDocument } from "./open_api.ts";
import { pageProtocol } from "./page/page.ts";
import type { Protocol } from "./protocol.ts";
import { assayProtocol } from "./protocols/assay.ts";
import { nemoGym } from "./protocols/nemo_gym.ts";
import { openRlhf } from "./protocols/openrlhf.ts";
import { promptfoo } from "./protocols/promptfoo.ts";
import { rerankers } from "./protocols/rerank.ts";
import { sglang } from "./protocols/sglang.ts";
import { slime } from "./protocols/slime.ts";
import { stateProtocol } from "./protocols/state.ts";
import { tei } from "./protocols/tei.ts";
import { vllm } from "./protocols/vllm.ts";
import { ServedModel } from "./served_model.ts";
import { ServedModels } from "./served_models.ts";

/** A model to serve. */
export interface ModelToServe {
  /** The name that requests choose it by. */
  readonly id: string;
  /** Loads it; called again where it failed as a whole. */
  readonly load: () => Promise<IdentifiedModel>;
}

/** How a server runs. */
export interface ServeOptions extends ApplicationOptions {
  /** Where it listens; `127.0.0.1` by default, which no other machine reaches. */
  readonly host?: string | undefined;
  /** The port; 8000 by default, 0 for any that is free. */
  readonly port?: number | undefined;
  /** Conversations that may wait for each model; 1,024 by default. */
  readonly mostWaiting?: number | undefined;
  /** Estimated tokens that are taken out of a queue together; 2,048 by default. */
  readonly tokensTogether?: number | undefined;
  /** Adds calibrated scores to the rows of `/v1/score`. */
  readonly calibrator?: Calibrator | undefined;
}

/** A server that runs. */
export interface RunningServer {
  /** Where it listens: `http://127.0.0.1:8000`. */
  readonly address: string;
  /** Resolves once every model is loaded; rejects where one can't be. */
  readonly ready: Promise<void>;
  /** Answers what is queued, refuses what is new, then ends. */
  stop(): Promise<void>;
}

/**
 * Every protocol, in the order in which they are asked where several have one address.
 *
 * @param calibrator Adds calibrated scores to the rows of `/v1/score`.
 */
export function protocolsOf(
  models: ServedModels,
  metrics: ServerMetrics,
  calibrator?: Calibrator,
): readonly Protocol[] {
  const protocols: readonly Protocol[] = [
    assayProtocol(calibrator),
    vllm,
    rerankers,
    sglang,
    tei,
    openRlhf,
    slime,
    nemoGym,
    promptfoo,
    stateProtocol(models, metrics, () => openApiDocument(protocols)),
    pageProtocol,
  ];
  return protocols;
}

/**
 * Serves models over HTTP, in the protocols of reward models' clients. It listens at once and is ready
 * once its models are loaded; what asks before is told to try again.
 *
 * @param models At least one; the first answers requests that name none.
 * @param options Where it listens, and what bounds requests.
 * @returns The server, once it listens.
 */
export async function serve(
  models: readonly ModelToServe[],
  options: ServeOptions,
): Promise<RunningServer> {
  const metrics = new ServerMetrics();
  const { log, mostWaiting, tokensTogether } = options;
  const served = new ServedModels(models.map(({ id, load }) =>
    new ServedModel({
      id,
      load,
      log,
      mostWaiting,
      tokensTogether,
      onComputed: (computed) => metrics.computed(id, computed),
    })
  ));
  metrics.watch(served);
  const protocols = protocolsOf(served, metrics, options.calibrator);
  const app = application({ models: served, protocols, metrics }, options);

  const server = await serveHttp(
    options.host ?? "127.0.0.1",
    options.port ?? 8000,
    (request) => app.fetch(request),
  );
  const { hostname, port } = server;
  const ready = served.open();
  ready.catch(() => {}); // whoever waits for it hears of it
  return {
    address: `http://${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`,
    ready,
    async stop() {
      await served.close();
      await server.shutdown();
    },
  };
}
