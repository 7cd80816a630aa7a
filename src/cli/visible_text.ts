/**
 * Characters that steer a terminal or deceive who reads it: control characters (C0, DEL, C1), line
 * and paragraph separators, marks that change the direction of text, characters without any width,
 * tags, and halves of a character.
 */
const steering = new RegExp(
  "[\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u061c\\u180e\\u200b\\u200e\\u200f\\u2028-\\u202e" +
    "\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb\\ud800-\\udfff]|[\\u{e0000}-\\u{e007f}]",
  "gu",
);

const shortForms: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/**
 * Text as it may go to a terminal, on one line: what would steer it is written as JSON writes it
 * (`\u001b`). Whatever a checkpoint, a row or a server says may hold such characters.
 *
 * @param text Any text.
 */
export function visibleLine(text: string): string {
  return text.replace(steering, (found) => shortForms[found] ?? escaped(found));
}

/** The same for text of several lines, whose line breaks stay. */
export function visibleLines(text: string): string {
  return text.split("\n").map(visibleLine).join("\n");
}

function escaped(found: string): string {
  return Array.from(
    { length: found.length },
    (_, unit) => `\\u${found.charCodeAt(unit).toString(16).padStart(4, "0")}`,
  ).join("");
}
