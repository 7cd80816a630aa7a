import { application, type ApplicationOptions } from "../../src/server/application.ts";
import { ServerMetrics } from "../../src/server/metrics.ts";
import { protocolsOf } from "../../src/server/serve.ts";
import { ServedModel, type ServedModelParts } from "../../src/server/served_model.ts";
import { ServedModels } from "../../src/server/served_models.ts";
import { FakeModel } from "./fake_model.ts";

/** An answer, its body read. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // deno-lint-ignore no-explicit-any -- whatever a protocol answers
  readonly json: any;
}

/** A server of fake models that is asked without a socket. */
export class AskedServer implements AsyncDisposable {
  readonly log: string[] = [];
  readonly metrics = new ServerMetrics();
  readonly models: ServedModels;
  /** The models that were loaded, in order: a model that failed is loaded again. */
  readonly loaded: FakeModel[] = [];
  readonly #answer: (request: Request) => Response | Promise<Response>;

  constructor(
    options: Partial<ApplicationOptions> = {},
    parts: Partial<ServedModelParts> = {},
    ids: readonly string[] = ["fake"],
  ) {
    const log = (message: string) => void this.log.push(message);
    this.models = new ServedModels(ids.map((id) =>
      new ServedModel({
        id,
        log,
        onComputed: (computed) => this.metrics.computed(id, computed),
        load: () => {
          const model = new FakeModel();
          this.loaded.push(model);
          return Promise.resolve(model);
        },
        ...parts,
      })
    ));
    this.metrics.watch(this.models);
    const protocols = protocolsOf(this.models, this.metrics);
    const app = application({ models: this.models, protocols, metrics: this.metrics }, {
      log,
      ...options,
    });
    this.#answer = (request) => app.fetch(request);
  }

  /** A server whose models are loaded. */
  static async ready(...operands: ConstructorParameters<typeof AskedServer>): Promise<AskedServer> {
    const server = new AskedServer(...operands);
    await server.models.open();
    return server;
  }

  /** Asks with JSON, or with what `init` says. */
  async post(path: string, body: unknown, init: RequestInit = {}): Promise<Answer> {
    const headers = { "content-type": "application/json" };
    const text = typeof body === "string" ? body : JSON.stringify(body);
    return await this.ask(path, { method: "POST", headers, body: text, ...init });
  }

  async ask(path: string, init: RequestInit = {}): Promise<Answer> {
    const response = await this.#answer(new Request(`http://localhost${path}`, init));
    const text = await response.text();
    const isJson = /\/json/.test(response.headers.get("content-type") ?? "");
    const json = isJson ? JSON.parse(text) : undefined;
    return { status: response.status, headers: response.headers, text, json };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.models.close();
  }
}
