/** The column that tells which identity a row was scored by, where machines that differ take part. */
export const mixedColumn = "scored_with";
