import { persist, type Persistence } from "./persist.ts";
import type { QueueConnection } from "./queue_connection.ts";
import { streamPrefix } from "./run_subjects.ts";

/** The names of the runs in the queue. */
export async function runNames(
  { manager }: QueueConnection,
  persistence: Persistence,
): Promise<string[]> {
  return await persist(persistence, { doing: "list runs" }, async () => {
    const names: string[] = [];
    for await (const name of manager.streams.names("assay.run.>")) {
      if (name.startsWith(streamPrefix)) names.push(name.slice(streamPrefix.length));
    }
    return names.sort();
  });
}
