/**
 * Rows of all shapes for a fleet, short, each another one, with some that are no rows and some that
 * can't be scored.
 *
 * @param count How many.
 */
export function chaosRows(count: number): string {
  const lines: string[] = [];
  for (let i = 0; i < count; i++) {
    if (i % 499 === 17) lines.push("no row");
    else if (i % 251 === 33) lines.push(JSON.stringify({ id: i, prompt: "no response" }));
    else if (i % 5 === 0) {
      lines.push(JSON.stringify({ id: i, prompt: `${i}?`, chosen: `${i}`, rejected: "no" }));
    } else if (i % 11 === 0) {
      lines.push(JSON.stringify({ id: i, prompt: "Hi", responses: [`a${i}`, "b", `c ${i}`] }));
    } else {lines.push(
        JSON.stringify({ id: i, prompt: `Is ${i} odd?`, response: `${i % 2 === 1}` }),
      );}
  }
  return lines.join("\n") + "\n";
}
