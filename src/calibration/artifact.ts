import * as v from "valibot";
import { AssayError } from "../error.ts";

/** Version of the calibrator file that this release writes and reads. */
export const calibratorVersion = 1;

/** How a bias is estimated: RC-Mean, RC-LWR, RC-LWR after a length penalty, or the penalty alone. */
export type CalibrationMethod = "mean" | "lwr" | "lwr-penalty" | "penalty";

/** A part of a calibrator that subtracts `weight · (value − origin)`. */
export interface PenaltyComponent {
  /** Marks the kind. */
  readonly kind: "penalty";
  /** Feature name. */
  readonly feature: string;
  /** Score per unit of the feature. */
  readonly weight: number;
  /** Feature value that is not corrected. */
  readonly origin: number;
}

/** A part of a calibrator that subtracts `gamma · (estimate(value) − origin)`. */
export interface CurveComponent {
  /** Marks the kind. */
  readonly kind: "curve";
  /** Feature name. */
  readonly feature: string;
  /** Calibration constant γ. */
  readonly gamma: number;
  /** Mean score of the rows fitted on. */
  readonly level: number;
  /** Estimate that is not corrected: `level` for a centred calibrator, else 0. */
  readonly origin: number;
  /** Rows a window needs before its estimate is used. */
  readonly minimumCount: number;
  /** Knots of the estimated score by feature value. */
  readonly knots: {
    readonly x: readonly number[];
    readonly estimate: readonly number[];
    readonly count?: readonly number[] | undefined;
  };
}

/** A part of a calibrator that adds an offset to the scores of a category, for example of a model. */
export interface OffsetsComponent {
  /** Marks the kind. */
  readonly kind: "offsets";
  /** Feature name: the column that names the category. */
  readonly feature: string;
  /** The categories. */
  readonly categories: readonly string[];
  /** What is added to the scores of each, in their order. */
  readonly offsets: readonly number[];
}

/** A feature that is not corrected, and why. */
export interface IdleComponent {
  /** Marks the kind. */
  readonly kind: "none";
  /** Feature name. */
  readonly feature: string;
  /** Why nothing is corrected. */
  readonly reason: string;
}

/** One additive part of a calibrator. */
export type Component = PenaltyComponent | CurveComponent | OffsetsComponent | IdleComponent;

/** A calibrator as it is written to a file. */
export interface CalibratorArtifact {
  /** Always `assay-calibrator`. */
  readonly format: "assay-calibrator";
  /** Version of this layout, {@linkcode calibratorVersion}. */
  readonly version: typeof calibratorVersion;
  /** How it was fitted; `elo` for offsets by an Elo table. */
  readonly method: CalibrationMethod | "elo";
  /** What is subtracted from a score, in order. */
  readonly components: readonly Component[];
  /** The settings of the fit. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** What the fit did to the rows it was fitted on. */
  readonly diagnostics: Readonly<Record<string, unknown>>;
}

const finite = v.pipe(v.number(), v.finite());
const ComponentSchema = v.variant("kind", [
  v.strictObject({
    kind: v.literal("penalty"),
    feature: v.pipe(v.string(), v.minLength(1)),
    weight: finite,
    origin: finite,
  }),
  v.strictObject({
    kind: v.literal("curve"),
    feature: v.pipe(v.string(), v.minLength(1)),
    gamma: finite,
    level: finite,
    origin: finite,
    minimumCount: v.pipe(v.number(), v.integer(), v.minValue(0)),
    knots: v.strictObject({
      x: v.pipe(v.array(finite), v.minLength(1)),
      estimate: v.array(finite),
      count: v.optional(v.array(v.pipe(v.number(), v.integer(), v.minValue(0)))),
    }),
  }),
  v.pipe(
    v.strictObject({
      kind: v.literal("offsets"),
      feature: v.pipe(v.string(), v.minLength(1)),
      categories: v.pipe(v.array(v.string()), v.minLength(1)),
      offsets: v.array(finite),
    }),
    v.check(({ categories, offsets }) => categories.length === offsets.length, "one offset each"),
    v.check(({ categories }) => new Set(categories).size === categories.length, "a name twice"),
  ),
  v.strictObject({
    kind: v.literal("none"),
    feature: v.pipe(v.string(), v.minLength(1)),
    reason: v.string(),
  }),
]);
const ArtifactSchema = v.strictObject({
  format: v.literal("assay-calibrator"),
  version: v.literal(calibratorVersion),
  method: v.picklist(["mean", "lwr", "lwr-penalty", "penalty", "elo"]),
  components: v.pipe(v.array(ComponentSchema), v.minLength(1)),
  settings: v.record(v.string(), v.unknown()),
  diagnostics: v.record(v.string(), v.unknown()),
});

/**
 * Checks that a value read from outside is a calibrator of this version.
 *
 * @param value Parsed JSON.
 * @param name What to call it in errors, usually the file's name.
 * @throws {AssayError} `calibration/unsupported-version` for another version,
 *   `calibration/bad-calibrator` for anything else that does not fit.
 */
export function checkArtifact(value: unknown, name: string): CalibratorArtifact {
  const head = v.safeParse(
    v.looseObject({ format: v.literal("assay-calibrator"), version: v.optional(v.unknown()) }),
    value,
  );
  if (!head.success) {
    throw new AssayError(
      "calibration/bad-calibrator",
      `Cannot read the calibrator ${name}: expected an object with "format": "assay-calibrator", as "assay calibrate --fit" writes it`,
    );
  }
  if (head.output.version !== calibratorVersion) {
    throw new AssayError(
      "calibration/unsupported-version",
      `Cannot read the calibrator ${name}: expected version ${calibratorVersion}, found ${
        JSON.stringify(head.output.version) ?? "none"
      }; fit it again with this release of Assay, or use the release that wrote it`,
    );
  }
  const parsed = v.safeParse(ArtifactSchema, value);
  if (!parsed.success) {
    const issue = parsed.issues[0];
    throw new AssayError(
      "calibration/bad-calibrator",
      `Cannot read the calibrator ${name}: at ${
        v.getDotPath(issue) ?? "its top"
      }: ${issue.message}`,
    );
  }
  return parsed.output;
}
