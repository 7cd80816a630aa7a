import type { Backend } from "../../ops/backend.ts";
import { gatedMatmul } from "../../ops/gated_matmul.ts";
import { gatherRows } from "../../ops/gather_rows.ts";
import { matmul } from "../../ops/matmul.ts";
import { type Indices, type Matrix, rowAlignment } from "../../ops/matrix.ts";
import { scatterRows } from "../../ops/scatter_rows.ts";
import type { Weight } from "../../ops/weight.ts";
import type { GatedFeedForward } from "./gated_feed_forward.ts";
import type { Readings } from "./layer_stack.ts";
import type { PackStream } from "./pack_stream.ts";
import { chooseExperts, type ChosenRows, type RoutingRule, shareExpert } from "./routing.ts";

/** The weights of a feed-forward block of experts. */
export interface MixtureOfExperts {
  readonly rule: RoutingRule;
  /** [experts, hidden]: a row's logits say which experts it takes. */
  readonly router: Weight;
  /** Without biases. */
  readonly experts: readonly GatedFeedForward[];
  /** An expert that every row takes, and the gate, [1, hidden], that says how much of it. */
  readonly shared: { readonly expert: GatedFeedForward; readonly gate: Weight } | undefined;
}

/** The norm of rows of the residual stream, a matrix from which rows can be gathered. */
type Norm = (hidden: Matrix) => Matrix;

/**
 * Adds to each row of the residual stream what its experts make of its norm, each times its weight
 * (Shazeer et al. 2017, arXiv 1701.06538; Jiang et al. 2024, arXiv 2401.04088):
 *
 *     x += Σ weight(e) · down(e)(silu(gate(e)(h)) * up(e)(h))    over the chosen experts, h = norm(x)
 *
 * The host chooses the experts by the router's logits, so a layer costs one readback. Only the rows
 * that an expert was chosen for go through it. A row's sum runs over its experts by their number, the
 * shared one last, so its bits don't depend on the rows beside it.
 */
export function* addExperts(stream: PackStream, norm: Norm, weights: MixtureOfExperts): Readings {
  const { backend } = stream;
  const { rule, router, experts, shared } = weights;
  const rows = stream.hidden.rows;
  const logits = backend.matrix(rows, router.rows);
  const gates = shared && backend.matrix(rows, 1);
  let first = 0;
  for (const hidden of stream.feedForwardBlocks()) {
    const input = norm(hidden);
    for (const [weight, output] of [[router, logits], [shared?.gate, gates]] as const) {
      if (weight === undefined || output === undefined) continue;
      backend.run(matmul, { input, weight, output: output.view(first, hidden.rows) });
    }
    backend.release(input);
    first += hidden.rows;
  }
  const asked = gates === undefined ? [logits] : [logits, gates];
  const [logitNumbers, gateNumbers] = yield asked;
  backend.release(...asked);
  first = 0;
  for (const hidden of stream.feedForwardBlocks()) {
    const end = first + hidden.rows;
    const chosen = chooseExperts(
      logitNumbers!.subarray(first * router.rows, end * router.rows),
      router.rows,
      rule,
    );
    const input = norm(hidden);
    const blocks = [...experts];
    if (shared !== undefined) {
      blocks.push(shared.expert);
      chosen.push(shareExpert(gateNumbers!.subarray(first, end)));
    }
    addWeighted(backend, input, blocks, chosen, hidden);
    backend.release(input);
    first = end;
  }
}

/** Adds to the residual stream what each expert makes of the rows that it was chosen for. */
function addWeighted(
  backend: Backend,
  input: Matrix,
  experts: readonly GatedFeedForward[],
  chosen: readonly ChosenRows[],
  hidden: Matrix,
): void {
  const routes = uploadRoutes(backend, chosen);
  // One matrix for all experts: they take different numbers of rows, and the pools keep sizes apart.
  const most = chosen.reduce((most, { rows }) => Math.max(most, rows.length), 0);
  const gathered = backend.matrix(most, input.columns);
  const outputs = backend.matrix(most, input.columns);
  const { precision } = backend;
  let first = 0;
  chosen.forEach(({ rows: { length } }, expert) => {
    if (length === 0) return;
    const { gate, up, down } = experts[expert]!;
    const rows = routes.rows.view(first, length);
    const weights = routes.weights.view(first, length);
    const taken = gathered.view(0, length);
    const inner = backend.matrix(length, gate.weight.rows, "operand");
    const output = outputs.view(0, length);
    backend.run(gatherRows, { input, rows, output: taken });
    const maps = { gate: gate.weight, up: up.weight };
    backend.run(gatedMatmul, { input: taken, ...maps, precision, output: inner });
    backend.run(matmul, { input: inner, weight: down.weight, precision, output });
    backend.run(scatterRows, { input: output, rows, weights, output: hidden });
    backend.release(inner);
    first += aligned(length);
  });
  backend.release(gathered, outputs, routes.rows, routes.weights);
}

/** Rows and weights of all experts in one upload each, an expert's at a place where a view may begin. */
function uploadRoutes(
  backend: Backend,
  chosen: readonly ChosenRows[],
): { readonly rows: Indices; readonly weights: Matrix } {
  const length = chosen.reduce((sum, { rows }) => sum + aligned(rows.length), 0);
  const rows = new Uint32Array(length);
  const weights = new Float32Array(length);
  let first = 0;
  for (const of of chosen) {
    rows.set(of.rows, first);
    weights.set(of.weights, first);
    first += aligned(of.rows.length);
  }
  return { rows: backend.uploadIndices(rows), weights: backend.upload(length, 1, weights) };
}

function aligned(length: number): number {
  return Math.ceil(length / rowAlignment) * rowAlignment;
}
