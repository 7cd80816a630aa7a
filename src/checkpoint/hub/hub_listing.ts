/**
 * What the hub tells of a model or a data set, by its own package; loaded only when the hub is asked.
 *
 * @module
 */
import { datasetInfo, listFiles, modelInfo } from "@huggingface/hub";
import { AssayError } from "../../error.ts";
import { isCommit } from "./hub_name.ts";
import type { HubRequests } from "./hub_requests.ts";
import { badAnswer, checkedFile, type HubFile, mostFiles } from "./hub_tree.ts";

/**
 * The commit that a branch or tag has now.
 *
 * @param repo `org/name`, or `datasets/org/name` for a data set.
 *
 * @throws {AssayError} What {@link HubRequests} throws; `checkpoint/bad-hub-answer`.
 */
export async function askCommit(
  requests: HubRequests,
  repo: string,
  revision: string,
): Promise<string> {
  const [, dataset] = /^datasets\/(.*)$/.exec(repo) ?? [];
  const asked = {
    name: dataset ?? repo,
    revision,
    additionalFields: ["sha"] as ["sha"],
    hubUrl: addressOf(requests),
    fetch: requests.api(repo),
  };
  const { sha } = await answered(
    repo,
    async () => await (dataset === undefined ? modelInfo(asked) : datasetInfo(asked)),
  );
  if (typeof sha === "string" && isCommit(sha)) return sha;
  throw badAnswer(repo, "the commit of a revision", String(sha).slice(0, 100));
}

/**
 * All files of a commit. Names that no system but some could keep are left out: no file that scoring
 * reads has one.
 *
 * @throws {AssayError} What {@link HubRequests} throws; `checkpoint/bad-hub-answer`,
 * `checkpoint/path-leaves-folder`.
 */
export async function askFiles(
  requests: HubRequests,
  repo: string,
  commit: string,
): Promise<readonly HubFile[]> {
  const hubUrl = addressOf(requests);
  const parameters = { repo, revision: commit, recursive: true, hubUrl };
  const files = new Map<string, HubFile>();
  let listed = 0;
  await answered(repo, async () => {
    for await (const entry of listFiles({ ...parameters, fetch: requests.api(repo) })) {
      if (++listed > mostFiles) throw badAnswer(repo, `at most ${mostFiles} files`, "more");
      if (entry?.type !== "file" || /[\\:]/.test(String(entry.path))) continue;
      const file = checkedFile(entry, repo);
      files.set(file.path, file);
    }
  });
  return [...files.values()];
}

function addressOf({ endpoint }: HubRequests): string {
  return endpoint.href.replace(/\/$/, "");
}

/** An answer that the package can't read is no answer of a hub. */
async function answered<Value>(repo: string, ask: () => Promise<Value>): Promise<Value> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error;
    throw new AssayError(
      "checkpoint/bad-hub-answer",
      `Cannot use what the hub tells of ${repo}: expected its JSON, found something else (${error.message}); ` +
        "is HF_ENDPOINT a hub?",
      { cause: error },
    );
  }
}
