// A process that votes with slow stand-ins, for tests to kill: deno run vote_process.ts ARGS…
import { run } from "../../src/cli/main.ts";
import { Output } from "../../src/cli/output.ts";
import { voteCommand } from "../../src/cli/vote/vote.ts";
import { stubVoters } from "../tasks/vote/stub_voters.ts";

const output = Output.system();
const log = { loaded: [], scored: [] as string[] };
const status = await run([voteCommand(output, stubVoters(log, { delay: 5 }))], Deno.args, output);
await output.note(`${log.scored.length} scored`);
Deno.exit(status);
