import { main } from "../../src/cli/main.ts";
import { Output, type OutputStream } from "../../src/cli/output.ts";

/** `docs/reference/commands.md`: what every command prints for `--help`. */
export async function commandsPage(): Promise<string> {
  const sections = (await helpTexts()).map(({ command, help }) =>
    `## ${["assay", ...command].join(" ")}\n\n\`\`\`text\n${help.trimEnd()}\n\`\`\``
  );
  return `# Commands

This page is for looking up what a command takes and prints: the text that each of them prints for
\`--help\`. It is generated from the code by \`deno task docs\`.

From a checkout \`assay\` is \`deno task assay\`. The rows that commands read and write are told in
[rows.md](rows.md), the codes that errors end in in [errors.md](errors.md).

${sections.join("\n\n")}
`;
}

/** A command by its words after `assay`, and its help. */
export interface HelpText {
  readonly command: readonly string[];
  readonly help: string;
}

/** The help of \`assay\`, of its commands and of theirs, in the order in which they are listed. */
export async function helpTexts(command: readonly string[] = []): Promise<HelpText[]> {
  const help = await helpOf(command);
  const inner: HelpText[] = [];
  for (const name of listedCommands(help)) inner.push(...await helpTexts([...command, name]));
  return [{ command, help }, ...inner];
}

async function helpOf(command: readonly string[]): Promise<string> {
  let printed = "";
  const stream: OutputStream = {
    isTerminal: false,
    columns: 96,
    write(bytes) {
      printed += new TextDecoder().decode(bytes);
      return Promise.resolve();
    },
  };
  const status = await main([...command, "--help"], new Output(stream, stream));
  if (status !== 0) throw new Error(`assay ${command.join(" ")} --help failed: ${printed}`);
  return printed;
}

/** The names in the list \`Commands:\` of a help text. */
function listedCommands(help: string): string[] {
  const list = /^Commands:\n((?: {2}.*\n)+)/m.exec(help)?.[1] ?? "";
  return [...list.matchAll(/^ {2}(\w[\w-]*)/gm)].map((match) => match[1]!)
    .filter((name) => name !== "help");
}
