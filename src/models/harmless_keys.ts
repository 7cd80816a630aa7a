/**
 * Keys of `config.json` that say nothing about a score, whatever stands there. What is not here, not
 * read by the family and not a head's is refused: so a key comes here only where it is known that no
 * published class computes with it when it scores.
 */
const harmless: readonly string[] = [
  // What the checkpoint is, and who wrote it with what.
  "architectures auto_map custom_pipelines custom_generate model_type name_or_path dtype torch_dtype",
  "quantization_config compression_config quantization", // refused for every family, see quantized.ts
  "transformers_version adapters_version tokenizer_class processor_class prefix language",
  "unsloth_version unsloth_fixed unsloth_training_args axolotl_version axolotl_config llamafactory_version",
  "training_args trl_version peft_version vllm_version",
  // How it is computed, with the same result: caches, kernels, what a call gives back.
  "use_cache cache_implementation cache_config attn_implementation experts_implementation",
  "use_flash_attn use_flash_attention use_flash_attention_2 flash_attn use_sdpa deterministic_flash_attn",
  "use_memory_efficient_attention unpad_inputs reference_compile repad_logits_with_grad torchscript",
  "use_bfloat16 chunk_size_feed_forward pretraining_tp return_dict output_attentions",
  "output_hidden_states output_router_logits output_scores output_logits",
  // What others do with the logit, which is the score here; leftovers that no class of transformers reads.
  "sentence_transformers sbert_ce_default_activation_function output_past directionality xla_device",
  "pooler_fc_size pooler_num_attention_heads pooler_num_fc_layers pooler_size_per_head pooler_type",
  // Training alone.
  "initializer_range initializer_factor initializer_cutoff_factor gradient_checkpointing",
  "use_gradient_checkpointing neftune_noise_alpha router_aux_loss_coef router_jitter_noise",
  "problem_type finetuning_task task_specific_params loss_type tf_legacy_loss ignore_index",
  "sparse_prediction sparse_pred_ignore_index decoder_bias keys_to_ignore_at_inference",
  // Tokens and labels, which the tokenizer, pooling and heads read where they count.
  "bos_token_id eos_token_id pad_token_id sep_token_id cls_token_id unk_token_id mask_token_id",
  "decoder_start_token_id eos_token pad_token id2label label2id num_labels",
  // Whether a causal model's output matrix is its embedding; read where there is one.
  "tie_word_embeddings tie_encoder_decoder",
  // Two stacks, or an encoder that acts as a decoder: `refuseUnsupported` and the encoders see to it.
  "is_encoder_decoder is_decoder add_cross_attention cross_attention_hidden_size pruned_heads",
  // Lengths that cut texts or count training steps; the model's own is max_position_embeddings.
  "model_max_length seq_length max_seq_length max_seq_len max_sequence_length train_seq_len",
  // Generation, which transformers 4 kept in config.json.
  "max_length min_length max_new_tokens min_new_tokens do_sample early_stopping num_beams",
  "num_beam_groups diversity_penalty temperature top_k top_p min_p typical_p repetition_penalty",
  "length_penalty no_repeat_ngram_size encoder_no_repeat_ngram_size bad_words_ids",
  "num_return_sequences return_dict_in_generate forced_bos_token_id forced_eos_token_id",
  "remove_invalid_values exponential_decay_length_penalty suppress_tokens begin_suppress_tokens",
  "penalty_alpha epsilon_cutoff eta_cutoff renormalize_logits max_time stop_strings",
  // Windows of Qwen's classes that others' configs repeat; the families that have such read them.
  "max_window_layers use_sliding_window sliding_window",
].flatMap((line) => line.split(" "));

/** Keys of heads, which `src/heads/` reads where the tensors show such a head; stale ones are common. */
const headKeys: readonly string[] = [
  "num_objectives objective_names num_quantiles", // heads of several objectives
  "bayesian_noise_variance", // a Bayesian head
  "score_type score_dim do_normalize normalizer_type momentum mean var", // Beaver
  "std value_head_prefix", // OpenRLHF, whose normalize_reward is refused where it is true
  "reward_token_id", // InternLM2-reward
  "softmax", // LDL
].flatMap((line) => line.split(" "));

const known: ReadonlySet<string> = new Set([...harmless, ...headKeys]);

/** Private keys, dropout (which scoring has none of), and the head keys of GRM and of gates. */
const patterns = /^_|dropout|_pdrop$|^vhead_|^gating_/;

/** Whether a key of `config.json` that no family reads can't change a score. */
export function isHarmless(key: string): boolean {
  return known.has(key) || patterns.test(key);
}
