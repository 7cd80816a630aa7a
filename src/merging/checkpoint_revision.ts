import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { TensorInfo } from "../checkpoint/tensor.ts";
import { sha256 } from "../numbers/sha256.ts";

/** Text files that decide a score. */
const hashedFiles: readonly string[] = [
  "tokenizer.json",
  "tokenizer_config.json",
  "chat_template.jinja",
];

/** Bytes read of a tensor that is larger. */
const sampleBytes = 4096;

/** Tensors up to this size are read whole: heads, norms, and all of a small model. */
const wholeBytes = 256 * 1024;

/**
 * A fingerprint of everything in a checkpoint that decides its scores: configuration, tokenizer, chat
 * template, the form of every tensor, and its bytes: of tensors up to 256 KiB all, of larger ones
 * some rows at the beginning, the middle and the end. Fine-tuning moves nearly every row, so two
 * checkpoints that differ have different revisions for all practical purposes, and an 8B model's is
 * found in a second.
 *
 * @param checkpoint The checkpoint, opened.
 * @returns 32 hexadecimal digits.
 */
export async function checkpointRevision(checkpoint: Checkpoint): Promise<string> {
  const parts: string[] = [JSON.stringify(checkpoint.config)];
  for (const file of hashedFiles) parts.push(await checkpoint.readText(file) ?? "");
  const special = await checkpoint.readText("special_tokens_map.json");
  if (special !== undefined) parts.push(special);
  const infos = [...checkpoint.tensors.values()].sort((a, b) => a.name < b.name ? -1 : 1);
  for (const info of infos) {
    const form = JSON.stringify([info.name, info.dtype, info.shape]);
    parts.push(form + await sampleDigest(checkpoint, info));
  }
  return await sha256(parts.join("\u0000"));
}

async function sampleDigest(checkpoint: Checkpoint, info: TensorInfo): Promise<string> {
  if (info.byteLength <= wholeBytes || info.shape.length === 0) {
    return await sha256((await checkpoint.read(info.name)).bytes);
  }
  const rows = info.shape[0]!;
  const count = Math.min(rows, Math.max(1, Math.floor(sampleBytes * rows / info.byteLength)));
  const digests: string[] = [];
  for (const start of new Set([0, Math.floor((rows - count) / 2), rows - count])) {
    digests.push(await sha256((await checkpoint.readRows(info.name, start, count)).bytes));
  }
  return digests.join("");
}
