import type { TieRule } from "./tie.ts";

/** Share of labelled pairs won by the chosen side, in several ways of choosing. */
export interface Accuracy {
  /** Pairs counted. */
  readonly pairs: number;
  /** By the scores as they came. */
  readonly before: number;
  /** By the calibrated scores. */
  readonly after: number;
  /** If the response with more of the compared feature (the longer one) always won. */
  readonly longerWins: number;
  /** If the response with less of it (the shorter one) always won. */
  readonly shorterWins: number;
}

/** Rank correlation of the scores with one feature. */
export interface FeatureCorrelation {
  /** Of the scores as they came; `null` where it is undefined (a constant column). */
  readonly spearmanBefore: number | null;
  /** Of the calibrated scores. */
  readonly spearmanAfter: number | null;
}

/** What a calibration did to the scores it was applied to. */
export interface Diagnostics {
  /** Scored responses seen. */
  readonly rows: number;
  /** Rows left out for a NaN or infinite score or feature. */
  readonly dropped: number;
  /** Rows left uncorrected for want of rows near their feature value. */
  readonly uncorrected: number;
  /** By feature name. */
  readonly features: Readonly<Record<string, FeatureCorrelation>>;
  /** Rows that the correlations were computed on, where that is a sample of all rows. */
  readonly sampledRows?: number | undefined;
  /** Share of preferences that the calibration changed. */
  readonly preferencesChanged: {
    /** From 0 to 1; `null` with nothing to compare. */
    readonly share: number | null;
    /** Labelled pairs where there are any, else all pairs of rows (those put in opposite order). */
    readonly basis: "labelled pairs" | "all pairs of rows";
  };
  /** Only where there are labelled pairs. */
  readonly accuracy?: {
    /** What equal scores counted as. */
    readonly tie: TieRule;
    /** Feature that "longer" and "shorter" refer to. */
    readonly comparedFeature: string;
    /** Over all pairs. */
    readonly overall: Accuracy;
    /** Over the pairs whose better response has more of the compared feature; `null` for none. */
    readonly whereLongerIsBetter: Accuracy | null;
    /** Over the pairs whose better response has less of it; `null` for none. */
    readonly whereShorterIsBetter: Accuracy | null;
    /** By subset, where pairs have one. */
    readonly subsets: Readonly<Record<string, Accuracy>>;
  } | undefined;
  /** In words, what to be careful about. */
  readonly warnings: readonly string[];
}
