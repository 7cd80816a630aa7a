import { AssayError } from "../error.ts";
import { planArmoHead, regressionName } from "./armo.ts";
import type { HeadFacts, HeadPlan } from "./head.ts";
import { planScalarHead, scoreName } from "./scalar.ts";

/**
 * Chooses the head by the checkpoint's tensors. Two models with the same `architectures` may have
 * different heads, and a head that is missing must never be made up.
 *
 * @throws {AssayError} `heads/missing-head`, `heads/ambiguous-head`.
 */
export function chooseHead(facts: HeadFacts): HeadPlan {
  const { tensors, name } = facts;
  const scalar = tensors.has(scoreName);
  const armo = tensors.has(regressionName);
  if (scalar && armo) {
    throw new AssayError(
      "heads/ambiguous-head",
      `Cannot load ${name}: it has two heads, "${scoreName}" and "${regressionName}"`,
    );
  }
  if (armo) return planArmoHead(facts);
  if (scalar) return planScalarHead(facts);
  const other = [...tensors.keys()].filter((tensor) => !tensor.startsWith("model."));
  throw new AssayError(
    "heads/missing-head",
    `Cannot load ${name}: expected a reward head, "${scoreName}" (scalar) or "${regressionName}" ` +
      `with "gating.*" (ArmoRM), found ${
        other.length === 0 ? "none" : other.slice(0, 5).join(", ")
      }; Assay never makes a head up`,
  );
}
