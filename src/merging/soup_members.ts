import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { Dtype } from "../checkpoint/tensor.ts";
import { AssayError } from "../error.ts";
import { meantConfig, meantTemplate, meantTokenizer } from "./soup_settings.ts";

/** Element types of quantised weights: their numbers mean nothing without their scales. */
const quantisedTypes: ReadonlySet<Dtype> = new Set<Dtype>([
  "F4",
  "F6_E2M3",
  "F6_E3M2",
  "F8_E4M3",
  "F8_E5M2",
  "F8_E8M0",
  "I8",
  "U8",
]);

/**
 * Refuses checkpoints whose weights can't be averaged: fewer than two, quantised weights, other
 * architectures or arithmetic settings (compared by what they mean, see
 * {@linkcode meantConfig}), other tensors, shapes or dtypes, other tokenizers or chat
 * templates. Members of a soup must come from one pre-trained model (WARM, arXiv 2401.12187); that
 * they do can't be seen, that they can't can.
 *
 * @param members The checkpoints.
 * @throws {AssayError} `voting/cannot-average`, which names the members and what differs.
 */
export async function checkSoupMembers(members: readonly Checkpoint[]): Promise<void> {
  const [first, ...others] = members;
  if (first === undefined || others.length === 0) {
    throw new AssayError(
      "voting/cannot-average",
      `Cannot average weights: expected at least two checkpoints, found ${members.length}`,
    );
  }
  members.forEach(checkNotQuantised);
  const tokenizer = await readTokenizer(first);
  for (const other of others) {
    checkConfig(first, other);
    checkTensors(first, other);
    const otherTokenizer = await readTokenizer(other);
    for (const part of Object.keys(tokenizer) as (keyof typeof tokenizer)[]) {
      if (tokenizer[part] !== otherTokenizer[part]) {
        differ(first, other, `the same ${part}`, "two that differ");
      }
    }
  }
}

function checkNotQuantised(member: Checkpoint): void {
  const tensor = [...member.tensors.values()].find(({ dtype }) => quantisedTypes.has(dtype));
  if (tensor === undefined && (member.config.quantization_config ?? null) === null) return;
  throw new AssayError(
    "voting/cannot-average",
    `Cannot average weights: expected full-precision weights in ${member.name}, found ` +
      (tensor === undefined
        ? "a quantization_config in its config.json"
        : `tensor ${tensor.name} of dtype ${tensor.dtype}`) +
      "; average the models as they were before they were quantised",
  );
}

function checkConfig(first: Checkpoint, other: Checkpoint): void {
  const [expected, found] = [meantConfig(first.config), meantConfig(other.config)];
  for (const key of new Set([...expected.keys(), ...found.keys()])) {
    const [one, two] = [expected.get(key) ?? "none", found.get(key) ?? "none"];
    if (one !== two) differ(first, other, `the same ${key} in config.json`, `${one} and ${two}`);
  }
}

function checkTensors(first: Checkpoint, other: Checkpoint): void {
  for (const { name, dtype, shape } of first.tensors.values()) {
    const found = other.tensors.get(name);
    if (found === undefined) differ(first, other, `tensor ${name} in both`, "it in one only");
    const expectedForm = `${dtype} [${shape}]`;
    const foundForm = `${found.dtype} [${found.shape}]`;
    if (expectedForm !== foundForm) {
      differ(first, other, `one form of tensor ${name}`, `${expectedForm} and ${foundForm}`);
    }
  }
  const extra = [...other.tensors.keys()].find((name) => !first.tensors.has(name));
  if (extra !== undefined) differ(first, other, `tensor ${extra} in both`, "it in one only");
}

/** What decides which tokens a conversation becomes, in a form that can be compared. */
async function readTokenizer(
  member: Checkpoint,
): Promise<{ readonly tokenizer: string; readonly "chat template": string }> {
  const tokenizer = parseObject(await member.readText("tokenizer.json"));
  const settings = parseObject(await member.readText("tokenizer_config.json"));
  return {
    tokenizer: meantTokenizer(tokenizer),
    "chat template": meantTemplate(
      await member.readText("chat_template.jinja"),
      settings.chat_template,
    ),
  };
}

function parseObject(text: string | undefined): Record<string, unknown> {
  const value: unknown = text === undefined ? {} : JSON.parse(text);
  return typeof value === "object" && value !== null ? value as Record<string, unknown> : {};
}

function differ(first: Checkpoint, other: Checkpoint, expected: string, found: string): never {
  const shown = found.length > 300 ? `${found.slice(0, 300)}…` : found;
  throw new AssayError(
    "voting/cannot-average",
    `Cannot average ${first.name} and ${other.name}: expected ${expected}, found ${shown}`,
  );
}
