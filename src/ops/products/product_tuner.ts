import { matmulTextureShader, productShaders } from "../../../shaders/shaders.ts";
import { AssayError } from "../../error.ts";
import { adapterName } from "../../gpu/adapter.ts";
import { type Choices, ChoiceStore } from "../../gpu/choice_store.ts";
import type { Device } from "../../gpu/device.ts";
import type { KernelSet } from "../../gpu/kernel_set.ts";
import { fingerprint } from "../../numbers/fingerprint.ts";
import type { ProductsAhead } from "../backend.ts";
import { productName, productTiles, tileName, tilesOf } from "./product_tiles.ts";
import { fastestTiles } from "./tile_timing.ts";
import type { Weight } from "../weight.ts";

/**
 * How the tiles of matrix products are chosen: `auto` times them where there is much work, `off`
 * takes the kernel set's first one, and a tile's name (`assay doctor` lists them) pins it.
 */
export type Tuning = "auto" | "off" | (string & Record<never, never>);

/**
 * Operations from which timing pays: about ten seconds of work, at 25 GFLOP/s of a software adapter
 * and 2 TFLOP/s of a small GPU. Below it nothing is compiled, timed or looked up.
 */
const worthwhile = { software: 2.5e11, hardware: 2e13 };

/** What the tuner needs of a {@link ChoiceStore}. */
type Memory = Pick<ChoiceStore, "read"> & { add(choices: Choices): Promise<unknown> };

/** Computes the products with some weights on inputs of some rows; tells the milliseconds of each. */
export type TimeProducts = (
  weights: readonly Weight[],
  rows: number,
) => Promise<readonly number[]>;

/**
 * Autotuning: chooses the tiles of matrix products by timing them. Every tile of a kernel set gives the same bits, so a choice is a
 * matter of time alone.
 */
export class ProductTuner {
  readonly #store: Memory;
  readonly #chosen = new Map<string, string>();
  /** Products that were looked up or timed, whether or not that led to a choice. */
  readonly #considered = new Set<string>();
  #operations = 0;
  /** The tile that is being timed. */
  #timed: string | undefined;

  readonly #worth: number;
  readonly #now: () => number;

  /**
   * @param options.worth Operations from which timing pays; by default by the kind of adapter.
   * @param options.store Where choices are remembered.
   * @param options.now The clock that bounds the timing, in milliseconds.
   * @throws {AssayError} `ops/unknown-tile` where a tile is pinned that the kernel set does not have.
   */
  constructor(
    readonly device: Device,
    readonly kernelSet: KernelSet,
    readonly tuning: Tuning = "auto",
    options: {
      readonly worth?: number | undefined;
      readonly store?: Memory | undefined;
      readonly now?: (() => number) | undefined;
    } = {},
  ) {
    if (tuning !== "auto" && tuning !== "off" && !this.tiles.includes(tuning)) {
      throw new AssayError(
        "ops/unknown-tile",
        `Cannot pin the tile "${tuning}": expected one of the ${kernelSet} kernels' tiles here ` +
          `(${this.tiles.join(", ")}), "auto" or "off"`,
      );
    }
    this.#worth = options.worth ?? worthwhile[device.adapter.software ? "software" : "hardware"];
    this.#now = options.now ?? (() => performance.now());
    this.#store = options.store ?? new ChoiceStore(storeKey(device, kernelSet));
  }

  /** Names of the kernel set's tiles that the adapter can run. */
  get tiles(): readonly string[] {
    return tilesOf(this.kernelSet, this.device).map(tileName);
  }

  /** The tile of a product, by their names; `undefined` for the kernel set's first one. */
  choose(product: string): string | undefined {
    if (this.#timed !== undefined) return this.#timed;
    if (this.tuning === "auto") return this.#chosen.get(product);
    return this.tuning === "off" ? undefined : this.tuning;
  }

  /** The tile of products for which none was found by timing. */
  get usualTile(): string {
    return this.tuning === "auto" || this.tuning === "off" ? this.tiles[0]! : this.tuning;
  }

  /** The tiles that were found by timing, in this process or an earlier one, by product. */
  async timedTiles(): Promise<Choices> {
    return this.tuning === "auto" ? await this.#store.read() : new Map();
  }

  /** Told of work to come. Once it adds up to much, tiles are looked up, or else timed. */
  async consider(ahead: ProductsAhead, time: TimeProducts): Promise<void> {
    this.#operations += ahead.operations;
    if (this.tuning !== "auto" || !this.device.canTime || this.#operations < this.#worth) return;
    const open = new Map(ahead.weights.map((weight) => [productName(weight), weight]));
    for (const name of this.#considered) open.delete(name);
    if (open.size === 0) return;
    for (const name of open.keys()) this.#considered.add(name);
    for (const [name, tile] of await this.#store.read()) {
      if (open.delete(name)) this.#chosen.set(name, tile);
    }
    if (open.size === 0) return;
    const found = await this.#time(open, ahead.rows, time);
    found.forEach((tile, name) => this.#chosen.set(name, tile));
    await this.#store.add(found);
  }

  async #time(
    weights: ReadonlyMap<string, Weight>,
    rows: number,
    time: TimeProducts,
  ): Promise<Map<string, string>> {
    try {
      return await fastestTiles({
        tiles: this.tiles,
        products: [...weights.keys()],
        rows,
        time: (tile, count) => {
          this.#timed = tile;
          return time([...weights.values()], count);
        },
        now: this.#now,
      });
    } finally {
      this.#timed = undefined;
    }
  }
}

/** What a choice depends on: the adapter with its driver, as far as it tells; the runtime; the kernels. */
function storeKey(device: Device, kernelSet: KernelSet): Record<string, string> {
  const shaders = kernelSet === "tiled" ? [...productShaders.values()] : [matmulTextureShader];
  const source = shaders.map((shader) => shader.source).join();
  return {
    adapter: adapterName(device.adapter),
    runtime: navigator.userAgent,
    kernels: `${kernelSet} ${fingerprint(source + JSON.stringify(productTiles[kernelSet]))}`,
  };
}
