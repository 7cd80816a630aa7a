/**
 * What the programs of `tests/runtimes/programs/` are: one for each public module, which does what the
 * module is for and gives what came of it, as data. Each imports that module and no other, by its public
 * name, so that the same text runs from the source and from the installed package.
 */
export interface Place {
  /** The repository: a path, or an address. */
  readonly repository: string;
  /** A folder that may be written into; undefined in a browser. */
  readonly scratch: string | undefined;
}

/** What came of a program, by what it did. */
export type Findings = Readonly<Record<string, unknown>>;

/** A program. */
export type Program = (place: Place) => Findings | Promise<Findings>;
