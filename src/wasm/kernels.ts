/**
 * The functions that the module of `wasm/kernels.ts` exports, as TypeScript sees them. An address is a
 * number of bytes from the beginning of the engine's memory; where an operand may be missing, 0 stands
 * for it. Matrices are row major, in f32.
 */
export interface Kernels {
  /**
   * Tells where the threads' own memories lie: one after another, `bytes` each; and whether this thread may
   * sleep while helpers finish.
   */
  configure(first: number, bytes: number, mayWait: number): void;
  /** A helper's life, in a thread of its own; returns when it is told to leave, or is idle for long. */
  help(index: number, patience: number): void;
  /** Which helpers there are at the moment: a bit for each, by its index. */
  helpers(): number;
  /** Has all helpers leave. */
  leave(): void;
  /** Bytes of a thread's own memory that products use. */
  product_scratch(): number;
  /** Bytes of a thread's own memory that attention uses. */
  attention_scratch(headDim: number, group: number): number;
  pack_panels(
    source: number,
    outputs: number,
    inner: number,
    bytes: number,
    target: number,
  ): void;
  pack_quantized(
    source: number,
    outputs: number,
    inner: number,
    type: number,
    rowBytes: number,
    scales: number,
    target: number,
  ): void;
  matmul(
    input: number,
    rows: number,
    inner: number,
    weight: number,
    type: number,
    outputs: number,
    bias: number,
    mode: number,
    accumulate: number,
    output: number,
  ): void;
  gated_matmul(
    input: number,
    rows: number,
    inner: number,
    gate: number,
    gateType: number,
    outputs: number,
    gateBias: number,
    up: number,
    upType: number,
    upBias: number,
    activation: number,
    output: number,
  ): void;
  attention(
    queries: number,
    keys: number,
    values: number,
    spans: number,
    blocks: number,
    blockCount: number,
    heads: number,
    keyHeads: number,
    headDim: number,
    causal: number,
    window: number,
    scale: number,
    softcap: number,
    output: number,
  ): void;
  rms_norm(
    input: number,
    rows: number,
    columns: number,
    weight: number,
    epsilon: number,
    padding: number,
    accumulate: number,
    output: number,
  ): void;
  layer_norm(
    input: number,
    rows: number,
    columns: number,
    weight: number,
    bias: number,
    epsilon: number,
    padding: number,
    output: number,
  ): void;
  rope(
    input: number,
    rows: number,
    columns: number,
    angles: number,
    turned: number,
    headDim: number,
    output: number,
  ): void;
  activate(input: number, count: number, activation: number, output: number): void;
  apply_gate(gate: number, input: number, count: number, activation: number): void;
  /** Bytes of a thread's own memory that causal convolution uses. */
  convolution_scratch(taps: number): number;
  causal_convolution(
    input: number,
    rows: number,
    columns: number,
    weights: number,
    taps: number,
    spans: number,
    output: number,
  ): void;
  /** Bytes of a thread's own memory that the gated delta rule uses. */
  delta_rule_scratch(keyDim: number): number;
  gated_delta_rule(
    queries: number,
    keys: number,
    values: number,
    decays: number,
    strengths: number,
    parameters: number,
    starts: number,
    conversations: number,
    heads: number,
    keyHeads: number,
    keyDim: number,
    valueDim: number,
    output: number,
  ): void;
  /** Bytes of a thread's own memory that disentangled attention uses. */
  disentangled_scratch(headDim: number): number;
  disentangled_attention(
    queries: number,
    keys: number,
    values: number,
    relativeKeys: number,
    relativeQueries: number,
    placeCount: number,
    places: number,
    reach: number,
    spans: number,
    blocks: number,
    blockCount: number,
    heads: number,
    headDim: number,
    scale: number,
    output: number,
  ): void;
  scatter_rows(
    input: number,
    count: number,
    columns: number,
    rows: number,
    weights: number,
    output: number,
  ): void;
  mean_rows(
    input: number,
    columns: number,
    rows: number,
    starts: number,
    groups: number,
    output: number,
  ): void;
  log_softmax_slice(
    logits: number,
    rows: number,
    columns: number,
    targets: number,
    first: number,
    scale: number,
    softcap: number,
    state: number,
  ): void;
  softmax_gate(
    logits: number,
    rows: number,
    columns: number,
    temperature: number,
    logitScale: number,
  ): void;
}
