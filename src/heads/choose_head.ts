import { namingHint } from "../checkpoint/tensor_names.ts";
import { AssayError } from "../error.ts";
import { armoHead } from "./armo.ts";
import { bayesianHead } from "./bayesian.ts";
import { beaverHead } from "./beaver.ts";
import { debertaHead } from "./deberta.ts";
import { bertHead, robertaHead } from "./encoder_heads.ts";
import type { HeadFacts, HeadKind, HeadPlan } from "./head.ts";
import { ldlHead } from "./ldl.ts";
import { mlpHead } from "./mlp.ts";
import { modernbertHead } from "./modernbert.ts";
import { outProjHead } from "./out_proj.ts";
import { processHead } from "./process_reward.ts";
import { quantileHead } from "./quantile.ts";
import { renamedScalarHead } from "./renamed_scalar.ts";
import { scalarHead } from "./scalar.ts";
import { urmHead } from "./urm.ts";
import { vocabularyHead } from "./vocabulary.ts";
import { votersHead } from "./voters.ts";

/** The kinds of head that Assay runs. */
export const headKinds: readonly HeadKind[] = [
  // A score, or several labels.
  scalarHead,
  renamedScalarHead,
  mlpHead,
  outProjHead,
  beaverHead,
  bayesianHead,
  // Objectives, and voters.
  armoHead,
  quantileHead,
  urmHead,
  ldlHead,
  votersHead,
  // Of encoders' classifiers.
  bertHead,
  robertaHead,
  debertaHead,
  modernbertHead,
  // Of tokens.
  vocabularyHead,
  processHead,
];

const registered: HeadKind[] = [];

/**
 * Adds a kind of head that is not Assay's own, for this thread: a model in a worker needs it registered
 * there.
 *
 * @returns What takes it away again when it is disposed of.
 */
export function registerHead(kind: HeadKind): Disposable {
  registered.push(kind);
  return {
    [Symbol.dispose]: () => {
      const at = registered.indexOf(kind);
      if (at >= 0) registered.splice(at, 1);
    },
  };
}

/**
 * Chooses the head by the checkpoint's tensors and settings. Two models with the same `architectures`
 * may have different heads, two heads may share the names of their tensors, and a head that is missing
 * must never be made up.
 *
 * @throws {AssayError} `heads/missing-head`, `heads/ambiguous-head`, `heads/unknown-label`, and what the
 *   head's own plan throws.
 */
export function chooseHead(facts: HeadFacts): HeadPlan {
  const { tensors, name } = facts;
  const known = [...headKinds, ...registered];
  const fitting = known.filter((kind) => kind.matches(facts));
  const [kind] = fitting;
  if (fitting.length > 1) {
    throw new AssayError(
      "heads/ambiguous-head",
      `Cannot load ${name}: expected one head, found what belongs to ${fitting.length}: ` +
        `${
          fitting.map(({ told }) => told).join(" and ")
        }; which of them is the score is not certain`,
    );
  }
  if (kind !== undefined) return asAsked(kind.plan(facts), facts);
  const found = [...tensors.keys()].slice(0, 5).join(", ");
  const near = known.filter(({ told }) =>
    [...tensors.keys()].some((tensor) => tells(told, tensor))
  );
  throw new AssayError(
    "heads/missing-head",
    `Cannot load ${name}: expected a reward head${
      near.length === 0 ? "" : `, such as ${near.map(({ told }) => told).join(" or ")}`
    }, found ${found === "" ? "none" : found}; Assay never makes a head up` +
      headHint(facts, known),
  );
}

/** Whether what is told of a kind of head names a tensor, or its layer. */
function tells(told: string, tensor: string): boolean {
  return [tensor, tensor.replace(/\.(?:weight|bias)$/, "")].some((name) =>
    told.includes(`"${name}"`)
  );
}

/** Refuses what was asked for of a head that has no such thing: it would change nothing, in silence. */
function asAsked(plan: HeadPlan, { name, label, asked }: HeadFacts): HeadPlan {
  if (asked.steps !== undefined && plan.steps === undefined) {
    throw new AssayError(
      "heads/no-steps",
      `Cannot load ${name}: expected a head that has a score for each step, since a step token was asked ` +
        `for, found its ${plan.kind} head, which has one for the whole conversation; leave the step token out`,
    );
  }
  if (label === undefined || plan.labels !== undefined) return plan;
  throw new AssayError(
    "heads/unknown-label",
    `Cannot load ${name}: expected no label, since its ${plan.kind} head has no labels to choose the ` +
      `score from, found ${JSON.stringify(label)}`,
  );
}

/** What a checkpoint without a head may be meant for. */
function headHint({ tensors, config }: HeadFacts, known: readonly HeadKind[]): string {
  // A name that one kind has may end like another's: it is no wrapper's.
  const foreign = [...tensors.keys()].filter((tensor) =>
    !known.some(({ told }) => tells(told, tensor))
  );
  const hints = known.flatMap(({ names }) => names).map((name) => namingHint(foreign, name));
  const hint = hints.find((hint) => hint !== "");
  if (hint !== undefined) return hint;
  if (JSON.stringify(config.architectures ?? null).includes("LDLReward")) {
    return "; its heads lie in regression_layer.pt and gating_layer.pt, which are pickles that Assay never " +
      "opens: put their tensors into the safetensors, with regression_layer. and gating_layer. before " +
      "their names";
  }
  if (/Model"\]$/.test(JSON.stringify(config.architectures ?? null))) {
    return "; it is a backbone alone, which makes vectors: take a reward model that was made of it";
  }
  const isCausal = JSON.stringify(config.architectures ?? null).includes("ForCausalLM");
  if (!isCausal && !tensors.has("lm_head.weight")) {
    return "; docs/reference/heads.md tells what each kind is known by";
  }
  return "; it is a causal model: --implicit scores by its log-probabilities, --logit or --logits by the " +
    "logits of tokens that it was trained to judge with, and --adapter puts a LoRA adapter with a head on it";
}
