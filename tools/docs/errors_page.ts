import { type ErrorPlace, errorPlaces, strayCodes } from "./error_codes.ts";
import { sourcesUnder } from "./source_files.ts";

/** `docs/reference/errors.md`: every code, the messages that go with it, and where they come from. */
export function errorsPage(): string {
  const sources = [...sourcesUnder("src"), ...sourcesUnder("shaders")];
  const stray = strayCodes(sources);
  if (stray.length > 0) {
    throw new Error(
      `Cannot tell which errors have the codes ${
        stray.join(", ")
      }: expected each as an argument of ` +
        "new AssayError(…) or of a function that passes it on; see tools/docs/error_codes.ts",
    );
  }
  const byCode = Map.groupBy(errorPlaces(sources), ({ code }) => code);
  const codes = [...byCode.keys()].sort();
  const byRoom = Map.groupBy(codes, (code) => code.split("/")[0]!);
  const sections = [...byRoom].map(([room, inRoom]) =>
    `## ${room}\n\n${inRoom.map((code) => codeSection(code, byCode.get(code)!)).join("\n\n")}`
  );
  return `# Error codes

This page is for looking up an error by the code that it ends in, in square brackets. It is generated
from the code by \`deno task docs\`.

A code is stable and made for programs: \`error.code\` of an \`AssayError\`, and \`error: {code, message}\`
in a row. A message says what was expected, what was found, where, and what to do; \`<name>\` stands for
what is filled in, \`…\` for what is put together on the spot. There are ${codes.length} codes.

${sections.join("\n\n")}
`;
}

function codeSection(code: string, places: readonly ErrorPlace[]): string {
  const byMessage = Map.groupBy(places, ({ message }) => message);
  const lines = [...byMessage].map(([message, from]) => {
    const paths = [...new Set(from.map(({ path }) => path))].map((path) => `\`${path}\``);
    return `- ${codeSpan(message)}, in ${paths.join(", ")}`;
  });
  return `### ${code}\n\n${lines.join("\n")}`;
}

function codeSpan(text: string): string {
  return text.includes("`") ? `\`\` ${text} \`\`` : `\`${text}\``;
}
