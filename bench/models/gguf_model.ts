import type { Checkpoint } from "../../src/checkpoint/checkpoint.ts";
import { fromFloat32, toFloat32 } from "../../src/checkpoint/tensor.ts";
import { ggufFile, type GgufTensor, type Metadata } from "./gguf_file.ts";
import type { ModelShape } from "./model_shape.ts";
import { writePieces } from "./protobuf.ts";

/** Names of a layer's tensors in a checkpoint and in a GGUF file. */
const layerNames: Readonly<Record<string, string>> = {
  "input_layernorm": "attn_norm",
  "self_attn.q_proj": "attn_q",
  "self_attn.k_proj": "attn_k",
  "self_attn.v_proj": "attn_v",
  "self_attn.o_proj": "attn_output",
  "post_attention_layernorm": "ffn_norm",
  "mlp.gate_proj": "ffn_gate",
  "mlp.up_proj": "ffn_up",
  "mlp.down_proj": "ffn_down",
};

/** `llama_ftype`: what most tensors are. */
const fileTypes = { F32: 0, F16: 1, BF16: 32 } as const;

/**
 * Writes a checkpoint's backbone as GGUF, its matrices in the given type and its norms in f32, with
 * the same numbers (f16 rounds the smallest).
 *
 * The score has no place in llama.cpp's Llama, and the embedding matrix stands in for an output
 * matrix. As llama.cpp turns neighbours where transformers turns halves, the rows of queries and
 * keys are laid out anew, as its own converter does.
 */
export async function writeGgufModel(
  path: string,
  checkpoint: Checkpoint,
  shape: ModelShape,
  type: keyof typeof fileTypes,
): Promise<void> {
  const tensor = (name: string, from: string, permuted = false): GgufTensor => {
    const sizes = checkpoint.tensors.get(from)!.shape;
    const stored = sizes.length === 1 ? "F32" : type;
    return {
      name,
      type: stored,
      shape: sizes,
      make: async () => {
        const numbers = toFloat32(await checkpoint.read(from));
        return fromFloat32(permuted ? pairedRows(numbers, shape) : numbers, stored);
      },
    };
  };
  const tensors = [
    tensor("token_embd.weight", "model.embed_tokens.weight"),
    tensor("output_norm.weight", "model.norm.weight"),
  ];
  for (let layer = 0; layer < shape.layers; layer++) {
    for (const [from, to] of Object.entries(layerNames)) {
      const permuted = to === "attn_q" || to === "attn_k";
      const source = `model.layers.${layer}.${from}.weight`;
      tensors.push(tensor(`blk.${layer}.${to}.weight`, source, permuted));
    }
  }
  await writePieces(path, ggufFile(metadataOf(shape, type), tensors));
}

/** Rows 0, half, 1, half + 1, … of each head, of queries or of keys. */
function pairedRows(numbers: Float32Array<ArrayBuffer>, { heads, hidden }: ModelShape) {
  const result = new Float32Array(numbers.length);
  const headDim = hidden / heads;
  for (let row = 0; row < numbers.length / hidden; row++) {
    const inHead = row % headDim;
    const source = row - inHead + Math.floor(inHead / 2) + (inHead % 2) * headDim / 2;
    result.set(numbers.subarray(source * hidden, (source + 1) * hidden), row * hidden);
  }
  return result;
}

function metadataOf(
  shape: ModelShape,
  type: keyof typeof fileTypes,
): Record<string, Metadata> {
  const { vocabulary, hidden, heads, keyHeads } = shape;
  const [normal, unknown, control, byte] = [1, 2, 3, 6]; // llama_token_type
  const bytes = Array.from(
    { length: 256 },
    (_, value) => `<0x${value.toString(16).toUpperCase().padStart(2, "0")}>`,
  );
  const named = ["<unk>", "<s>", "</s>", ...bytes];
  const words = Array.from({ length: vocabulary - named.length }, (_, i) => `▁word${i}`);
  return {
    "general.architecture": { text: "llama" },
    "general.file_type": { u32: fileTypes[type] },
    "llama.context_length": { u32: shape.maxTokens },
    "llama.embedding_length": { u32: hidden },
    "llama.block_count": { u32: shape.layers },
    "llama.feed_forward_length": { u32: shape.feedForward },
    "llama.attention.head_count": { u32: heads },
    "llama.attention.head_count_kv": { u32: keyHeads },
    "llama.attention.layer_norm_rms_epsilon": { f32: shape.rmsEpsilon },
    "llama.rope.dimension_count": { u32: hidden / heads },
    "llama.rope.freq_base": { f32: shape.ropeTheta },
    "llama.vocab_size": { u32: vocabulary },
    "tokenizer.ggml.model": { text: "llama" },
    "tokenizer.ggml.tokens": { texts: [...named, ...words] },
    "tokenizer.ggml.scores": { f32s: [...named.map(() => 0), ...words.map((_, i) => -i)] },
    "tokenizer.ggml.token_type": {
      i32s: [unknown, control, control, ...bytes.map(() => byte), ...words.map(() => normal)],
    },
    "tokenizer.ggml.bos_token_id": { u32: 1 },
    "tokenizer.ggml.eos_token_id": { u32: 2 },
    "tokenizer.ggml.unknown_token_id": { u32: 0 },
    "tokenizer.ggml.add_bos_token": { flag: false },
    "tokenizer.ggml.add_eos_token": { flag: false },
  };
}
