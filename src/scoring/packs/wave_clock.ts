/** How far a wave has come: packs that go through streamed layers together, each layer read once for all. */
export interface WaveProgress {
  /** Which wave it is, from 1 on. */
  readonly wave: number;
  /** How many waves there are, as far as can be told; `undefined` while conversations come as they like. */
  readonly waves: number | undefined;
  /** Layers that the wave has been through. */
  readonly layer: number;
  /** Layers of the model. */
  readonly layers: number;
  /** Seconds until all is done, by the layers so far; `undefined` where nothing is known yet. */
  readonly secondsLeft: number | undefined;
}

/** Latest layers whose time counts: what else the machine does may change. */
const latest = 8;
/**
 * What the last layer takes of another's time while none was seen: it computes little, and is read like
 * the others.
 */
const lastShare = 0.15;

/** Tells how long the waves will yet take, by the layers that are done. */
export class WaveClock {
  #wave = 0;
  #rows = 0;
  #rowsAfter: number | undefined;
  #layer = 0;
  #since = 0;
  /** Seconds of the wave's layers but the first and the last, which are of their own kind. */
  #times: number[] = [];
  #first: number | undefined;
  /** Of the wave before: its rows, and seconds of a layer, the first and the last. */
  #before:
    | {
      readonly rows: number;
      readonly usual: number;
      readonly first: number;
      readonly last: number;
    }
    | undefined;

  constructor(readonly layers: number, readonly now: () => number = () => performance.now()) {}

  /**
   * A wave begins.
   *
   * @param rows Rows of its packs.
   * @param rowsAfter Rows that come after it, where that can be told.
   */
  begin(rows: number, rowsAfter: number | undefined): void {
    this.#wave++;
    this.#rows = rows;
    this.#rowsAfter = rowsAfter;
    this.#layer = 0;
    this.#times = [];
    this.#first = undefined;
    this.#since = this.now();
  }

  /** The wave has been through another layer. */
  layerDone(): void {
    const now = this.now();
    const seconds = (now - this.#since) / 1000;
    this.#since = now;
    this.#layer++;
    if (this.#layer === 1) this.#first = seconds;
    else if (this.#layer < this.layers) this.#times.push(seconds);
    if (this.#layer === this.layers) {
      const usual = this.#usual ?? seconds;
      this.#before = { rows: this.#rows, usual, first: this.#first!, last: seconds };
    }
  }

  /** Where things stand. */
  get progress(): WaveProgress {
    const after = this.#rowsAfter;
    const waves = after === undefined ? undefined : this.#wave + Math.ceil(after / this.#rows);
    const secondsLeft = this.#secondsLeft();
    return { wave: this.#wave, waves, layer: this.#layer, layers: this.layers, secondsLeft };
  }

  /** Seconds of a layer of this wave, by those that are done, or by the wave before. */
  get #usual(): number | undefined {
    if (this.#times.length > 0) {
      const times = this.#times.slice(-latest);
      return times.reduce((a, b) => a + b, 0) / times.length;
    }
    const before = this.#before;
    if (before !== undefined) return this.#scaled(before.usual, this.#rows / before.rows);
    return this.#first;
  }

  /** What a layer takes with other rows: the last layer's time, mostly reading, is there in any case. */
  #scaled(seconds: number, factor: number): number {
    const fixed = Math.min(this.#before?.last ?? 0, seconds);
    return fixed + (seconds - fixed) * factor;
  }

  #secondsLeft(): number | undefined {
    const usual = this.#usual;
    const rowsAfter = this.#rowsAfter;
    if (usual === undefined || rowsAfter === undefined) return undefined;
    const last = this.#before?.last ?? lastShare * usual;
    const middle = (count: number, seconds: number): number => Math.max(0, count) * seconds;
    const left = this.layers - this.#layer;
    const here = left === 0 ? 0 : middle(left - 1, usual) + last;
    const whole = Math.floor(rowsAfter / this.#rows);
    const rest = (rowsAfter - whole * this.#rows) / this.#rows;
    const wave = (factor: number): number =>
      middle(this.layers - 1, this.#scaled(usual, factor)) + last;
    return here + whole * wave(1) + (rest > 0 ? wave(rest) : 0);
  }
}
