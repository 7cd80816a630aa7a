import assert from "node:assert/strict";
import { Checkpoint } from "../../../src/checkpoint/checkpoint.ts";
import { parseHubName } from "../../../src/checkpoint/hub/hub_name.ts";
import { refused } from "./models.ts";

Deno.test("a name of the hub has a model and, by default, the branch main", () => {
  const commit = "0123456789abcdef0123456789abcdef01234567";
  const names: [string, string, string][] = [
    ["hf:org/name", "org/name", "main"],
    ["hf:Skywork/Skywork-Reward-V2-Qwen3-0.6B", "Skywork/Skywork-Reward-V2-Qwen3-0.6B", "main"],
    ["HF:org/name@v1.0", "org/name", "v1.0"],
    ["hf:org/name@refs/pr/3", "org/name", "refs/pr/3"],
    [`hf:org/name@${commit}`, "org/name", commit],
  ];
  for (const [text, repo, revision] of names) {
    assert.deepEqual(parseHubName(text), { repo, revision }, text);
  }
});

Deno.test("what is no name of the hub, or would lead elsewhere, is refused", async () => {
  const names = [
    "hf:",
    "hf:name",
    "hf:org/name/voters.safetensors",
    "hf:/name",
    "hf:org/",
    "hf:../name",
    "hf:org/..",
    "hf:org/.hidden",
    "hf:org/a--b",
    "hf:org/name.git",
    "hf:org/na me",
    "hf:org/name?x=1",
    "hf:org/name#x",
    "hf:org/%2e%2e",
    "hf:org\\name/x",
    "hf:https://host/name",
    "hf:org/name@",
    "hf:org/name@../../etc",
    "hf:org/name@a..b",
    "hf:org/name@/main",
    "hf:org/name@a//b",
    "hf:org/name@a b",
    "hf:org/name@.x",
    "hf:org/name@ma\nin",
    `hf:org/${"n".repeat(97)}`,
    `hf:org/name@${"n".repeat(251)}`,
  ];
  for (const name of names) {
    await refused(
      Promise.resolve().then(() => parseHubName(name)),
      "checkpoint/bad-hub-name",
      /expected hf:org\/name/,
    );
  }
});

Deno.test("where there are no files, as in a browser, a name of the hub is refused with the address to take", async () => {
  const own = Object.getOwnPropertyDescriptor(globalThis, "process")!;
  Object.defineProperty(globalThis, "process", { value: undefined, configurable: true });
  try {
    const opened = Checkpoint.open("hf:org/name");
    await refused(
      opened,
      "checkpoint/no-file-system",
      /browser.*huggingface\.co\/org\/name\/resolve/,
    );
  } finally {
    Object.defineProperty(globalThis, "process", own);
  }
});
