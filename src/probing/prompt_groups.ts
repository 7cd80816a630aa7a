import { fingerprint } from "../numbers/fingerprint.ts";

/** Most clusters that are drawn. */
const mostClusters = 10_000;

/**
 * Numbers prompts for a bootstrap over them, up to 10,000; a later one joins the cluster that its index
 * gives modulo 10,000. Which prompts are drawn together then depends on their order alone, so that
 * intervals stay right, and memory and work do not grow with them but for a key of each.
 */
export class PromptGroups {
  readonly #clusters = new Map<string, number>();

  /** How many different prompts there are. */
  get prompts(): number {
    return this.#clusters.size;
  }

  /** How many clusters they are drawn in. */
  get count(): number {
    return Math.min(this.prompts, mostClusters);
  }

  /** The cluster of a prompt. */
  of(prompt: string): number {
    const key = `${fingerprint(prompt)}:${prompt.length}`;
    const known = this.#clusters.get(key);
    if (known !== undefined) return known;
    const cluster = this.prompts % mostClusters;
    this.#clusters.set(key, cluster);
    return cluster;
  }
}
