/** Which variant of a kernel was found to be the fastest, by what it is used for. */
export type Choices = ReadonlyMap<string, string>;

/** The name of the browser's or Deno's cache that holds choices; it needs no permission. */
const cacheName = "assay-kernel-choices";

/** Choices of this process, by key: all there is where the runtime has no cache that lasts. */
const ofThisProcess = new Map<string, Choices>();

/**
 * Remembers choices under a key, across processes where the runtime has the Cache API (Deno,
 * browsers, workers of both). Where it has none, or won't store, the choices last as long as the
 * process; neither is an error, since a choice only saves time.
 */
export class ChoiceStore {
  readonly #key: string;

  /** @param key All that the choices depend on. */
  constructor(key: Readonly<Record<string, string>>) {
    // The API wants an HTTP address; nothing is ever asked of it.
    this.#key = `https://assay.invalid/kernel-choices?${new URLSearchParams(key)}`;
  }

  /** What is remembered; nothing of it is trusted to name a variant that exists. */
  async read(): Promise<Choices> {
    const held = ofThisProcess.get(this.#key);
    if (held !== undefined) return held;
    try {
      const cache = await globalThis.caches.open(cacheName);
      const stored: unknown = await (await cache.match(this.#key))?.json();
      const entries = Object.entries(stored ?? {}).filter(([, name]) => typeof name === "string");
      return new Map(entries);
    } catch {
      return new Map();
    }
  }

  /**
   * Adds to what is remembered.
   *
   * @returns Whether it lasts longer than the process.
   */
  async add(choices: Choices): Promise<boolean> {
    const all = new Map([...await this.read(), ...choices]);
    ofThisProcess.set(this.#key, all);
    try {
      const cache = await globalThis.caches.open(cacheName);
      await cache.put(this.#key, Response.json(Object.fromEntries(all)));
      return true;
    } catch {
      return false; // remembered for this process, then
    }
  }
}
