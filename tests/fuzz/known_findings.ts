/** A finding that stands until its room mends it. Each run tells how many cases it kept from running. */
export interface KnownFinding {
  readonly target: string;
  /** What is wrong, and where. */
  readonly reason: string;
  /** Whether a case would only find it again; by its input. */
  readonly skips: (input: unknown) => boolean;
}

/** Empty is how it should be. */
export const knownFindings: readonly KnownFinding[] = [];
