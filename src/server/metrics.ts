import { metrics } from "@opentelemetry/api";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { within } from "../scoring/packs/look_ahead.ts";
import type { ModelState } from "../scoring/reward_model.ts";
import type { ComputedTogether } from "../tasks/serve/request_queue.ts";
import type { ServedModels } from "./served_models.ts";

/** Seconds; from a cache's answer to a long wait. */
const buckets = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/**
 * What a server counts, in Prometheus' words; and the times once more in OpenTelemetry's, which Deno
 * sends where it is told to (`OTEL_DENO=true`).
 */
export class ServerMetrics {
  readonly #registry = new Registry();
  readonly #requests = new Counter({
    name: "assay_requests_total",
    help: "Requests that were answered, by protocol, address and code (ok, or the failure's)",
    labelNames: ["protocol", "path", "code"],
    registers: [this.#registry],
  });
  readonly #seconds = new Histogram({
    name: "assay_request_seconds",
    help: "Seconds from a request's arrival to its answer",
    labelNames: ["protocol", "path"],
    buckets,
    registers: [this.#registry],
  });
  readonly #waited = new Histogram({
    name: "assay_queue_wait_seconds",
    help: "Seconds that a conversation waited to be computed",
    labelNames: ["model"],
    buckets,
    registers: [this.#registry],
  });
  readonly #inference = new Histogram({
    name: "assay_inference_seconds",
    help: "Seconds from when conversations were taken together to their last verdict",
    labelNames: ["model"],
    buckets,
    registers: [this.#registry],
  });
  readonly #conversations = new Counter({
    name: "assay_conversations_total",
    help: "Conversations that were scored",
    labelNames: ["model"],
    registers: [this.#registry],
  });
  readonly #tokens = new Counter({
    name: "assay_tokens_total",
    help: "Tokens of the conversations that were scored",
    labelNames: ["model"],
    registers: [this.#registry],
  });
  readonly #batch = new Histogram({
    name: "assay_batch_tokens",
    help: "Tokens of conversations that were taken together",
    labelNames: ["model"],
    buckets: [16, 64, 256, 512, 1024, 2048, 4096, 8192, 16384],
    registers: [this.#registry],
  });

  readonly #sent = {
    inference: metrics.getMeter("assay").createHistogram("assay.inference.duration", {
      description: "From when conversations were taken together to their last verdict",
      unit: "s",
    }),
    wait: metrics.getMeter("assay").createHistogram("assay.queue.wait", {
      description: "A conversation's wait",
      unit: "s",
    }),
    tokens: metrics.getMeter("assay").createCounter("assay.tokens", {
      description: "Tokens of the conversations that were scored",
    }),
  };

  /** Counts what a model's queue holds, when it is asked for. */
  watch(models: ServedModels): void {
    const registers = [this.#registry];
    new Gauge({
      name: "assay_queue_depth",
      help: "Conversations that wait",
      labelNames: ["model"],
      registers,
      collect() {
        for (const { id, depth } of models.all) this.set({ model: id }, depth);
      },
    });
    new Gauge({
      name: "assay_ready",
      help: "1 where the model can compute",
      labelNames: ["model"],
      registers,
      collect() {
        for (const { id, model } of models.all) {
          this.set({ model: id }, model === undefined ? 0 : 1);
        }
      },
    });
    new Gauge({
      name: "assay_device_bytes",
      help: "Bytes of device memory that the model holds",
      labelNames: ["model"],
      registers,
      collect: gathered(models, ({ deviceBytes }) => deviceBytes),
    });
    new Gauge({
      name: "assay_shared_tokens",
      help:
        "Tokens that were not computed, since others of the same prompt were; since it was loaded",
      labelNames: ["model"],
      registers,
      collect: gathered(models, ({ tokens, computedTokens }) => tokens - computedTokens),
    });
  }

  /** Counts an answer. */
  answered(protocol: string, path: string, code: string, milliseconds: number): void {
    this.#requests.inc({ protocol, path, code });
    this.#seconds.observe({ protocol, path }, milliseconds / 1000);
  }

  /** Counts what a model computed together. */
  computed(model: string, { conversations, tokens, milliseconds, waited }: ComputedTogether): void {
    this.#conversations.inc({ model }, conversations);
    this.#tokens.inc({ model }, tokens);
    this.#inference.observe({ model }, milliseconds / 1000);
    this.#batch.observe({ model }, tokens);
    this.#sent.inference.record(milliseconds / 1000, { model });
    this.#sent.tokens.add(tokens, { model });
    for (const wait of waited) {
      this.#waited.observe({ model }, wait / 1000);
      this.#sent.wait.record(wait / 1000, { model });
    }
  }

  /** All of it, as Prometheus reads it. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  /** The media type of {@linkcode ServerMetrics.text}. */
  get contentType(): string {
    return this.#registry.contentType;
  }
}

/** Asks the models for a number; one that loads, or is too busy to say, has none this time. */
function gathered(models: ServedModels, numberOf: (state: ModelState) => number) {
  return async function (this: Gauge<"model">): Promise<void> {
    this.reset();
    await Promise.all(models.all.map(async ({ id, model }) => {
      // One that fails meanwhile has none either.
      const asked = model?.state().catch(() => undefined);
      const state = asked && await within(patience, asked);
      if (state !== undefined) this.set({ model: id }, numberOf(state));
    }));
  };
}

/** Milliseconds that a model has to tell its state: its worker hears nothing while it computes. */
const patience = 1000;
