import { serverError } from "./failures.ts";
import type { ServedModel } from "./served_model.ts";

/** The models of a server, by the names that requests choose them by. */
export class ServedModels {
  readonly #models = new Map<string, ServedModel>();
  #isReady = false;

  /** @param models At least one; the first answers requests that name none. */
  constructor(models: readonly ServedModel[]) {
    for (const model of models) this.#models.set(model.id, model);
  }

  /** All of them, in order. */
  get all(): readonly ServedModel[] {
    return [...this.#models.values()];
  }

  /** Whether every model can compute now. */
  get isReady(): boolean {
    return this.#isReady && this.all.every(({ model }) => model !== undefined);
  }

  /**
   * Loads all of them, one after another.
   *
   * @throws {AssayError} What loading throws.
   */
  async open(): Promise<void> {
    for (const model of this.all) await model.open();
    this.#isReady = true;
  }

  /**
   * The model of a name; the only one, or the first, where a request names none.
   *
   * @throws {AssayError} `server/unknown-model`, `server/not-ready`.
   */
  named(name: string | null | undefined): ServedModel {
    if (!this.#isReady) {
      throw serverError("server/not-ready", "The server still loads its models: try again");
    }
    const wanted = name ?? "";
    const model = wanted === "" ? this.all[0] : this.#models.get(wanted);
    if (model !== undefined) return model;
    throw serverError(
      "server/unknown-model",
      `Cannot find the model ${JSON.stringify(wanted.slice(0, 100))}: expected ${
        [...this.#models.keys()].map((id) => JSON.stringify(id)).join(" or ")
      }, or no name at all`,
    );
  }

  /** Answers what waits, takes nothing more, and frees them. */
  async close(): Promise<void> {
    await Promise.all(this.all.map((model) => model.close()));
  }
}
