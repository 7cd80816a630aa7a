/** WebGPU's limit on workgroups in one dimension. */
const perDimension = 65535;

/**
 * Workgroups for `count` invocations, `lanes` in each; folded into two dimensions where one is too
 * small. A kernel then works with `y * groups.x * lanes + x` and ignores what lies past the end.
 */
export function workgroupsFor(count: number, lanes: number): [number, number] {
  const groups = Math.ceil(count / lanes);
  if (groups <= perDimension) return [groups, 1];
  const rows = Math.ceil(groups / perDimension);
  return [Math.ceil(groups / rows), rows];
}
