import type { BackendChoice, RewardModelWorker } from "../../mod.ts";
import { byId, bytesText, errorText, make, show } from "./elements.ts";
import { onDrop } from "./file_choice.ts";
import { forgetModel, type KeptModel, keptModels, room } from "./kept_models.ts";
import { loadModel, type ModelChoice } from "./load_model.ts";
import { folderOfDrop, folderOfHandle, folderOfInput, type PickedFolder } from "./picked_files.ts";

/** What TypeScript does not know of every browser. */
type PickFolder = () => Promise<FileSystemDirectoryHandle>;

/** Where a model is chosen, loaded, told of and closed. */
export class ModelPanel {
  #model: RewardModelWorker | undefined;
  #loading: AbortController | undefined;
  readonly #onModel: (model: RewardModelWorker | undefined) => void;

  /** @param onModel Told of each model that was loaded, and of its end. */
  constructor(onModel: (model: RewardModelWorker | undefined) => void) {
    this.#onModel = onModel;
    byId("load-demo").addEventListener("click", () => this.#loadAddress("models/demo"));
    byId("address-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#loadAddress(byId<HTMLInputElement>("address").value);
    });
    const picker = byId<HTMLInputElement>("folder-input");
    picker.addEventListener("change", () => {
      if (picker.files!.length > 0) this.#loadPicked(folderOfInput([...picker.files!]));
      picker.value = "";
    });
    byId("pick-folder").addEventListener("click", () => this.#pick(picker));
    onDrop(byId("model-choice"), async (data) => this.#loadPicked(await folderOfDrop(data)));
    byId("cancel").addEventListener("click", () => {
      this.#loading?.abort(new DOMException("Loading was cancelled.", "AbortError"));
    });
    byId("close-model").addEventListener("click", () => this.#close());
    this.#listKept();
  }

  async #pick(picker: HTMLInputElement): Promise<void> {
    const pickFolder = (globalThis as { showDirectoryPicker?: PickFolder }).showDirectoryPicker;
    if (pickFolder === undefined) return picker.click();
    try {
      this.#loadPicked(await folderOfHandle(await pickFolder()));
    } catch (error) {
      if ((error as Error).name !== "AbortError") picker.click(); // it is not allowed everywhere
    }
  }

  #loadAddress(address: string): void {
    this.#load({ kind: "address", address });
  }

  #loadPicked(folder: PickedFolder): void {
    const isToKeep = byId<HTMLInputElement>("keep").checked;
    this.#load({ kind: "picked", folder, isToKeep });
  }

  async #load(choice: ModelChoice): Promise<void> {
    this.#loading?.abort();
    this.#close();
    const loading = this.#loading = new AbortController();
    const warnings: string[] = [];
    byId("model-error").textContent = "";
    show(byId("loading"), true);
    this.#told("Looking at the model…", undefined);
    try {
      const model = await loadModel(choice, {
        backend: byId<HTMLSelectElement>("backend").value as BackendChoice,
        label: byId<HTMLInputElement>("label").value || undefined,
        truncate: (byId<HTMLSelectElement>("truncate").value || undefined) as "left" | undefined,
        signal: loading.signal,
        onKept: ({ file, done, total }) =>
          this.#told(`Fetching ${file}: ${bytesText(done)} of ${bytesText(total)}`, done / total),
        onLayers: ({ done, total }) =>
          this.#told(`Loading layer ${done} of ${total}`, done / (total ?? done)),
        onWarning: (message) => warnings.push(message),
      });
      this.#model = model;
      await this.#showModel(model, warnings);
      this.#onModel(model);
    } catch (error) {
      if (this.#loading === loading) byId("model-error").textContent = errorText(error);
    } finally {
      if (this.#loading === loading) {
        this.#loading = undefined;
        show(byId("loading"), false);
      }
      this.#listKept();
    }
  }

  #told(text: string, share: number | undefined): void {
    byId("loading-state").textContent = text;
    const progress = byId<HTMLProgressElement>("loading-progress");
    if (share === undefined) progress.removeAttribute("value");
    else progress.value = share;
  }

  async #showModel(model: RewardModelWorker, warnings: readonly string[]): Promise<void> {
    const { deviceBytes } = await model.state();
    const facts: readonly (readonly [string, string])[] = [
      ["Architecture", model.architecture],
      ["Head", `${model.headKind}${model.label === null ? "" : `, label ${model.label}`}`],
      ["Objectives", model.objectives.length === 0 ? "none" : String(model.objectives.length)],
      ["Longest", `${model.maxTokens} tokens`],
      ["Computed by", computedBy(model)],
      ["Memory", `${bytesText(deviceBytes)}, layers ${model.plan.layers}`],
    ];
    byId("model-name").textContent = model.name;
    byId("model-facts").replaceChildren(
      ...facts.map(([name, value]) =>
        make("div", {}, make("dt", { textContent: name }), make("dd", { textContent: value }))
      ),
    );
    byId("model-warnings").replaceChildren(
      ...warnings.map((warning) => make("li", { textContent: warning })),
    );
    show(byId("model-loaded"), true);
  }

  /** Ends the model's worker, and gives its memory back. */
  #close(): void {
    this.#model?.[Symbol.dispose]();
    this.#model = undefined;
    show(byId("model-loaded"), false);
    this.#onModel(undefined);
  }

  async #listKept(): Promise<void> {
    try {
      const models = await keptModels();
      const { used, quota } = await room();
      byId("kept-title").textContent = `Kept in this browser: ${models.length}`;
      byId("kept-room").textContent = `This site holds ${bytesText(used)} of the ${
        bytesText(quota)
      } that the browser allows.`;
      byId("kept-list").replaceChildren(...models.map((model) => this.#keptItem(model)));
      show(byId("kept"), models.length > 0);
    } catch (error) {
      byId("model-error").textContent =
        `Models can't be kept in this browser (a private window?): ${errorText(error)}`;
    }
  }

  #keptItem(model: KeptModel): HTMLElement {
    const { name, source, files, isComplete } = model;
    const bytes = files.reduce((sum, { size }) => sum + size, 0);
    const load = make("button", {
      type: "button",
      className: "plain",
      textContent: isComplete ? "Load" : "Go on",
      ariaLabel: `${isComplete ? "Load" : "Go on with"} ${name}`,
    });
    load.addEventListener("click", () => this.#load({ kind: "kept", model }));
    const remove = make("button", {
      type: "button",
      className: "plain",
      textContent: "Delete",
      ariaLabel: `Delete ${name}`,
    });
    remove.addEventListener("click", async () => {
      await forgetModel(source);
      await this.#listKept();
    });
    const told = `${bytesText(bytes)}${isComplete ? "" : ", not in full yet"}${
      source.startsWith("picked:") ? ", picked" : `, ${source}`
    }`;
    return make(
      "li",
      {},
      make(
        "div",
        {},
        make("strong", { textContent: name }),
        make("div", {
          className: "quiet",
          textContent: told,
        }),
      ),
      load,
      remove,
    );
  }
}

function computedBy({ backend, kernels }: RewardModelWorker): string {
  if (backend === "gpu") return `WebGPU (${kernels})`;
  if (backend === "cpu") return "plain loops";
  const threads = crossOriginIsolated ? navigator.hardwareConcurrency : 1;
  return `WebAssembly (${kernels}), ${
    threads === 1 ? "1 thread" : `up to ${Math.min(threads, 16)} threads`
  }`;
}
