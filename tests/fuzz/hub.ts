import assert from "node:assert/strict";
import { parseHubName } from "../../src/checkpoint/hub/hub_name.ts";
import {
  checkedFile,
  formatTree,
  type HubFile,
  parseTree,
} from "../../src/checkpoint/hub/hub_tree.ts";
import { wantedTexts, wantedWeights } from "../../src/checkpoint/hub/wanted_files.ts";
import { mutateText, mutateValue } from "./mutations.ts";
import type { FuzzTarget } from "./target.ts";

const commit = "0123456789abcdef0123456789abcdef01234567";
const names = ["hf:org/name", "hf:org/name@main", "hf:o.r_g/n-a.me@refs/pr/3", `hf:a/b@${commit}`];
const hash = commit + commit.slice(0, 24);
const listing = [
  { type: "file", path: "config.json", size: 800, oid: commit },
  {
    type: "file",
    path: "parts/model-1.safetensors",
    size: 5,
    oid: commit,
    lfs: { oid: hash, size: 9 },
  },
  { type: "file", path: "model.safetensors", size: 5, oid: commit, lfs: { oid: hash, size: 9 } },
];
const index = JSON.stringify({
  weight_map: { a: "parts/model-1.safetensors", b: "model.safetensors" },
});
const tree = formatTree(listing.map((entry) => checkedFile(entry, "it")));

/** Holds that nothing of a listing names a place outside of the cache. */
function checkFiles(files: readonly HubFile[]): void {
  for (const { path, size, blobId, sha256 } of files) {
    assert.equal(new URL(path, "file:///in/").pathname.startsWith("/in/"), true, path);
    assert.doesNotMatch(path, /(^|[\\/])\.\.?([\\/]|$)|^[\\/]|\\/);
    assert.match(blobId, /^[0-9a-f]{40}$/);
    assert.match(sha256 ?? hash, /^[0-9a-f]{64}$/);
    assert.ok(Number.isSafeInteger(size) && size >= 0);
  }
}

/** Names of models, and what a hub or its cache tells of their files. */
export const hub: FuzzTarget = {
  name: "hub",
  gateCases: 10_000,
  draw(random) {
    const kind = random.pick(["name", "listing", "tree"]);
    const name = mutateText(random, random.pick(names));
    const entries = mutateValue(random, listing);
    const kept = mutateText(random, tree);
    const shards = random.chance(0.5) ? index : mutateText(random, index);
    return {
      what: kind,
      input: {
        name,
        entries,
        kept,
        shards,
      }[kind === "tree" ? "kept" : kind === "name" ? "name" : "entries"],
      run() {
        if (kind === "name") {
          const { repo, revision } = parseHubName(name);
          for (const part of `${repo}/${revision}`.split("/")) {
            assert.match(part, /^[\w+.-]+$/);
            assert.doesNotMatch(part, /^\.|\.$/);
          }
          return "named";
        }
        const files = kind === "tree"
          ? parseTree(kept, "it")
          : (Array.isArray(entries) ? entries : [entries]).map((entry) =>
            checkedFile(entry ?? {}, "it")
          );
        if (files === undefined) return "asked for again";
        checkFiles(files);
        assert.deepEqual(new Set(parseTree(formatTree(files), "it")), new Set(byPath(files)));
        checkFiles([...wantedTexts(files), ...wantedWeights(files, shards, "it")]);
        return "read";
      },
    };
  },
};

/** Of files of one path the last, as an object keeps them. */
function byPath(files: readonly HubFile[]): HubFile[] {
  return [...new Map(files.map((file) => [file.path, file])).values()];
}
