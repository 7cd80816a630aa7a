/** An address as messages show it, which may be none: without what may be credentials in it. */
export function shownAddress(address: string): string {
  return JSON.stringify(address.replace(/^([a-z]+:\/\/)?.*@/is, "$1…@").slice(0, 200));
}
