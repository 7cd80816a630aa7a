/**
 * Lines of several processes that run at once, printed as if they ran one after another: those of the
 * first that has not ended at once, the others' when their turn comes.
 */
export class LinesInTurn {
  readonly #kept: string[][];
  readonly #ended: boolean[];
  readonly #print: (line: string) => void;
  #turn = 0;

  constructor(turns: number, print: (line: string) => void) {
    this.#kept = Array.from({ length: turns }, () => []);
    this.#ended = new Array<boolean>(turns).fill(false);
    this.#print = print;
  }

  /** Prints a line of a process, or keeps it until its turn. */
  print(turn: number, line: string): void {
    if (turn === this.#turn) this.#print(line);
    else this.#kept[turn]!.push(line);
  }

  /** Told that a process has ended. */
  end(turn: number): void {
    this.#ended[turn] = true;
    while (this.#ended[this.#turn]) {
      this.#turn++;
      for (const line of this.#kept[this.#turn] ?? []) this.#print(line);
    }
  }
}
